"""What an event is tied to follows from its matches, and the hours with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from console.invariants import INVARIANTS
from models import migrations
from tests.journey import CALM, FURIOUS, post
from tests.reviewing import Reviewing
from workers import follow as following
from workers.follow import ask_to_follow, follow, follow_on, follow_waiting
from workers.project import reproject


@pytest.fixture
def journey(database: str) -> Iterator[Reviewing]:
    journey = Reviewing(database)
    yield journey
    assert journey.broken() == []
    journey.close()


def _tie(journey: Reviewing, event: UUID, kind: str, record: UUID, how: str = "alias", **more: Any) -> None:
    names = {
        "org_id": journey.org,
        "event_id": event,
        "kind": kind,
        "record_id": record,
        "how": how,
        "sure": 1,
    }
    names |= more
    journey.execute(
        f"INSERT INTO matches ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})",
        **names,
    )
    with journey.session() as session:
        reproject(session, journey.org, [event])


def _account(journey: Reviewing, event: str = "1") -> UUID | None:
    found: UUID | None = journey.event(event).account_id
    return found


def test_the_account_is_a_persons_word_then_the_only_one_named_then_the_authors(journey: Reviewing) -> None:
    source = journey.source()
    journey.hear(source, post("1", CALM))
    event = journey.event("1").id
    own, named, other, meant = (journey.account(name) for name in ("Ownly", "Namely", "Otherly", "Meantly"))
    journey.execute("UPDATE identities SET account_id = :own", own=own)
    _tie(journey, event, "account", own, "identity", author=True)
    assert _account(journey) == own
    _tie(journey, event, "account", named)
    assert _account(journey) == named
    _tie(journey, event, "account", other)
    assert _account(journey) == own
    _tie(journey, event, "account", meant, "person", by="sam")
    assert _account(journey) == meant
    assert [journey.hours(f"account:{one}") for one in (own, named, other, meant)] == [0, 0, 0, 1]


def test_what_is_undone_or_only_suggested_ties_nothing(journey: Reviewing) -> None:
    source = journey.source()
    journey.hear(source, post("1", CALM))
    event = journey.event("1").id
    for state in ("undone", "suggested"):
        _tie(journey, event, "account", journey.account(state), state=state)
        _tie(journey, event, "campaign", journey.campaign(state), state=state)
        _tie(journey, event, "contact", journey.person(state), "identity", state=state, author=True)
        _tie(journey, event, "ticket", journey.ticket(), state=state)
    assert set(journey.projection()["1"][:4]) == {None}


def test_a_contact_who_is_only_named_is_not_the_author(journey: Reviewing) -> None:
    source = journey.source()
    journey.hear(source, post("1", CALM))
    contact = journey.person("Kim")
    _tie(journey, journey.event("1").id, "contact", contact, "e-mail")
    assert journey.event("1").contact_id is None


def test_two_campaigns_are_none(journey: Reviewing) -> None:
    source = journey.source()
    journey.hear(source, post("1", CALM))
    event, one, two = journey.event("1").id, journey.campaign("One"), journey.campaign("Two")
    _tie(journey, event, "campaign", one)
    assert (journey.event("1").campaign_id, journey.hours(f"campaign:{one}")) == (one, 1)
    _tie(journey, event, "campaign", two)
    assert (journey.event("1").campaign_id, journey.hours(f"campaign:{one}")) == (None, 0)


def test_the_ticket_of_the_case_goes_before_the_one_that_is_named(journey: Reviewing) -> None:
    journey.own("northwind@town.example")
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, to="northwind@town.example"), post("2", CALM, by="max"))
    theirs, named = journey.event("1").ticket_id, journey.ticket()
    assert theirs
    for event in ("1", "2"):
        _tie(journey, journey.event(event).id, "ticket", named)
    assert (journey.event("1").ticket_id, journey.event("2").ticket_id) == (theirs, named)


def test_a_record_that_the_neighbour_deletes_is_nobody(journey: Reviewing) -> None:
    source = journey.source()
    journey.hear(source, post("1", CALM))
    event, gone, left = journey.event("1").id, journey.account("Gone"), journey.account("Left")
    _tie(journey, event, "account", gone)
    _tie(journey, event, "account", left, "identity", author=True)
    journey.execute("UPDATE identities SET account_id = :left", left=left)
    journey.execute("DELETE FROM accounts WHERE id = :id", id=gone)
    assert _account(journey) is None
    assert journey.broken() == []
    campaign = journey.campaign("Spring")
    _tie(journey, event, "campaign", campaign)
    assert (journey.event("1").account_id, journey.event("1").campaign_id) == (None, campaign)


def test_what_the_neighbour_wrote_into_an_event_of_its_own_stays(journey: Reviewing) -> None:
    account = journey.account("Acme")
    event = journey.value(
        "INSERT INTO social_events (org_id, account_id) VALUES (:org, :account) RETURNING id",
        org=journey.org,
        account=account,
    )
    with journey.session() as session:
        reproject(session, journey.org, [event])
    assert journey.value("SELECT account_id FROM social_events") == account


def test_reposts_and_scores_move_with_their_event(journey: Reviewing) -> None:
    source = journey.source()
    journey.hear(source, post("1", FURIOUS), post("r", verb="repost", repost_of="1", by="max"))
    account = journey.account("Acme")
    _tie(journey, journey.event("1").id, "account", account)
    [row] = journey.execute(f"SELECT * FROM hours WHERE scope = 'account:{account}'")
    assert (row.n, row.scored, row.negative, row.unscored, row.reposts) == (1, 1, 1, 0, 1)
    assert row.sum == pytest.approx(journey.event("1").sentiment)


def test_past_posts_follow_the_link_of_their_author_in_short_transactions(journey: Reviewing) -> None:
    source = journey.source()
    journey.hear(source, *(post(str(number), CALM, minutes=number) for number in range(1, 6)))
    contact = journey.person("Zoe", journey.account("Acme"))
    zoe = journey.who("zoe@town.example")
    journey.execute("UPDATE identities SET contact_id = :contact", contact=contact)
    with journey.session() as session:
        ask_to_follow(session, journey.org, [zoe.id])
    left = []
    while True:
        with journey.session() as session:
            if not follow_on(session, journey.org, most=2):
                break
        left.append(journey.value("SELECT count(*) FROM social_events WHERE contact_id IS NULL"))
        assert journey.broken() == []
    assert left == [3, 1, 0]
    assert journey.value("SELECT count(*) FROM followings WHERE due_at <= now()") == 0
    assert {row[1] for row in journey.projection().values()} == {contact}
    assert {row[0] for row in journey.projection().values()} == {journey.value("SELECT id FROM accounts")}


def test_what_is_left_after_a_crash_is_carried_on_by_the_next(journey: Reviewing) -> None:
    source = journey.source()
    journey.hear(source, *(post(str(number), CALM, minutes=number) for number in range(1, 6)))
    contact = journey.person("Zoe")
    journey.execute("UPDATE identities SET contact_id = :contact", contact=contact)
    with journey.session() as session:
        ask_to_follow(session, journey.org, [journey.who("zoe@town.example").id])
    with journey.session() as session:
        follow_on(session, journey.org, most=2)
    with journey.sessions() as session:
        follow_on(session, journey.org, most=2)
        session.rollback()
    assert follow_waiting(journey.sessions) == 1
    assert {row[1] for row in journey.projection().values()} == {contact}


def test_a_post_that_was_being_written_while_the_link_changed_follows_a_little_later(
    journey: Reviewing,
) -> None:
    source = journey.source()
    journey.hear(source, post("1", CALM))
    contact, zoe = journey.person("Zoe"), journey.who("zoe@town.example")
    step = journey.link(zoe, "contact", contact)
    journey.hear(source, post("2", CALM, minutes=2))
    late = journey.event("2").id
    journey.execute("DELETE FROM matches WHERE event_id = :id", id=late)  # as if it knew nothing of the link
    with journey.session() as session:
        reproject(session, journey.org, [late])
    assert follow_waiting(journey.sessions) == 0
    journey.execute("UPDATE followings SET due_at = now()")
    assert follow_waiting(journey.sessions) == 1
    assert journey.event("2").contact_id == contact
    assert journey.value("SELECT count(*) FROM followings") == 0
    notes = "SELECT count(*) FROM reviewed_events WHERE review_id = :id"
    assert journey.value(notes, id=step.id) == 1
    journey.undo(step)
    assert journey.event("2").contact_id is None
    assert journey.value(notes, id=step.id) == 1
    journey.execute("UPDATE followings SET due_at = now()")
    follow_waiting(journey.sessions)
    assert journey.value(notes, id=step.id) == 0


def test_one_call_follows_one_batch_and_leaves_the_rest_as_rows(journey: Reviewing) -> None:
    """follow() is called inside transactions of others, which must not grow with the number of posts."""
    assert following.BATCH <= 5_000
    source = journey.source()
    journey.hear(source, post("1", CALM))
    journey.execute("UPDATE identities SET contact_id = :contact", contact=journey.person("Zoe"))
    with journey.session() as session:
        follow(session, journey.org, [journey.who("zoe@town.example").id])
    assert journey.event("1").contact_id is not None
    assert journey.value("SELECT count(*) FROM followings WHERE due_at <= now()") == 0


def test_following_keeps_what_the_post_names_and_what_a_person_decided(journey: Reviewing) -> None:
    source = journey.source()
    journey.hear(source, *(post(str(number), CALM, minutes=number) for number in (1, 2, 3, 4)))
    account, other = journey.account("Acme"), journey.account("Other")
    first, second, third, fourth = (journey.event(one).id for one in "1234")
    _tie(journey, first, "account", account, "alias")
    _tie(journey, second, "account", account, "identity", state="undone", by="sam", author=True)
    _tie(journey, third, "account", other, "person", by="sam")
    _tie(journey, fourth, "account", other, "identity", by="sam", author=True)
    zoe = journey.who("zoe@town.example")
    for whom, flagged in ((account, True), (other, False)):
        journey.execute("UPDATE identities SET account_id = :account", account=whom)
        with journey.session() as session:
            follow(session, journey.org, [zoe.id])
        assert ("account", account, "alias", "live", flagged, None) in journey.matches("1")
        assert ("account", account, "identity", "undone", flagged, "sam") in journey.matches("2")
        assert ("account", other, "person", "live", not flagged, "sam") in journey.matches("3")
        assert ("account", other, "identity", "live", not flagged, "sam") in journey.matches("4")
    assert [_account(journey, one) for one in "123"] == [account, other, other]


def test_posts_of_whom_we_find_to_be_ourselves_are_our_own(journey: Reviewing) -> None:
    from console.own import add_own

    source = journey.source()
    journey.hear(source, post("1", CALM))
    assert journey.projection()["1"][4:] == ("earned", "inbound")
    with journey.session() as session:
        add_own(session, journey.org, "handle", "zoe@town.example", "mastodon")
    assert journey.projection()["1"][4:] == ("own", "outbound")
    assert journey.value("SELECT voice FROM hours WHERE n > 0") == "own"


BROKEN = {
    "an event's contact": "UPDATE social_events SET contact_id = NULL WHERE external_id = '1'",
    "an event's account": "UPDATE social_events SET account_id = NULL WHERE external_id = '1'",
    "an event is its author's": "UPDATE matches SET author = false",
    "an event's campaign": "UPDATE social_events SET campaign_id = NULL WHERE external_id = '1'",
    "an event's ticket": "UPDATE social_events SET ticket_id = NULL WHERE external_id = '1'",
    "an open case has": "INSERT INTO cases (subject, level) VALUES ('post:x:1', 'activity')",
    "an event that crossed": """
        UPDATE social_events SET rule_id = (SELECT id FROM rules WHERE action = 'ticket' LIMIT 1), case_id = NULL
        WHERE external_id = '2'
    """,
    "no post waits for": """
        INSERT INTO holds (of, platform, until, reason, by, lifted_at, released_at)
        SELECT 'platform', 'mastodon', at, 'outage', 'ann', at, at FROM (SELECT now() - interval '1 hour' AS at) AS earlier;
        UPDATE social_events SET hold_id = (SELECT id FROM holds) WHERE external_id = '2'
    """,
    "a case that was taken in": "UPDATE cases SET parent_id = id",
    "an open case that has its Incident's": """
        INSERT INTO cases (subject, level, ticket_id, closed_at)
        SELECT 'burst:all', 'ticket', ticket_id, now() - interval '1 hour' FROM cases;
        UPDATE cases SET parent_id = (SELECT id FROM cases WHERE subject = 'burst:all') WHERE subject <> 'burst:all'
    """,
    "no identity is merged": """
        UPDATE identities i SET merged_into = (SELECT id FROM identities j WHERE j.platform =
            CASE i.platform WHEN 'bluesky' THEN 'mastodon' ELSE 'reddit' END) WHERE platform <> 'reddit'
    """,
    "identities that are merged": """
        UPDATE identities SET merged_into = (SELECT id FROM identities WHERE platform = 'mastodon')
        WHERE platform <> 'mastodon';
        UPDATE identities SET platform = 'bluesky', stable_id = 'other' WHERE platform = 'reddit'
    """,
    "the hours": "UPDATE hours SET {} WHERE scope LIKE '{}%' AND n > 0",
}


@pytest.mark.parametrize("name", INVARIANTS)
def test_the_doctor_sees_each_invariant_break(database: str, name: str) -> None:
    [breaking] = [sql for begins, sql in BROKEN.items() if name.startswith(begins)]
    journey = Reviewing(database)
    journey.own("northwind@town.example")
    journey.contact("zoe@town.example", account=journey.account("Acme"))
    journey.campaign("Spring", "spring")
    journey.hear(
        journey.source(),
        post("1", FURIOUS, to="northwind@town.example", hashtags=("spring",)),
        post("2", CALM, by="max"),
    )
    journey.hear(journey.source("bluesky"), post("3", CALM, by="ann"))
    journey.hear(journey.source("reddit"), post("4", CALM, by="ann"))
    journey.execute("DELETE FROM identities WHERE handle LIKE 'max@%'")
    assert None not in journey.projection()["1"]
    assert journey.broken() == []
    if "{}" not in breaking:
        for statement in breaking.split(";"):
            journey.execute(statement)
        assert name in dict(journey.broken())
    else:
        for change in (
            "n = n + 1",
            "scored = 0",
            "unscored = 7",
            "negative = 9",
            "sum = sum + 0.00001",
            "voice = 'own'",
        ):
            for scope in ("all", "account", "campaign"):
                before = journey.execute("SELECT * FROM hours")
                journey.execute(breaking.format(change, scope))
                assert dict(journey.broken()).keys() == {name}, (change, scope)
                journey.execute("DELETE FROM hours")
                for row in before:
                    values = dict(row._mapping)
                    journey.execute(
                        f"INSERT INTO hours ({', '.join(values)}) VALUES ({', '.join(f':{one}' for one in values)})",
                        **values,
                    )
                assert journey.broken() == []
    journey.close()


def test_an_upgrade_ties_the_events_of_before_to_their_authors(servers: Any) -> None:
    """Of the release before, an event's account may be its author's without a match that says so."""
    with servers.new_database(migrated=False) as (_, owner):
        migrations.upgrade(owner)
        migrations.downgrade(owner, "0003")
        with psycopg.connect(owner) as db:

            def one(sql: str, *values: Any) -> Any:
                row = db.execute(sql, values).fetchone()
                assert row is not None
                return row[0]

            account, other = (
                one("INSERT INTO accounts (name) VALUES (%s) RETURNING id", name) for name in "ab"
            )
            contact = one("INSERT INTO contacts (account_id) VALUES (%s) RETURNING id", account)
            campaign = one("INSERT INTO campaigns (name) VALUES ('c') RETURNING id")
            ticket, late = (one("INSERT INTO tickets DEFAULT VALUES RETURNING id") for _ in "12")
            case = one(
                "INSERT INTO cases (subject, level, ticket_id) VALUES ('x', 'ticket', %s) RETURNING id", late
            )
            author = one(
                "INSERT INTO identities (platform, stable_id, contact_id) VALUES ('mastodon', 'z', %s) RETURNING id",
                contact,
            )

            def event(
                name: str, heard: str = "{01900000-0000-7000-8000-000000000001}", **columns: Any
            ) -> UUID:
                values = {"platform": "mastodon", "external_id": name, "sightings": heard, **columns}
                listed = ", ".join(["%s"] * len(values))
                made: UUID = one(
                    f"INSERT INTO social_events ({', '.join(values)}) VALUES ({listed}) RETURNING id",
                    *values.values(),
                )
                return made

            def match(event: UUID, kind: str, record: UUID, how: str) -> None:
                db.execute(
                    "INSERT INTO matches (event_id, kind, record_id, how, sure) VALUES (%s, %s, %s, %s, 1)",
                    [event, kind, record, how],
                )

            plain = event("plain", identity_id=author, contact_id=contact, account_id=account)
            match(plain, "contact", contact, "identity")
            names_two = event("two", identity_id=author, contact_id=contact, account_id=account)
            match(names_two, "contact", contact, "e-mail")
            match(names_two, "account", account, "alias")
            match(names_two, "account", other, "alias")
            names_one = event("one", identity_id=author, account_id=other)
            match(names_one, "account", other, "alias")
            kept = event("kept", account_id=other, campaign_id=campaign, ticket_id=ticket)
            risen = event("risen", case_id=case, ticket_id=ticket)
            match(risen, "ticket", ticket, "ticket number")
            event("the neighbour's", "{}", account_id=account, campaign_id=campaign)
            names = "external_id, account_id, contact_id, campaign_id"
            before = db.execute(f"SELECT {names} FROM social_events ORDER BY 1").fetchall()
        migrations.upgrade(owner)
        journey = Reviewing(owner.replace("postgresql://", "postgresql+psycopg://"))
        assert [name for name, _ in journey.broken()] == [
            "the hours count what is stored"
        ]  # nobody counted these
        # "one" was heard before its author was known
        assert journey.value("SELECT identity_id FROM followings") == author
        assert [
            tuple(row) for row in journey.execute(f"SELECT {names} FROM social_events ORDER BY 1")
        ] == before
        assert journey.value("SELECT ticket_id FROM social_events WHERE external_id = 'risen'") == late
        assert ("account", account, "identity", "live", True, None) in journey.matches("plain")
        assert ("account", account, "alias", "live", True, None) in journey.matches("two")
        assert ("account", other, "alias", "live", False, None) in journey.matches("one")
        assert ("ticket", ticket, "crm", "live", False, None) in journey.matches("kept")
        assert kept
        assert names_one
        journey.close()
