"""Leads by rule: who becomes one, once, so many a day, and never whoever complains."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from connectors._base import Author
from tests.journey import CALM, FURIOUS, US, WARM, Journey, at, post
from tests.waiting import eventually
from workers._said import first_said
from workers.digest import digest, score_texts
from workers.directory import Directories
from workers.escalate import Facts
from workers.leads import Wanted, make_leads
from workers.pages import claim
from workers.rule import Rule
from workers.sweep import sweep

LOOKING = "Looking for a coffee roaster near the harbour, any ideas?"


def rule(journey: Journey, **columns: Any) -> UUID:
    """A rule that makes Leads of those who speak to us, unless said otherwise."""
    names = {"org_id": journey.org, "name": "People who ask", "audience": "addressed", "threshold": 1.0}
    names |= {"action": "lead", "per_day": 20, "words": ["looking for"]} | columns
    made: UUID = journey.value(
        f"INSERT INTO rules ({', '.join(names)}) VALUES ({', '.join(f':{n}' for n in names)}) RETURNING id",
        **names,
    )
    return made


def leads(journey: Journey) -> list[Any]:
    return journey.execute(
        "SELECT l.*, i.handle FROM leads l LEFT JOIN identities i ON i.lead_id = l.id"
        " WHERE l.org_id = :org ORDER BY l.created_at, i.handle",
        org=journey.org,
    )


def test_a_stranger_who_asks_becomes_one_lead_whatever_else_he_says(journey: Journey) -> None:
    made_by = rule(journey)
    source = journey.source()
    kim = Author(id="https://town.example/users/kim", handle="kim@town.example", name="Kim  van Dam")
    journey.hear(
        source, post("1", LOOKING, to=US, author=kim), post("2", LOOKING, to=US, author=kim, minutes=2)
    )
    journey.hear(source, post("3", LOOKING, to=US, author=kim, minutes=3))
    [lead] = leads(journey)
    assert (lead.source, lead.status, lead.first_name, lead.last_name) == ("social", "new", "Kim", "van Dam")
    assert (lead.company, lead.rule_id, lead.handle) == (None, made_by, "kim@town.example")
    assert lead.identity_id == journey.event("1").identity_id
    [match] = journey.execute("SELECT * FROM matches WHERE how = 'rule'")
    assert (match.kind, match.record_id, match.author, match.sure) == ("lead", lead.id, True, 1.0)
    assert (match.event_id, match.evidence) == (journey.event("1").id, "looking for")
    assert journey.event("1").rule_id == made_by
    assert journey.event("1").held_back is None
    assert journey.cases() == []


def test_a_lead_without_a_display_name_bears_its_handle(journey: Journey) -> None:
    rule(journey)
    journey.hear(journey.source(), post("1", LOOKING, to=US, by="ann"))
    assert [(lead.first_name, lead.last_name) for lead in leads(journey)] == [("ann@town.example", None)]


def test_a_lead_belongs_to_the_campaign_that_its_post_names(journey: Journey) -> None:
    rule(journey, audience="named")
    campaign = journey.value("INSERT INTO campaigns (name) VALUES ('Slow Mornings') RETURNING id")
    journey.alias("hashtag", "slowmornings", "campaign", campaign_id=campaign)
    journey.hear(journey.source(), post("1", LOOKING, hashtags=("SlowMornings",)))
    assert [lead.campaign_id for lead in leads(journey)] == [campaign]


def test_somebody_whom_we_know_is_no_lead(journey: Journey) -> None:
    rule(journey, words=[])
    journey.contact("ann@town.example")
    journey.alias(
        "handle", "bob@town.example", "account", platform="mastodon", account_id=journey.account("B")
    )
    journey.alias("handle", "rival@town.example", "competitor", platform="mastodon")
    names = ["ann", "bob", "rival", "northwind"]
    posts = [post(name, LOOKING, to=US, by=name) for name in names]
    bot = Author(id="https://town.example/users/bot", handle="bot@town.example", bot=True)
    posts += [post("bot", LOOKING, to=US, author=bot), post("nobody", LOOKING, to=US, by=None)]
    posts += [post("early", LOOKING, to=US, by="early", minutes=-1), post("elsewhere", LOOKING, by="else")]
    journey.hear(journey.source(), *posts)
    assert journey.value("SELECT count(*) FROM social_events") == len(posts)
    assert leads(journey) == []


def test_who_is_merged_into_somebody_we_know_is_known(journey: Journey) -> None:
    rule(journey, words=[])
    source = journey.source()
    journey.hear(source, post("1", CALM, by="ann"), post("2", CALM, by="bob"))
    ann = journey.event("1").identity_id
    journey.execute("UPDATE identities SET merged_into = :to WHERE handle LIKE 'bob%'", to=ann)
    contact = journey.value("INSERT INTO contacts (first_name) VALUES ('Ann') RETURNING id")
    journey.execute("UPDATE identities SET contact_id = :c WHERE handle LIKE 'ann%'", c=contact)
    journey.hear(source, post("4", LOOKING, to=US, by="bob", minutes=3))
    assert leads(journey) == []


def test_two_identities_of_one_person_make_one_lead(journey: Journey) -> None:
    rule(journey)
    source = journey.source()
    journey.hear(source, post("1", CALM, by="ann"), post("2", CALM, by="bob"))
    ann = journey.event("1").identity_id
    journey.execute("UPDATE identities SET merged_into = :to WHERE handle LIKE 'bob%'", to=ann)
    journey.hear(
        source, post("3", LOOKING, to=US, by="bob", minutes=3), post("4", LOOKING, to=US, by="ann", minutes=4)
    )
    journey.hear(source, post("5", LOOKING, to=US, by="bob", minutes=5))
    assert [lead.identity_id for lead in leads(journey)] == [ann]


def test_an_angry_one_opens_a_ticket_and_is_no_lead_until_it_is_settled(journey: Journey) -> None:
    rule(journey, words=[])
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, to=US), post("2", LOOKING, to=US, minutes=2))
    journey.hear(source, post("3", WARM, to=US, minutes=3))
    assert [case.level for case in journey.cases()] == ["ticket"]
    assert leads(journey) == []
    journey.execute("UPDATE tickets SET status = 'closed'")
    journey.hear(source, post("4", LOOKING, to=US, minutes=4))
    assert len(leads(journey)) == 1


def test_a_rule_for_leads_never_opens_a_case(journey: Journey) -> None:
    journey.execute("DELETE FROM rules")
    rule(journey, words=[])
    journey.hear(journey.source(), post("1", FURIOUS, to=US))
    assert journey.cases() == []
    assert len(leads(journey)) == 1


@pytest.mark.parametrize(("threshold", "made"), [(1.0, 1), (0.9, 0)])
def test_a_post_without_a_score_passes_only_where_any_would(
    journey: Journey, threshold: float, made: int
) -> None:
    rule(journey, words=[], threshold=threshold)
    journey.hear(journey.source(), post("1", "Wo gibt es hier guten Kaffee zu kaufen?", to=US, lang="de"))
    assert journey.event("1").sentiment is None
    assert len(leads(journey)) == made


def test_words_hold_for_cases_as_well(journey: Journey) -> None:
    journey.execute("UPDATE rules SET words = '{refund,money back}' WHERE action = 'ticket'")
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, to=US, by="ann"))
    journey.hear(source, post("2", f"{FURIOUS} I want my MONEY  back!", to=US, by="bob"))
    assert [case.level for case in journey.cases()] == ["activity", "ticket"]


@pytest.mark.parametrize(
    ("words", "phrase", "said"),
    [
        ("I want a REFUND.", "refund", True),
        ("refunds take long", "refund", False),
        ("I'm looking\n for coffee", "looking for", True),
        ("where can’t I buy", "can't i buy", True),
        ("unlooking for", "looking for", False),
        ("use #coffee!", "#coffee", True),
        ("コーヒーが欲しい", "コーヒー", True),
        ("straße", "STRASSE", True),
        ("", "refund", False),
    ],
)
def test_a_phrase_counts_at_word_boundaries_in_any_case(words: str, phrase: str, said: bool) -> None:
    assert (first_said(words, [phrase]) == phrase) is said


def test_beyond_the_cap_nobody_is_made_a_lead_and_the_post_says_so(journey: Journey) -> None:
    capped = rule(journey, per_day=2)
    source = journey.source()
    journey.hear(source, *(post(str(n), LOOKING, to=US, by=f"p{n}", minutes=n) for n in range(1, 5)))
    assert [lead.handle for lead in leads(journey)] == ["p1@town.example", "p2@town.example"]
    held = journey.execute("SELECT external_id, held_back, rule_id FROM social_events ORDER BY external_id")
    reasons = [None, None, "lead cap reached", "lead cap reached"]
    assert [(row.held_back, row.rule_id) for row in held] == [(reason, capped) for reason in reasons]
    journey.execute("UPDATE leads SET created_at = created_at - interval '25 hours'")
    journey.hear(source, post("9", LOOKING, to=US, by="p9", minutes=9))
    assert len(leads(journey)) == 3


def test_a_rule_without_a_cap_makes_as_many_as_there_are(journey: Journey) -> None:
    rule(journey, per_day=None)
    journey.hear(journey.source(), *(post(str(n), LOOKING, to=US, by=f"p{n}") for n in range(30)))
    assert len(leads(journey)) == 30


@pytest.mark.parametrize(("per_day", "made"), [(5, 5), (None, 25)])
def test_eight_workers_at_once_make_one_lead_of_one_and_keep_the_cap(
    journey: Journey, per_day: int | None, made: int
) -> None:
    rule(journey, per_day=per_day)
    for n in range(8):
        source = journey.source(term=f"t{n}")
        journey.land(
            source,
            post(f"one{n}", LOOKING, to=US, by="one", minutes=1),
            *(post(f"{n}.{m}", LOOKING, to=US, by=f"p{n}.{m}", minutes=2 + m) for m in range(3)),
        )
    together = threading.Barrier(8)
    settings = journey.settings.model_copy(update={"digest_posts": 4})

    def work(_: int) -> None:
        pages = claim(journey.sessions, settings)
        together.wait()
        digest(journey.sessions, pages, Directories(), score_texts)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert journey.ledger()["new"] == 32
    assert journey.value("SELECT count(*) FROM leads") == made
    assert (
        journey.value(
            "SELECT count(*) FROM leads l JOIN identities i ON i.id = l.identity_id"
            " WHERE i.handle = 'one@town.example'"
        )
        == 1
    )
    held = journey.value("SELECT count(DISTINCT identity_id) FROM social_events WHERE held_back IS NOT NULL")
    assert held == 25 - made


def test_a_page_that_comes_again_makes_nobody_a_lead_again(journey: Journey) -> None:
    rule(journey)
    source = journey.source()
    journey.hear(source, post("1", LOOKING, to=US))
    journey.execute("DELETE FROM leads")
    journey.hear(source, post("1", LOOKING, to=US))
    assert leads(journey) == []


def test_a_rule_that_was_removed_or_switched_off_meanwhile_makes_nothing_and_breaks_nothing(
    journey: Journey,
) -> None:
    gone, off = rule(journey, name="gone", audience="named"), rule(journey, name="off")
    journey.alias("name", "Brightwell Roasters", "ourselves")
    source, names = journey.source(), Directories()
    journey.land(source, post("0", CALM, to=US))
    digest(journey.sessions, claim(journey.sessions, journey.settings), names, score_texts)
    journey.execute("DELETE FROM rules WHERE id = :id OR action <> 'lead'", id=gone)
    journey.execute("UPDATE rules SET enabled = false WHERE id = :id", id=off)
    journey.land(
        source,
        post("1", LOOKING, to=US, by="ann"),
        post("2", f"{LOOKING} Brightwell Roasters?", by="bob"),
        post("3", FURIOUS, to=US, by="cat"),
    )
    digest(journey.sessions, claim(journey.sessions, journey.settings), names, score_texts)
    assert leads(journey) == []
    assert journey.ledger()["new"] == 4
    assert [case.level for case in journey.cases()] == ["ticket"]
    assert journey.event("3").rule_id is None


def test_an_identity_that_another_holds_is_not_waited_for_and_linked_later(journey: Journey) -> None:
    rule(journey)
    source = journey.source()
    journey.hear(source, post("1", CALM, by="ann"))
    # as a digest does that writes the author anew
    with journey.engine.connect() as held:
        held.exec_driver_sql("SELECT id FROM identities FOR NO KEY UPDATE")
        journey.hear(source, post("2", LOOKING, to=US, by="ann", minutes=2))
        assert journey.value("SELECT count(*) FROM leads") == 1
        assert journey.value("SELECT lead_id FROM identities WHERE handle LIKE 'ann%'") is None
    sweep(journey.sessions, journey.settings)
    [lead] = leads(journey)
    assert lead.handle == "ann@town.example"


def test_what_a_lead_wrote_before_and_writes_later_is_the_lead_s(journey: Journey) -> None:
    rule(journey)
    source = journey.source()
    journey.hear(source, post("1", CALM), post("2", WARM, to=US, minutes=2))
    journey.hear(source, post("3", LOOKING, to=US, minutes=3), post("4", CALM, to=US, minutes=4))
    sweep(journey.sessions, journey.settings)
    journey.hear(source, post("5", WARM, to=US, minutes=5))
    [lead] = leads(journey)
    matches = journey.execute(
        "SELECT e.external_id, m.how FROM matches m JOIN social_events e ON e.id = m.event_id"
        " WHERE m.kind = 'lead' AND m.record_id = :lead AND m.author AND m.state = 'live' ORDER BY 1",
        lead=lead.id,
    )
    assert [tuple(row) for row in matches] == [
        ("1", "identity"),
        ("2", "identity"),
        ("3", "rule"),
        ("4", "identity"),
        ("5", "identity"),
    ]


def test_an_edit_that_asks_makes_a_lead(journey: Journey) -> None:
    rule(journey)
    source = journey.source()
    journey.hear(source, post("1", CALM, to=US))
    journey.hear(source, post("1", LOOKING, to=US, edited_at=at(9)))
    assert len(leads(journey)) == 1


def test_a_stranger_s_question_that_landed_before_our_post_makes_a_lead_when_that_comes(
    journey: Journey,
) -> None:
    rule(journey)
    source = journey.source()
    journey.hear(source, post("1", LOOKING, by="ann", reply_to="a/0", verb="comment", minutes=2))
    assert leads(journey) == []
    journey.hear(source, post("0", WARM, by="northwind", local_id="a/0"))
    assert [lead.handle for lead in leads(journey)] == ["ann@town.example"]


def test_a_lead_of_a_source_that_is_followed_for_a_campaign_is_the_campaign_s(journey: Journey) -> None:
    rule(journey, audience="named")
    dates = "INSERT INTO campaigns (name, starts_on, ends_on) VALUES ('Spring', '2026-06-01', '2026-06-02') RETURNING id"
    campaign = journey.value(dates)
    source = journey.source(campaign_id=campaign)
    journey.hear(source, post("1", LOOKING, by="ann"), post("2", LOOKING, by="bob", minutes=60 * 24 * 2))
    assert [(lead.handle, lead.campaign_id) for lead in leads(journey)] == [("ann@town.example", campaign)]
    assert journey.event("2").campaign_id is None


def at_once(
    journey: Journey, first: tuple[str, UUID], second: tuple[str, UUID]
) -> tuple[list[UUID], list[UUID]]:
    """What two transactions make of a stored post and a rule each, the second begun before the first has ended."""

    def make(session: Any, which: tuple[str, UUID]) -> list[UUID]:
        ref, event = ("mastodon", which[0]), journey.event(which[0])
        facts = Facts(
            event.id, str(event.identity_id), "@x", "mastodon", event.text, None, None, None, UUID(int=0), 0.0
        )
        by = Rule(which[1], "", "addressed", 1.0, "lead", "normal", (), 1)
        want = Wanted(ref, f"identity:{event.identity_id}", by, None)
        return make_leads(session, journey.org, {ref: facts}, [want])

    def make_second() -> list[UUID]:
        with journey.sessions() as session, session.begin():
            return make(session, second)

    with ThreadPoolExecutor(1) as pool:
        with journey.sessions() as session, session.begin():
            made = make(session, first)
            later = pool.submit(make_second)
            waits = (
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database"
            )
            waits += " WHERE datname = current_database()) OR NOT granted AND locktype = 'transactionid'"
            eventually(
                lambda: journey.value(waits) > 0 or later.done(), within=10, of="the second transaction"
            )
            assert not later.done()
        return made, later.result(10)


def test_who_comes_while_the_last_place_of_a_rule_is_being_taken_waits_and_is_held_back(
    journey: Journey,
) -> None:
    journey.hear(journey.source(), post("1", CALM, by="ann"), post("2", CALM, by="bob"))
    made_by = rule(journey, per_day=1)
    made, later = at_once(journey, ("1", made_by), ("2", made_by))
    assert (len(made), later) == (1, [])
    assert journey.event("2").held_back == "lead cap reached"


def test_two_rules_that_make_one_author_a_lead_at_once_make_one(journey: Journey) -> None:
    journey.hear(journey.source(), post("1", CALM, by="ann"))
    made, later = at_once(journey, ("1", rule(journey, name="one")), ("1", rule(journey, name="two")))
    assert (len(made), later) == (1, [])
    assert len(leads(journey)) == 1
