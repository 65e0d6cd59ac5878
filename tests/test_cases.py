"""What opens, rises, joins and is held back, over a real database."""

from __future__ import annotations

from connectors._base import Author
from tests.journey import CALM, FURIOUS, MILD, US, WARM, Journey, post


def test_an_angry_post_to_us_opens_a_ticket_and_no_activity(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, to=US))
    [case] = journey.cases()
    assert (case.level, case.ticket, case.activity, case.posts) == ("ticket", True, False, 1)
    [ticket] = journey.execute("SELECT * FROM tickets")
    assert ticket.status == "open"
    assert ticket.source == "social"
    assert "zoe@town.example" in ticket.subject
    assert journey.event("1").ticket_id == ticket.id


def test_second_angry_post_joins_the_open_ticket(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, to=US))
    journey.hear(source, post("2", FURIOUS, to=US, minutes=5))
    [case] = journey.cases()
    assert case.posts == 2
    assert journey.value("SELECT count(*) FROM tickets") == 1


def test_a_mild_post_then_a_furious_one_raise_one_case(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("1", MILD, to=US))
    [case] = journey.cases()
    assert (case.level, case.ticket, case.activity) == ("activity", False, True)
    journey.hear(source, post("2", FURIOUS, to=US, minutes=5))
    [case] = journey.cases()
    assert (case.level, case.ticket, case.activity, case.posts) == ("ticket", True, True, 2)
    [activity] = journey.execute("SELECT * FROM activities")
    [ticket] = journey.execute("SELECT * FROM tickets")
    assert activity.ticket_id == ticket.id
    assert {journey.event("1").ticket_id, journey.event("2").ticket_id} == {ticket.id}


def test_mild_and_furious_in_one_page_raise_one_case_in_the_order_written(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("2", FURIOUS, to=US, minutes=5), post("1", MILD, to=US, minutes=1))
    [case] = journey.cases()
    assert (case.level, case.ticket, case.activity, case.posts) == ("ticket", True, True, 2)
    assert journey.value("SELECT ticket_id IS NOT NULL FROM activities") is True


def test_two_customers_furious_under_the_same_post_of_ours_get_a_case_each(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("0", WARM, by="northwind"))
    journey.hear(
        source,
        post("1", FURIOUS, by="ann", reply_to="0", verb="comment", minutes=2),
        post("2", FURIOUS, by="bob", reply_to="0", verb="comment", minutes=3),
    )
    assert [(case.level, case.posts) for case in journey.cases()] == [("ticket", 1), ("ticket", 1)]


def test_what_answers_an_open_case_joins_it_whoever_wrote_it(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, to=US))
    journey.hear(
        source,
        post("2", CALM, by="passer", reply_to="1", verb="comment", minutes=2),
        post("3", WARM, by="northwind", reply_to="1", verb="comment", minutes=3),
        post("4", CALM, by="zoe", reply_to="3", verb="comment", minutes=4),
    )
    [case] = journey.cases()
    assert case.posts == 4


def test_a_furious_answer_to_somebody_elses_open_case_opens_its_authors_own(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, by="ann", to=US))
    journey.hear(source, post("2", FURIOUS, by="bob", to=US, reply_to="1", verb="comment", minutes=2))
    assert [(case.level, case.posts) for case in journey.cases()] == [("ticket", 1), ("ticket", 1)]
    assert journey.event("2").case_role == "opened"


def test_a_reply_landed_before_its_parent_joins_its_case_later(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("2", CALM, by="passer", reply_to="1", verb="comment", minutes=2))
    assert journey.event("2").case_id is None
    journey.hear(source, post("3", CALM, by="other", reply_to="2", verb="comment", minutes=3))
    journey.hear(source, post("1", FURIOUS, to=US, minutes=1))
    [case] = journey.cases()
    assert case.posts == 3
    assert journey.event("2").ticket_id == journey.event("1").ticket_id


def test_a_reply_known_by_its_servers_number_finds_its_parent(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("https://a/1", FURIOUS, to=US, local_id="a/1"))
    journey.hear(source, post("https://a/2", CALM, by="passer", reply_to="a/1", local_id="a/2", minutes=2))
    journey.hear(source, post("https://a/4", CALM, by="late", reply_to="a/3", local_id="a/4", minutes=4))
    journey.hear(source, post("https://a/3", CALM, by="mid", reply_to="a/2", local_id="a/3", minutes=3))
    [case] = journey.cases()
    assert case.posts == 4


