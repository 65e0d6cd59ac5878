"""Who a post is from and what it is about, through the real digest: handles that move, names that change."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from connectors._base import Author, Mention
from console.invariants import broken
from tests.journey import CALM, FURIOUS, MILD, US, Journey, at, post
from workers.digest import digest, score_texts
from workers.directory import Directories
from workers.pages import claim
from workers.sweep import sweep


def by(number: int, handle: str) -> Author:
    return Author(id=f"https://town.example/u/{number}", handle=f"{handle}@town.example")


def matches(journey: Journey, external_id: str, state: str = "live") -> dict[UUID, str]:
    """record -> how, of the matches in a state."""
    rows = journey.execute(
        "SELECT m.record_id, m.how FROM matches m JOIN social_events e ON e.id = m.event_id "
        "WHERE e.external_id = :id AND m.state = :state",
        id=external_id,
        state=state,
    )
    return {row.record_id: row.how for row in rows}


def test_a_recycled_handle_does_not_inherit(journey: Journey) -> None:
    ann = journey.contact("ann@town.example")
    source = journey.source()
    journey.hear(source, post("p1", author=by(1, "ann")))
    journey.hear(source, post("p2", author=by(1, "ann_moved")))
    journey.hear(source, post("p3", author=by(2, "ann"), text=FURIOUS, to=US))
    assert [journey.event(p).contact_id for p in ("p1", "p2", "p3")] == [ann, ann, None]
    assert matches(journey, "p3", "suggested") == {ann: "recycled handle"}


def test_two_who_come_with_one_handle_in_one_page_are_not_both_the_contact(journey: Journey) -> None:
    ann = journey.contact("ann@town.example")
    journey.hear(
        journey.source(), post("p1", author=by(1, "ann")), post("p2", author=by(2, "ann"), minutes=2)
    )
    assert [journey.event(p).contact_id for p in ("p1", "p2")] == [ann, None]


def test_two_workers_that_see_one_handle_with_two_ids_link_one_of_them(journey: Journey) -> None:
    journey.contact("ann@town.example")
    journey.land(journey.source(), post("p1", author=by(1, "ann")))
    journey.land(journey.source(term="other"), post("p2", author=by(2, "ann")))
    first = claim(journey.sessions, journey.settings.model_copy(update={"digest_posts": 1}))
    second = claim(journey.sessions, journey.settings)
    stolen: list[int] = []

    def meanwhile(directory: Any, texts: Any) -> Any:
        # between the look-up of the first batch and its write the second is done
        if not stolen:
            stolen.append(1)
            digest(journey.sessions, second, Directories(), score_texts)
        return score_texts(directory, texts)

    digest(journey.sessions, first, Directories(), meanwhile)
    linked = journey.execute("SELECT stable_id FROM identities WHERE contact_id IS NOT NULL")
    assert len(linked) == 1
    assert journey.value("SELECT count(*) FROM social_events WHERE contact_id IS NOT NULL") == 1


def test_a_handle_entered_later_takes_the_past_posts_along(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("p1", author=by(1, "ann")), post("p2", author=by(1, "ann"), minutes=2))
    ann = journey.contact("ann@town.example")
    journey.hear(source, post("p3", by="somebody"))
    assert [journey.event(p).contact_id for p in ("p1", "p2")] == [ann, ann]
    journey.hear(source, post("p4", author=by(2, "ann")))
    assert journey.event("p4").contact_id is None


def test_past_posts_follow_when_the_author_is_seen_with_the_handle(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("p1", author=by(1, "ann_before")))
    ann = journey.contact("ann@town.example")
    journey.hear(source, post("p2", author=by(1, "ann")))
    assert [journey.event(p).contact_id for p in ("p1", "p2")] == [ann, ann]


def test_an_old_handle_of_ours_is_not_us_when_somebody_else_takes_it(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("p1", author=by(1, "northwind")))
    journey.hear(source, post("p2", author=by(2, "northwind"), text=FURIOUS, to=US))
    assert [journey.event(p).voice for p in ("p1", "p2")] == ["own", "earned"]
    assert len(journey.cases()) == 1


def test_a_mention_by_handle_alone_means_whoever_holds_it(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("p1", author=by(1, "ann")))
    ann = journey.value("INSERT INTO contacts (first_name) VALUES ('Ann') RETURNING id")
    journey.execute("UPDATE identities SET contact_id = :ann, decided = true", ann=ann)
    journey.hear(source, post("p2", mentions=(Mention(handle="Ann@town.example"),)))
    assert matches(journey, "p2") == {ann: "handle"}


def test_a_source_followed_for_a_campaign_brings_its_posts_within_the_dates(journey: Journey) -> None:
    day = at(0).date()
    campaign = journey.value(
        "INSERT INTO campaigns (name, starts_on, ends_on) VALUES ('Launch', :day, :day) RETURNING id", day=day
    )
    source = journey.source(campaign_id=campaign)
    journey.hear(source, post("p1"), post("p2", minutes=60 * 24 * 3))
    assert [journey.event(p).campaign_id for p in ("p1", "p2")] == [campaign, None]


def test_a_post_that_a_campaign_s_source_hears_second_is_the_campaign_s_too(journey: Journey) -> None:
    campaign = journey.value("INSERT INTO campaigns (name) VALUES ('Launch') RETURNING id")
    journey.hear(journey.source(), post("p1", text=FURIOUS))
    journey.hear(journey.source(term="launch", campaign_id=campaign), post("p1", text=FURIOUS))
    assert journey.event("p1").campaign_id == campaign
    assert matches(journey, "p1") == {campaign: "source"}
    assert journey.value("SELECT sum(n) FROM hours WHERE scope = :scope", scope=f"campaign:{campaign}") == 1


def test_an_edit_finds_anew_what_the_machine_found_and_leaves_what_a_person_decided(journey: Journey) -> None:
    _, two, three = (journey.account(name) for name in ("Brightwell", "Osterly", "Wexmoor"))
    source = journey.source()
    journey.hear(source, post("p1", text="Brightwell and Wexmoor are late"))
    journey.execute("UPDATE matches SET state = 'undone', by = 'sam' WHERE record_id = :id", id=three)
    journey.hear(source, post("p1", text="Osterly and Wexmoor are late", edited_at=at(5)))
    assert matches(journey, "p1") == {two: "alias"}
    assert matches(journey, "p1", "undone") == {three: "alias"}
    assert journey.event("p1").account_id == two
    assert journey.value("SELECT sum(n) FROM hours WHERE scope = :scope", scope=f"account:{two}") == 1


def test_a_comparison_keeps_both(journey: Journey) -> None:
    one, two = journey.account("Brightwell"), journey.account("Osterly")
    journey.hear(journey.source(), post("p1", text="Switching from Brightwell to Osterly, finally"))
    assert matches(journey, "p1") == {one: "alias", two: "alias"}
    assert journey.event("p1").account_id is None


def test_a_name_that_is_gone_or_new_is_heard_without_a_restart(journey: Journey) -> None:
    directories, source = Directories(), journey.source()

    def hear(number: int) -> Any:
        journey.land(source, post(f"p{number}", text="Brightwell and Osterly are late"))
        for held in directories._held.values():
            held.looked = 0.0
        digest(journey.sessions, claim(journey.sessions, journey.settings), directories, score_texts)
        return journey.event(f"p{number}").account_id

    one = journey.account("Brightwell")
    assert hear(1) == one
    journey.execute("UPDATE accounts SET name = 'Wexmoor' WHERE id = :id", id=one)
    two = journey.account("Osterly")
    assert hear(2) == two
    journey.execute("DELETE FROM accounts WHERE id = :id", id=two)
    assert hear(3) is None


def test_a_campaign_counts_only_on_its_days(journey: Journey) -> None:
    campaign = journey.value(
        "INSERT INTO campaigns (name, starts_on) VALUES ('Late', :day) RETURNING id", day=date(2026, 6, 2)
    )
    journey.alias("hashtag", "late", "campaign", campaign_id=campaign)
    source = journey.source()
    journey.hear(source, post("p1", hashtags=("Late",)), post("p2", hashtags=("late",), minutes=60 * 24))
    assert [journey.event(p).campaign_id for p in ("p1", "p2")] == [None, campaign]


def test_what_was_rejected_is_not_suggested_again(journey: Journey) -> None:
    account, source = journey.account("Brightwell GmbH"), journey.source()
    journey.hear(source, post("p1", text=f"Brightwel {CALM}"))
    assert matches(journey, "p1", "suggested") == {account: "similar name"}
    journey.execute(
        "INSERT INTO refusals (kind, record_id, evidence) VALUES ('account', :id, 'brightwel')", id=account
    )
    journey.hear(source, post("p2", text=f"Brightwel {CALM}"))
    assert matches(journey, "p2", "suggested") == {}


def test_an_answer_is_about_what_its_thread_is_about(journey: Journey) -> None:
    one, two = journey.account("Brightwell"), journey.account("Osterly")
    source = journey.source()
    journey.hear(
        source,
        post("p1", text="Brightwell is late"),
        post("p2", text="same here", by="a", reply_to="p1"),
        post("p3", text="and Osterly too", by="b", reply_to="p2"),
    )
    journey.hear(source, post("p4", text="really?", by="c", reply_to="p2"), post("p5", by="d", reply_to="p3"))
    assert [journey.event(f"p{n}").account_id for n in range(1, 6)] == [one, one, two, one, two]
    assert matches(journey, "p4") == {one: "thread"}


def test_an_answer_that_was_heard_first_is_about_its_thread_too(journey: Journey) -> None:
    one, source = journey.account("Brightwell"), journey.source()
    journey.hear(source, post("p3", by="b", reply_to="p2"), post("p2", by="a", reply_to="p1"))
    journey.hear(source, post("p1", text="Brightwell is late"))
    assert [journey.event(f"p{n}").account_id for n in range(1, 4)] == [one, one, one]
    assert journey.value("SELECT sum(n) FROM hours WHERE scope = :scope", scope=f"account:{one}") == 3


def test_what_a_killed_worker_left_of_a_thread_the_sweep_finds(journey: Journey) -> None:
    one, source = journey.account("Brightwell"), journey.source()
    journey.hear(source, post("p2", by="a", reply_to="p1"))
    journey.hear(source, post("p1", text="nothing yet"))
    journey.execute(
        "INSERT INTO matches (org_id, event_id, kind, record_id, how, sure) "
        "SELECT org_id, id, 'account', :one, 'alias', 0.9 FROM social_events WHERE external_id = 'p1'",
        one=one,
    )
    journey.execute("UPDATE social_events SET account_id = :one WHERE external_id = 'p1'", one=one)
    sweep(journey.sessions, journey.settings)
    assert journey.event("p2").account_id == one


def test_an_answer_by_a_customer_of_another_account_is_not_about_the_thread(journey: Journey) -> None:
    one, two = journey.account("Brightwell"), journey.account("Osterly")
    journey.contact("ann@town.example", account=two)
    journey.hear(
        journey.source(),
        post("p1", text="Brightwell is late"),
        post("p2", author=by(1, "ann"), reply_to="p1"),
    )
    assert [journey.event(p).account_id for p in ("p1", "p2")] == [one, two]


def test_a_reply_in_a_bad_thread_opens_nothing_by_its_thread_alone(journey: Journey) -> None:
    journey.account("Brightwell")
    journey.hear(
        journey.source(), post("p1", text="Brightwell is here"), post("p2", FURIOUS, by="a", reply_to="p1")
    )
    assert journey.cases() == []


def test_a_handle_entered_beside_a_stable_id_is_nobody_s_with_another_id(journey: Journey) -> None:
    account = journey.account("Brightwell")
    for value in ("https://town.example/u/1", "brightwell@town.example"):
        journey.alias("handle", value, "account", platform="mastodon", account_id=account)
    source = journey.source()
    journey.hear(source, post("p1", author=by(2, "brightwell")), post("p2", author=by(1, "brightwell")))
    assert [journey.event(p).account_id for p in ("p1", "p2")] == [None, account]
    named = Mention(id="https://town.example/u/2", handle="brightwell@town.example")
    journey.hear(source, post("p3", by="a", mentions=(named,)))
    assert matches(journey, "p3") == {}


def test_an_edit_takes_the_reposts_to_its_new_account(journey: Journey) -> None:
    journey.account("Brightwell")
    two, source = journey.account("Osterly"), journey.source()
    journey.hear(source, post("p1", text="Brightwell is late"), post("r1", verb="repost", repost_of="p1"))
    journey.hear(source, post("p1", text="Osterly is late", edited_at=at(5)))
    assert journey.value("SELECT sum(reposts) FROM hours WHERE scope = :scope", scope=f"account:{two}") == 1
    with journey.sessions() as session:
        assert list(broken(session, "main")) == []


def test_a_case_that_rises_brings_its_ticket_to_a_post_that_named_another(journey: Journey) -> None:
    other = journey.execute("INSERT INTO tickets (subject) VALUES ('x') RETURNING id, number")[0]
    source = journey.source()
    journey.hear(source, post("p1", f"{MILD} about ticket {other.number}", to=US))
    assert journey.event("p1").ticket_id == other.id
    journey.hear(source, post("p2", FURIOUS, to=US, minutes=2))
    assert journey.event("p1").ticket_id == journey.event("p2").ticket_id != other.id
    with journey.sessions() as session:
        assert list(broken(session, "main")) == []


def test_an_edit_does_not_bring_a_ticket_back_that_a_person_untied(journey: Journey) -> None:
    other = journey.execute("INSERT INTO tickets (subject) VALUES ('x') RETURNING id, number")[0]
    source = journey.source()
    journey.hear(source, post("p1", f"{CALM} about ticket {other.number}", to=US))
    journey.execute("UPDATE matches SET state = 'undone', by = 'sam' WHERE kind = 'ticket'")
    journey.execute("UPDATE social_events SET ticket_id = NULL")
    journey.hear(source, post("p1", f"{CALM} so, about ticket {other.number}", to=US, edited_at=at(5)))
    assert journey.event("p1").ticket_id is None


def test_a_source_that_changes_its_campaign_changes_no_post_that_it_brought_before(journey: Journey) -> None:
    one, two = (
        journey.value("INSERT INTO campaigns (name) VALUES (:name) RETURNING id", name=name) for name in "ab"
    )
    source = journey.source(campaign_id=one)
    journey.hear(source, post("p1"))
    journey.execute("UPDATE sources SET campaign_id = :two", two=two)
    journey.hear(source, post("p1"), post("p2", minutes=2))
    assert [journey.event(p).campaign_id for p in ("p1", "p2")] == [one, two]


def test_what_a_campaign_s_own_handle_says_is_the_campaign_s(journey: Journey) -> None:
    campaign = journey.value("INSERT INTO campaigns (name) VALUES ('Launch') RETURNING id")
    journey.alias("handle", "launch@town.example", "campaign", platform="mastodon", campaign_id=campaign)
    journey.hear(journey.source(), post("p1", author=by(1, "launch")))
    assert journey.event("p1").campaign_id == campaign


def test_a_thread_does_not_tie_again_what_a_person_untied(journey: Journey) -> None:
    journey.account("Brightwell")
    source = journey.source()
    journey.hear(source, post("p1", text="Brightwell is late"))
    journey.execute("UPDATE matches SET state = 'undone', by = 'sam'")
    journey.execute("UPDATE social_events SET account_id = NULL")
    journey.hear(source, post("p1", text="Brightwell is late"), post("p2", by="a", reply_to="p1"))
    assert journey.event("p2").account_id is None


def test_a_mention_of_our_handle_is_to_us_though_another_had_it_once(journey: Journey) -> None:
    source = journey.source()
    for number, handle in ((1, "old"), (2, "old"), (1, "new"), (2, "new")):
        journey.hear(source, post(f"{number}{handle}", author=by(number, handle)))
    journey.own("new@town.example")
    journey.hear(source, post("p1", FURIOUS, by="a", to="new@town.example"))
    assert journey.event("p1").addressed
