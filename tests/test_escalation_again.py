"""What a second wave, an edit, a release, a merge and a number in 24 hours open: no more than they should, and no less."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from console.identities import merge
from tests.backtesting import backtested, opened
from tests.journey import CALM, FURIOUS, MILD, US, Journey, at, post
from workers.heard import Heard
from workers.incident import First, incidents_of
from workers.release import Released, release
from workers.standing import read_rules, stand
from workers.sweep import sweep
from workers.verdict import judge

SOMEBODY = UUID(int=7)
COMPLAINT = Heard(
    ref=("mastodon", "x"),
    subject="post:mastodon:x",
    text=FURIOUS,
    sentiment=-0.9,
    occurred_at=at(1),
    addressed=True,
    about_us=False,
    named=False,
    customer=False,
    ours=False,
    bot=False,
    stranger=True,
    start_mark=at(0),
    reply_to=None,
    parent_case=None,
    attached=False,
)


def only(journey: Journey, *names: str) -> None:
    journey.execute("DELETE FROM rules WHERE name <> ALL (:names)", names=list(names))


def switch_on(journey: Journey, of: str = "platform", what: Any = "mastodon") -> UUID:
    column = of if of == "platform" else f"{of}_id"
    switch: UUID = journey.value(
        f"INSERT INTO holds (of, {column}, until, reason, by)"
        " VALUES (:of, :what, now() + interval '1 hour', 'server outage', 'ann') RETURNING id",
        of=of,
        what=what,
    )
    return switch


def let_go(journey: Journey, switch: UUID) -> list[Released]:
    journey.execute("UPDATE holds SET lifted_at = now() WHERE id = :id", id=switch)
    return list(release(journey.sessions, "main", switch))


@contextmanager
def impatient(journey: Journey) -> Iterator[sessionmaker[Session]]:
    """Sessions that wait for no lock."""
    engine = create_engine(journey.url, connect_args={"options": "-c lock_timeout=200"})
    yield sessionmaker(engine)
    engine.dispose()


def agree(journey: Journey) -> bool:
    with journey.sessions() as session:
        return opened(session) == backtested(session)


def test_an_edit_after_the_close_opens_again_only_where_it_is_worse(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("1", MILD, to=US))
    journey.execute("UPDATE activities SET status = 'done'")
    journey.hear(source, post("1", MILD + " ", to=US))
    journey.hear(source, post("1", MILD + " (a typo)", to=US, edited_at=at(5)))
    [case] = journey.cases()
    assert not case.open
    assert journey.value("SELECT count(*) FROM case_notes WHERE what = 'edited'") == 2
    assert agree(journey)
    journey.hear(source, post("1", FURIOUS, to=US, edited_at=at(9)))
    [case] = journey.cases()
    assert (case.open, case.level, case.ticket) == (True, "ticket", True)
    assert agree(journey)


def test_what_is_released_is_as_old_as_it_was_when_it_was_heard(journey: Journey) -> None:
    journey.execute("UPDATE rules SET max_age_hours = 2")
    now = (datetime.now(UTC) - at(0)) / timedelta(minutes=1)
    source = journey.source()
    journey.hear(source, post("old", FURIOUS, by="bob", to=US, minutes=now - 180))
    assert journey.event("old").held_back == "older than the rule takes"
    switch = switch_on(journey)
    journey.hear(source, post("1", FURIOUS, to=US, minutes=now - 60))
    journey.execute(
        "UPDATE social_events SET (occurred_at, recorded_at) ="
        " (occurred_at - interval '3 hours', recorded_at - interval '3 hours')"
    )
    [done] = let_go(journey, switch)
    assert (done.cases, done.nothing) == (1, [])


def test_what_opens_nothing_when_it_is_released_is_named_with_the_reason(journey: Journey) -> None:
    source = journey.source()
    switch = switch_on(
        journey, "rule", journey.value("SELECT id FROM rules WHERE name = 'A complaint to us'")
    )
    only(journey, "A complaint to us", "Praise")
    journey.hear(source, post("1", FURIOUS, to=US), post("2", FURIOUS + " Refund!", by="bob", to=US))
    journey.execute("UPDATE social_events SET gone_at = now() WHERE external_id = '2'")
    journey.execute("DELETE FROM rules")
    journey.execute(
        "INSERT INTO rules (name, audience, threshold, action, words)"
        " VALUES ('r', 'addressed', -0.2, 'ticket', '{refund}')"
    )
    [done] = let_go(journey, switch)
    why = {journey.event(name).id: name for name in "12"}
    assert {why[event]: reason for event, reason in done.nothing} == {
        "1": "released, and crossed no rule any more",
        "2": "released, and was deleted by its author before",
    }
    assert journey.cases() == []


def test_who_decides_while_a_switch_is_on_is_waited_for_by_whoever_releases(journey: Journey) -> None:
    switch = switch_on(journey)
    journey.hear(journey.source(), post("1", FURIOUS, to=US))
    with journey.sessions() as deciding, deciding.begin():
        stand(deciding, "main", [COMPLAINT], read_rules(deciding, "main"))
        with impatient(journey) as sessions, pytest.raises(OperationalError, match="lock timeout"):
            list(release(sessions, "main", switch))
    assert let_go(journey, switch)[0].cases == 1


def test_those_who_decide_by_a_rule_with_a_number_do_so_one_after_the_other(journey: Journey) -> None:
    journey.execute("UPDATE rules SET per_day = 2 WHERE name = 'A complaint to us'")
    with journey.sessions() as deciding, deciding.begin():
        rules = read_rules(deciding, "main")
        stand(deciding, "main", [COMPLAINT], rules)
        with (
            impatient(journey) as sessions,
            sessions() as other,
            pytest.raises(OperationalError, match="lock timeout"),
        ):
            stand(other, "main", [COMPLAINT], rules)


def test_who_judges_by_a_rule_waits_for_whoever_does_so_that_all_verdicts_are_counted(
    journey: Journey,
) -> None:
    journey.execute("INSERT INTO policies (precision_least) VALUES (2)")
    journey.hear(journey.source(), post("1", FURIOUS, to=US), post("2", FURIOUS, by="bob", to=US))
    first, second = (row.id for row in journey.execute("SELECT id FROM cases"))
    with journey.sessions() as ann, ann.begin():
        assert judge(ann, "main", first, "spam", "ann") == []
        with (
            impatient(journey) as sessions,
            sessions() as bob,
            pytest.raises(OperationalError, match="lock timeout"),
        ):
            judge(bob, "main", second, "spam", "bob")
    with journey.sessions() as bob, bob.begin():
        assert judge(bob, "main", second, "spam", "bob") != []


def test_an_incident_is_not_closed_while_somebody_joins_it(journey: Journey) -> None:
    journey.execute("INSERT INTO policies (burst_all) VALUES (2)")
    journey.hear(journey.source(), *(post(f"{n}", FURIOUS, by=f"p{n}", to=US) for n in range(4)))
    first = First(SOMEBODY, SOMEBODY, None, 0.0, 2)
    with journey.sessions() as joining, joining.begin():
        [incident] = incidents_of(joining, "main", {"all": first}).values()
        with (
            impatient(journey) as sessions,
            sessions() as closing,
            pytest.raises(OperationalError, match="lock timeout"),
        ):
            closing.execute(
                text("UPDATE tickets SET status = 'closed' WHERE id = :id"), {"id": incident.ticket}
            )


def test_a_case_that_slipped_into_an_incident_as_it_closed_is_closed_by_the_sweep(journey: Journey) -> None:
    journey.execute("INSERT INTO policies (burst_all) VALUES (2)")
    journey.hear(journey.source(), *(post(f"{n}", FURIOUS, by=f"p{n}", to=US) for n in range(4)))
    journey.execute("UPDATE tickets SET status = 'closed'")
    journey.execute(
        "UPDATE cases c SET closed_at = NULL FROM cases i WHERE i.id = c.parent_id AND i.ticket_id = c.ticket_id"
    )
    assert any(case.open for case in journey.cases())
    sweep(journey.sessions, journey.settings)
    assert not any(case.open for case in journey.cases())


def test_a_switch_for_a_campaign_holds_back_what_is_said_of_it(journey: Journey) -> None:
    sale = journey.value("INSERT INTO campaigns (name) VALUES ('Spring sale') RETURNING id")
    switch_on(journey, "campaign", sale)
    journey.hear(journey.source(campaign_id=sale), post("1", FURIOUS, to=US))
    journey.hear(journey.source(term="else"), post("2", FURIOUS, by="bob", to=US))
    assert journey.event("1").held_back.startswith("the crisis switch is on until ")
    assert [case.posts for case in journey.cases()] == [1]


@pytest.mark.parametrize("how", ["raised", "reopened"])
def test_tickets_of_a_second_wave_are_bounded_however_they_come_to_be(journey: Journey, how: str) -> None:
    journey.execute("INSERT INTO policies (burst_all) VALUES (5)")
    source = journey.source()
    words = MILD if how == "raised" else FURIOUS
    for n in range(12):
        if how == "reopened" and n % 4 == 0:
            journey.execute("UPDATE cases SET opened_at = opened_at - interval '2 hours'")
        journey.hear(source, post(f"m{n}", words, by=f"a{n}", to=US))
    if how == "reopened":
        assert journey.value("SELECT count(*) FROM cases WHERE subject LIKE 'burst:%'") == 0
        journey.execute("UPDATE tickets SET status = 'resolved'")
    journey.execute("UPDATE cases SET opened_at = opened_at - interval '2 hours'")
    for start in range(0, 12, 4):
        journey.hear(
            source,
            *(
                post(
                    f"f{n}",
                    FURIOUS,
                    by=f"a{n}",
                    to=US,
                    minutes=9,
                    reply_to=f"m{n}" if how == "reopened" else None,
                )
                for n in range(start, start + 4)
            ),
        )
    tickets = "SELECT count(*) FROM tickets WHERE status = 'open' AND subject NOT LIKE 'Incident%'"
    assert journey.value(tickets) == 5
    assert journey.value("SELECT count(*) FROM cases WHERE subject = 'burst:all' AND closed_at IS NULL") == 1
    assert (
        journey.value("SELECT count(*) FROM cases WHERE closed_at IS NULL AND subject NOT LIKE 'burst%'")
        == 12
    )
    adopted = "SELECT count(*) FROM cases WHERE parent_id IS NOT NULL AND closed_at IS NULL"
    assert journey.value(adopted) == 12


def test_an_author_who_was_merged_into_another_has_one_open_case(journey: Journey) -> None:
    source, other = journey.source(), journey.source(platform="bluesky", term="b")
    journey.hear(source, post("1", FURIOUS, to=US))
    journey.hear(other, post("b", CALM, by="zoe2"))
    root = merged(journey, "zoe", "zoe2")
    journey.hear(source, post("2", FURIOUS, to=US, minutes=5))
    [case] = journey.cases()
    assert (case.posts, case.subject.endswith(str(root))) == (2, False)
    journey.execute("UPDATE tickets SET status = 'resolved'")
    journey.hear(source, post("3", FURIOUS, to=US, reply_to="1", minutes=6))
    [case] = journey.cases()
    assert (case.open, case.posts) == (True, 3)


def test_a_blocked_author_stays_blocked_when_merged_into_another(journey: Journey) -> None:
    source, other = journey.source(), journey.source(platform="bluesky", term="b")
    journey.hear(source, post("0", CALM))
    journey.hear(other, post("b", CALM, by="zoe2"))
    journey.execute("UPDATE identities SET blocked = true WHERE handle LIKE 'zoe@%'")
    merged(journey, "zoe", "zoe2")
    journey.hear(source, post("1", FURIOUS, to=US, minutes=5))
    assert journey.event("1").held_back == "its author is blocked"


def merged(journey: Journey, child: str, root: str) -> UUID:
    """Merge one into another, that becomes the root since it is linked."""
    contact = journey.value("INSERT INTO contacts (first_name) VALUES ('Zoe') RETURNING id")
    journey.execute(
        "UPDATE identities SET contact_id = :contact, decided = true WHERE handle LIKE :root",
        contact=contact,
        root=f"{root}@%",
    )
    ids: list[UUID] = [
        journey.value("SELECT id FROM identities WHERE handle LIKE :who", who=f"{who}@%")
        for who in (child, root)
    ]
    with journey.sessions() as session, session.begin():
        merge(session, "main", ids[0], ids[1], "ann")
    return ids[1]


def test_what_is_held_back_belongs_to_its_authors_open_case(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("1", MILD, to=US))
    switch = switch_on(journey)
    journey.hear(source, post("2", MILD, to=US, minutes=2), post("3", FURIOUS, to=US, minutes=3))
    [case] = journey.cases()
    assert (case.posts, case.level) == (3, "activity")
    assert (journey.event("2").hold_id, journey.event("3").hold_id) == (None, switch)
    [done] = let_go(journey, switch)
    [case] = journey.cases()
    assert (done.cases, case.level, case.ticket) == (1, "ticket", True)
    journey.execute("UPDATE rules SET suggests = true")
    journey.hear(source, post("4", FURIOUS, to=US, minutes=4))
    assert journey.cases()[0].posts == 4


def test_what_was_held_back_from_raising_a_case_that_is_closed_by_now_opens_it_again(
    journey: Journey,
) -> None:
    source = journey.source()
    journey.hear(source, post("1", MILD, to=US))
    switch = switch_on(journey)
    journey.hear(source, post("2", FURIOUS, to=US, minutes=3))
    journey.execute("UPDATE activities SET status = 'done'")
    let_go(journey, switch)
    journey.execute("UPDATE holds SET released_at = now()")
    [case] = journey.cases()
    assert (case.open, case.level, case.ticket, case.posts) == (True, "ticket", True, 2)
    assert agree(journey)


def test_a_reply_that_was_held_reopens_its_case_when_it_is_released(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, to=US))
    journey.execute("UPDATE tickets SET status = 'resolved'")
    switch = switch_on(journey)
    journey.hear(source, post("2", FURIOUS, to=US, reply_to="1", minutes=5))
    let_go(journey, switch)
    journey.execute("UPDATE holds SET released_at = now()")
    [case] = journey.cases()
    assert (case.open, case.posts) == (True, 2)
    assert agree(journey)


def test_a_number_in_24_hours_counts_what_was_raised_and_what_was_raised_from_it(journey: Journey) -> None:
    only(journey, "A complaint to us", "Displeasure addressed to us")
    journey.execute("UPDATE rules SET per_day = 2")
    source = journey.source()
    for n in range(4):
        journey.hear(source, post(f"m{n}", MILD, by=f"a{n}", to=US, minutes=2 * n))
        journey.hear(source, post(f"f{n}", FURIOUS, by=f"a{n}", to=US, minutes=2 * n + 1))
    activities = journey.value("SELECT count(*) FROM activities")
    assert (activities, journey.value("SELECT count(*) FROM tickets")) == (2, 2)
    journey.execute("UPDATE cases SET opened_at = opened_at - interval '25 hours'")
    journey.hear(source, post("late", FURIOUS, by="late", to=US, minutes=20))
    assert journey.value("SELECT count(*) FROM tickets") == 2


def test_a_complaint_that_a_number_holds_back_is_nobody_elses(journey: Journey) -> None:
    only(journey, "A complaint to us")
    journey.execute("UPDATE rules SET per_day = 1")
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, to=US))
    journey.hear(source, post("2", FURIOUS, by="bob", to=US, reply_to="1", minutes=3))
    sweep(journey.sessions, journey.settings)
    bob = journey.event("2")
    assert (bob.case_id, bob.held_back) == (None, "the rule's number in 24 hours is reached")