def test_one_post_under_several_rules_opens_one_case_by_the_strongest(journey: Journey) -> None:
    source = journey.source()
    journey.alias("name", "Northwind", "ourselves")
    journey.contact("zoe@town.example")
    journey.hear(source, post("1", "Northwind, " + FURIOUS, to=US))
    [case] = journey.cases()
    assert (case.level, case.ticket, case.activity) == ("ticket", True, False)
    assert journey.value("SELECT action FROM rules r JOIN cases c ON c.rule_id = r.id") == "ticket"


def test_a_stranger_who_only_names_us_makes_an_activity_and_a_contact_a_ticket(journey: Journey) -> None:
    source = journey.source()
    journey.alias("name", "Northwind", "ourselves")
    journey.contact("ann@town.example")
    journey.hear(
        source,
        post("1", "Northwind: " + FURIOUS, by="stranger"),
        post("2", "Northwind: " + FURIOUS, by="ann"),
    )
    assert sorted((case.level, case.ticket, case.activity) for case in journey.cases()) == [
        ("activity", False, True),
        ("ticket", True, False),
    ]


def test_closing_the_ticket_closes_the_case_and_the_next_complaint_opens_another(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, to=US))
    journey.execute("UPDATE tickets SET status = 'resolved'")
    assert [case.open for case in journey.cases()] == [False]
    journey.hear(source, post("2", FURIOUS, to=US, minutes=9))
    assert [case.open for case in journey.cases()] == [False, True]
    assert journey.value("SELECT previous_id IS NOT NULL FROM cases WHERE closed_at IS NULL") is True


def test_own_posts_open_nothing(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, by="northwind", to=US))
    assert journey.cases() == []
    event = journey.event("1")
    assert (event.voice, event.direction, event.held_back) == ("own", "outbound", "own post")


def test_an_own_post_that_names_an_account_of_ours_opens_nothing_either(journey: Journey) -> None:
    """Our own words are neither to us nor about us, but they may well name a customer."""
    journey.alias("name", "Velmora Hotels", "account", account_id=journey.account("Velmora Hotels"))
    source = journey.source()
    journey.hear(source, post("1", f"{FURIOUS} Poor Velmora Hotels.", by="northwind"))
    assert journey.cases() == []
    assert journey.event("1").account_id is not None
    assert journey.event("1").held_back == "own post"


def test_what_was_said_before_the_start_mark_is_only_imported(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, to=US, minutes=-1))
    assert journey.cases() == []
    assert journey.event("1").held_back == "before the start mark"


def test_a_repost_is_no_event_and_counts_once_on_the_original(journey: Journey) -> None:
    source = journey.source()
    repost = post("r1", "", by="fan", verb="repost", repost_of="1", minutes=2)
    journey.hear(source, post("1", FURIOUS, to=US), repost)
    journey.hear(source, repost, post("r2", "", by="fan2", verb="repost", repost_of="1", minutes=3))
    assert journey.event("1").reposts == 2
    assert journey.value("SELECT count(*) FROM social_events") == 1
    assert journey.ledger() == {
        "fetched": 4,
        "new": 1,
        "duplicate": 0,
        "edited": 0,
        "filtered": 3,
        "quarantined": 0,
        "waiting": 0,
    }


def test_an_edit_that_makes_it_worse_raises_the_case(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("1", MILD, to=US))
    journey.hear(source, post("1", FURIOUS, to=US, edited_at=post("x", minutes=7).posted_at))
    [case] = journey.cases()
    assert (case.level, case.ticket, case.activity, case.posts) == ("ticket", True, True, 1)
    assert journey.event("1").text == FURIOUS


def test_an_older_edit_never_overwrites_a_newer(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("1", "third", edited_at=post("x", minutes=9).posted_at))
    journey.hear(source, post("1", "second", edited_at=post("x", minutes=5).posted_at))
    assert journey.event("1").text == "third"
    assert journey.ledger()["duplicate"] == 1


def test_a_non_english_post_has_no_score_and_opens_nothing(journey: Journey) -> None:
    source = journey.source()
    journey.hear(
        source, post("1", "Die Lieferung ist die letzte Katastrophe, schrecklich.", to=US, lang="de")
    )
    event = journey.event("1")
    assert event.sentiment is None
    assert event.unscored == "lang:de"
    assert journey.cases() == []


