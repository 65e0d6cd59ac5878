"""A case follows its Ticket or Activity, whoever writes that: the triggers, as a neighbour meets them in SQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import errors, sql
from sqlalchemy import make_url

from models.vocabulary import ACTIVITY_CLOSED, ACTIVITY_STATUS, TICKET_CLOSED, TICKET_STATUS
from tests.waiting import eventually

Db = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def urls(servers: Any) -> Iterator[tuple[str, str]]:
    with servers.new_database() as made:
        yield made


@pytest.fixture
def db(urls: tuple[str, str]) -> Iterator[Db]:
    with psycopg.connect(urls[0]) as connection:
        yield connection
        connection.rollback()


def _made(db: Db, statement: str, *values: Any) -> UUID:
    found = db.execute(statement, values).fetchone()
    assert found is not None
    made: UUID = found[0]
    return made


def _ticket(db: Db, status: str = "open") -> UUID:
    return _made(db, "INSERT INTO tickets (status) VALUES (%s) RETURNING id", status)


def _activity(db: Db, status: str = "planned") -> UUID:
    return _made(db, "INSERT INTO activities (status) VALUES (%s) RETURNING id", status)


def _case(
    db: Db, subject: str = "identity:ann", ticket: UUID | None = None, activity: UUID | None = None
) -> UUID:
    return _made(
        db,
        "INSERT INTO cases (subject, level, ticket_id, activity_id) VALUES (%s, %s, %s, %s) RETURNING id",
        *(subject, "ticket" if ticket else "activity", ticket, activity),
    )


def _set(db: Db, table: str, record: UUID, status: str) -> None:
    db.execute(
        sql.SQL("UPDATE {} SET status = %s WHERE id = %s").format(sql.Identifier(table)), [status, record]
    )


def _is_open(db: Db, case: UUID) -> bool:
    rows = db.execute("SELECT closed_at IS NULL FROM cases WHERE id = %s", [case]).fetchall()
    return bool(rows[0][0])


@pytest.mark.parametrize("status", TICKET_STATUS)
def test_a_ticket_decides_whether_its_case_is_open(db: Db, status: str) -> None:
    ticket = _ticket(db)
    case = _case(db, ticket=ticket)
    _set(db, "tickets", ticket, status)
    assert _is_open(db, case) is (status not in TICKET_CLOSED)


@pytest.mark.parametrize("status", ACTIVITY_STATUS)
def test_an_activity_decides_where_there_is_no_ticket(db: Db, status: str) -> None:
    activity = _activity(db)
    case = _case(db, activity=activity)
    _set(db, "activities", activity, status)
    assert _is_open(db, case) is (status not in ACTIVITY_CLOSED)


def test_a_ticket_decides_alone(db: Db) -> None:
    ticket, activity = _ticket(db), _activity(db)
    case = _case(db, ticket=ticket, activity=activity)
    _set(db, "activities", activity, "done")
    assert _is_open(db, case)
    _set(db, "tickets", ticket, "resolved")
    assert not _is_open(db, case)
    _set(db, "activities", activity, "planned")
    assert not _is_open(db, case)


def test_closing_says_when(db: Db) -> None:
    ticket = _ticket(db)
    case = _case(db, ticket=ticket)
    _set(db, "tickets", ticket, "closed")
    closed = db.execute("SELECT closed_at = now() FROM cases WHERE id = %s", [case]).fetchall()
    assert closed == [(True,)]


def test_a_ticket_closed_after_its_case_does_not_move_the_moment(db: Db) -> None:
    ticket = _ticket(db)
    case = _case(db, ticket=ticket)
    db.execute("UPDATE cases SET closed_at = '2026-01-01Z' WHERE id = %s", [case])
    _set(db, "tickets", ticket, "closed")
    moment = db.execute("SELECT closed_at = '2026-01-01Z' FROM cases WHERE id = %s", [case]).fetchall()
    assert moment == [(True,)]


def test_closing_rearms_the_subject(db: Db) -> None:
    ticket = _ticket(db)
    _case(db, ticket=ticket)
    with pytest.raises(errors.UniqueViolation, match="uq_cases_open"), db.transaction():
        _case(db)
    _set(db, "tickets", ticket, "closed")
    _case(db)


def test_a_reopened_ticket_reopens_its_case(db: Db) -> None:
    ticket = _ticket(db)
    case = _case(db, ticket=ticket)
    _set(db, "tickets", ticket, "resolved")
    _set(db, "tickets", ticket, "in_progress")
    assert _is_open(db, case)


def test_a_reopened_ticket_leaves_the_subject_with_its_newer_case(db: Db) -> None:
    ticket = _ticket(db)
    case = _case(db, ticket=ticket)
    _set(db, "tickets", ticket, "resolved")
    newer = _case(db, ticket=_ticket(db))
    _set(db, "tickets", ticket, "open")
    assert not _is_open(db, case)
    assert _is_open(db, newer)
    status = db.execute("SELECT status FROM tickets WHERE id = %s", [ticket]).fetchall()
    assert status == [("open",)]


def test_a_move_between_open_words_does_not_reopen_a_case_closed_by_hand(db: Db) -> None:
    ticket = _ticket(db)
    case = _case(db, ticket=ticket)
    db.execute("UPDATE cases SET closed_at = now() WHERE id = %s", [case])
    _set(db, "tickets", ticket, "waiting")
    assert not _is_open(db, case)


def test_many_tickets_closed_in_one_statement_close_their_cases(db: Db) -> None:
    cases = [_case(db, f"identity:{n}", _ticket(db)) for n in range(5)]
    db.execute("UPDATE tickets SET status = 'closed'")
    assert [_is_open(db, case) for case in cases] == [False] * 5


def test_a_deleted_ticket_closes_its_case(db: Db) -> None:
    ticket = _ticket(db)
    case = _case(db, ticket=ticket)
    db.execute("DELETE FROM tickets WHERE id = %s", [ticket])
    assert not _is_open(db, case)


def test_a_deleted_activity_closes_its_case(db: Db) -> None:
    activity = _activity(db)
    case = _case(db, activity=activity)
    db.execute("DELETE FROM activities WHERE id = %s", [activity])
    assert not _is_open(db, case)


@pytest.mark.parametrize(("status", "still_open"), [("planned", True), ("done", False)])
def test_after_a_deleted_ticket_the_activity_decides(db: Db, status: str, still_open: bool) -> None:
    ticket, activity = _ticket(db), _activity(db)
    case = _case(db, ticket=ticket, activity=activity)
    _set(db, "activities", activity, status)
    db.execute("DELETE FROM tickets WHERE id = %s", [ticket])
    assert _is_open(db, case) is still_open


def test_a_deleted_activity_changes_nothing_where_a_ticket_decides(db: Db) -> None:
    ticket, activity = _ticket(db), _activity(db)
    case = _case(db, ticket=ticket, activity=activity)
    db.execute("DELETE FROM activities WHERE id = %s", [activity])
    assert _is_open(db, case)


def test_deleting_a_closed_ticket_reopens_nothing(db: Db) -> None:
    ticket, activity = _ticket(db), _activity(db)
    case = _case(db, ticket=ticket, activity=activity)
    _set(db, "tickets", ticket, "closed")
    db.execute("DELETE FROM tickets WHERE id = %s", [ticket])
    assert not _is_open(db, case)


def test_a_case_that_is_still_to_get_its_record_stays_open(db: Db) -> None:
    case = _case(db)
    db.execute("UPDATE cases SET activity_id = %s WHERE id = %s", [_activity(db), case])
    db.execute("UPDATE cases SET ticket_id = %s, level = 'ticket' WHERE id = %s", [_ticket(db), case])
    assert _is_open(db, case)


def test_who_may_close_a_ticket_need_not_be_allowed_to_write_cases(servers: Any) -> None:
    with servers.new_database() as (fleet, owner):
        role = make_url(fleet).username
        assert role
        with psycopg.connect(fleet) as db:
            ticket = _ticket(db)
            case = _case(db, ticket=ticket)
        with psycopg.connect(owner) as db:
            db.execute(sql.SQL("REVOKE UPDATE ON cases FROM {}").format(sql.Identifier(role)))
        with psycopg.connect(fleet) as db:
            _set(db, "tickets", ticket, "closed")
            assert not _is_open(db, case)


@contextmanager
def _neighbour(fleet: str, statement: str, *values: Any) -> Iterator[Future[None]]:
    """Somebody else's statement, running until it waits for a lock that we hold."""

    def run() -> None:
        with psycopg.connect(fleet, application_name="the neighbour") as other:
            other.execute(statement, values)

    waits = """
        SELECT 1 FROM pg_stat_activity
        WHERE application_name = 'the neighbour' AND wait_event_type = 'Lock' AND datname = current_database()
    """
    with ThreadPoolExecutor(1) as pool, psycopg.connect(fleet, autocommit=True) as watch:
        running = pool.submit(run)
        eventually(lambda: watch.execute(waits).fetchone(), of="the neighbour at the case's lock")
        yield running


