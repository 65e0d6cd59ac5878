"""Quiet hours: until when news waits, what brings it forward, and that nobody's time zone but the rule's has a say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import text

from tests.keyed import a_key, keys
from tests.telling import Hearing, Owing, hearing


@pytest.fixture
def owing(database: str) -> Iterator[Owing]:
    with pytest.MonkeyPatch.context() as patch, keys(patch, a_key()):
        made = Owing(database)
        yield made
        made.close()


@pytest.fixture
def desk() -> Iterator[Hearing]:
    with hearing() as told:
        yield told


DUE = [
    # zone, quiet from and to, moment, due; UTC but for the zone's own hours
    ("UTC", None, None, "2026-06-01 23:00", "2026-06-01 23:00"),
    ("Asia/Tokyo", None, None, "2026-06-01 23:00", "2026-06-01 23:00"),
    ("Europe/Berlin", "12:00", "12:00", "2026-06-01 10:00", "2026-06-01 10:00"),
    ("Europe/Berlin", "12:00", "14:00", "2026-06-01 09:59", "2026-06-01 09:59"),
    ("Europe/Berlin", "12:00", "14:00", "2026-06-01 10:00", "2026-06-01 12:00"),
    ("Europe/Berlin", "12:00", "14:00", "2026-06-01 12:00", "2026-06-01 12:00"),
    ("Europe/Berlin", "22:00", "07:00", "2026-06-01 19:59", "2026-06-01 19:59"),
    ("Europe/Berlin", "22:00", "07:00", "2026-06-01 20:00", "2026-06-02 05:00"),
    ("Europe/Berlin", "22:00", "07:00", "2026-06-02 04:59", "2026-06-02 05:00"),
    ("Asia/Tokyo", "22:00", "07:00", "2026-06-01 12:59", "2026-06-01 12:59"),
    ("Asia/Tokyo", "22:00", "07:00", "2026-06-01 16:00", "2026-06-01 22:00"),
    ("America/New_York", "22:00", "07:00", "2026-06-01 01:00", "2026-06-01 01:00"),
    ("America/New_York", "22:00", "07:00", "2026-06-01 03:00", "2026-06-01 11:00"),
    (
        "Europe/Berlin",
        "22:00",
        "07:00",
        "2026-03-28 21:30",
        "2026-03-29 05:00",
    ),  # that night has an hour less
    ("Europe/Berlin", "22:00", "07:00", "2026-10-24 20:30", "2026-10-25 06:00"),  # and that one an hour more
    (
        "Europe/Berlin",
        "22:00",
        "02:30",
        "2026-03-28 21:30",
        "2026-03-29 01:30",
    ),  # a clock that never shows 2:30
]


@pytest.mark.parametrize("session_zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_news_waits_for_the_end_of_quiet_hours_in_the_zone_of_the_rule_and_of_nobody_else(
    owing: Owing, session_zone: str
) -> None:
    for zone, begins, ends, at, due in DUE:
        with owing.sessions() as session:
            session.execute(text(f"SET LOCAL TimeZone = '{session_zone}'"))
            session.execute(
                text("UPDATE rules SET quiet_zone = :zone, quiet_from = :begins, quiet_to = :ends"),
                {"zone": zone, "begins": begins, "ends": ends},
            )
            told = session.scalar(
                text("SELECT after_quiet(r, CAST(:at AS timestamptz)) FROM rules r LIMIT 1"), {"at": f"{at}Z"}
            )
        assert told == datetime.fromisoformat(f"{due}Z"), (zone, begins, ends, at)


@pytest.mark.parametrize("worse", ["level = 'ticket'", "closed_at = NULL"])
def test_a_case_that_gets_worse_by_an_urgent_rule_waits_for_no_quiet_hours_of_a_mild_one(
    owing: Owing, desk: Hearing, worse: str
) -> None:
    owing.receiver(desk)
    owing.receiver(desk, "other", tells=["case.opened", "case.closed"])
    mild, urgent = (row.id for row in owing.execute("SELECT id FROM rules ORDER BY id LIMIT 2"))
    owing.execute(
        "UPDATE rules SET quiet_from = (now() AT TIME ZONE 'UTC')::time - interval '1 hour',"
        " quiet_to = (now() AT TIME ZONE 'UTC')::time + interval '3 hours' WHERE id = :mild",
        mild=mild,
    )
    case, calm = owing.opens("post:mastodon:1"), owing.opens("post:mastodon:2")
    owing.execute("DELETE FROM owed")
    owing.execute("UPDATE cases SET rule_id = :mild, closed_at = now()", mild=mild)
    assert owing.notifies() == 0
    owing.execute(f"UPDATE cases SET rule_id = :urgent, {worse} WHERE id = :case", urgent=urgent, case=case)
    told = owing.notifies()
    assert told == len(desk.heard) == 2
    assert {one.body["data"]["case"] for one in desk.heard} == {str(case)}
    assert desk.kinds()[0] == "case.closed"
    assert [row.case_id for row in owing.owed() if row.state == "owed"].count(calm) == 2