def test_an_answer_to_us_in_the_same_page_is_addressed_to_us(journey: Journey) -> None:
    source = journey.source()
    journey.hear(
        source,
        post("1", FURIOUS, by="ann", reply_to="0", verb="comment", minutes=2),
        post("0", WARM, by="northwind"),
    )
    assert journey.event("1").addressed is True
    assert [case.level for case in journey.cases()] == ["ticket"]


def test_a_bot_opens_nothing_and_the_event_says_why(journey: Journey) -> None:
    source = journey.source()
    bot = Author(id="https://town.example/users/bot", handle="bot@town.example", bot=True)
    journey.hear(source, post("1", FURIOUS, to=US, author=bot))
    assert journey.cases() == []
    assert journey.event("1").held_back == "posted by a bot"


def test_a_text_without_an_edit_stamp_is_an_edit_only_where_the_same_source_said_otherwise(
    journey: Journey,
) -> None:
    source, other = journey.source(), journey.source(term="other")
    journey.hear(source, post("1", "first"))
    journey.hear(other, post("1", "first, as another server shows it"))
    assert journey.event("1").text == "first"
    journey.hear(source, post("1", "second"))
    assert journey.event("1").text == "second"
    assert (journey.ledger()["duplicate"], journey.ledger()["edited"]) == (1, 1)


def test_a_repost_heard_before_its_original_counts_on_it_all_the_same(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("r1", "", by="fan", verb="repost", repost_of="1", minutes=2))
    journey.hear(source, post("1", CALM))
    journey.hear(source, post("r2", "", by="fan2", verb="repost", repost_of="1", minutes=3))
    assert journey.event("1").reposts == 2
    assert journey.value("SELECT sum(reposts) FROM hours WHERE scope = 'all'") == 2


def test_a_contact_whose_handle_is_entered_later_is_known_from_the_next_post_on(journey: Journey) -> None:
    source = journey.source()
    journey.alias("name", "Northwind", "ourselves")
    journey.hear(source, post("1", CALM, by="ann"))
    contact = journey.contact("ann@town.example")
    journey.hear(source, post("2", "Northwind: " + FURIOUS, by="ann", minutes=3))
    assert journey.event("2").contact_id == contact
    assert journey.value("SELECT contact_id FROM identities") == contact
    assert [case.level for case in journey.cases()] == ["ticket"]


def test_an_identity_that_a_person_gave_to_somebody_is_not_given_away_by_a_handle(journey: Journey) -> None:
    source = journey.source()
    first = journey.contact("ann@town.example")
    journey.hear(source, post("1", CALM, by="ann"))
    journey.execute("UPDATE identities SET decided = true WHERE contact_id IS NOT NULL")
    journey.execute("DELETE FROM aliases WHERE contact_id IS NOT NULL")
    journey.contact("ann@town.example")
    journey.hear(source, post("2", CALM, by="ann", minutes=3))
    assert journey.event("2").contact_id == first


def test_a_furious_answer_that_landed_before_our_post_opens_its_case_when_that_comes(
    journey: Journey,
) -> None:
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, by="ann", reply_to="a/0", verb="comment", minutes=2))
    assert journey.cases() == []
    journey.hear(source, post("0", WARM, by="northwind", local_id="a/0"))
    [case] = journey.cases()
    assert (case.level, case.posts) == ("ticket", 1)
    assert journey.event("1").addressed is True
    journey.hear(source, post("9", WARM, by="northwind", minutes=9))
    assert len(journey.cases()) == 1


def test_a_ticket_opened_again_is_a_case_again_once_the_newer_one_is_closed(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, to=US))
    journey.execute("UPDATE tickets SET status = 'closed'")
    journey.hear(source, post("2", FURIOUS, to=US, minutes=3))
    first, second = (row.id for row in journey.execute("SELECT id FROM tickets ORDER BY number"))
    journey.execute("UPDATE tickets SET status = 'open' WHERE id = :id", id=first)
    journey.execute("UPDATE tickets SET status = 'closed' WHERE id = :id", id=second)
    journey.hear(source, post("3", FURIOUS, to=US, minutes=9))
    assert journey.value("SELECT count(*) FROM tickets") == 2
    assert journey.event("3").ticket_id == first