def test_a_ticket_closed_while_a_digest_holds_its_case_waits_and_nothing_deadlocks(servers: Any) -> None:
    with servers.new_database() as (fleet, _), psycopg.connect(fleet) as digest:
        ticket = _ticket(digest)
        case = _case(digest, ticket=ticket)
        digest.commit()
        digest.execute("UPDATE cases SET score = -0.9 WHERE id = %s", [case])
        with _neighbour(fleet, "UPDATE tickets SET status = 'closed'") as closing:
            digest.execute("INSERT INTO social_events (ticket_id, case_id) VALUES (%s, %s)", [ticket, case])
            digest.execute("INSERT INTO activities (ticket_id) VALUES (%s)", [ticket])
            digest.commit()
            closing.result(timeout=60)
        assert not _is_open(digest, case)


def test_many_tickets_are_closed_in_the_order_in_which_a_digest_locks_their_cases(servers: Any) -> None:
    with servers.new_database() as (fleet, _), psycopg.connect(fleet) as digest:
        later, sooner = (_case(digest, subject, _ticket(digest)) for subject in ("identity:b", "identity:a"))
        digest.commit()
        digest.execute("UPDATE cases SET score = -0.9 WHERE id = %s", [sooner])
        with _neighbour(fleet, "UPDATE tickets SET status = 'closed'") as closing:
            digest.execute("UPDATE cases SET score = -0.9 WHERE id = %s", [later])
            digest.commit()
            closing.result(timeout=60)
        assert not _is_open(digest, sooner)
        assert not _is_open(digest, later)


def test_an_activity_finished_while_its_case_loses_the_ticket_closes_it(servers: Any) -> None:
    """Each alone leaves the case open; it would stay open for ever if neither saw the other."""
    with servers.new_database() as (fleet, _), psycopg.connect(fleet) as db:
        ticket, activity = _ticket(db), _activity(db)
        case = _case(db, ticket=ticket, activity=activity)
        db.commit()
        db.execute("DELETE FROM tickets WHERE id = %s", [ticket])
        with _neighbour(fleet, "UPDATE activities SET status = 'done'") as finishing:
            db.commit()
            finishing.result(timeout=60)
        assert not _is_open(db, case)
