"""Rules over many posts: when a mean or a number fires, when it may again, and what that opens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from tests.journey import Journey
from workers.alarms import Alarm, Measure, judged, look
from workers.rule import Rule

ANY = Rule(UUID(int=1), "any", "named", 1.0, "ticket", "high")
LOW = Rule(UUID(int=2), "low", "named", -0.2, "ticket", "high")
MEAN = Alarm(LOW, "all", "mean", hours=24, minimum=30, rearm=0.0, factor=None)
SPIKE = Alarm(ANY, "all", "spike", hours=3, minimum=50, rearm=None, factor=3.0)


def mean(value: float | None, scored: int = 100) -> Measure:
    return Measure(scored, scored, value, 0, None, None)


def spike(n: int, before: float | None) -> Measure:
    return Measure(n, n, 0.0, n, before, before)


@pytest.mark.parametrize(
    ("measure", "fired", "does"),
    [
        (mean(-0.2), False, "fire"),
        (mean(-0.19), False, None),
        (mean(-0.5, scored=29), False, None),
        (mean(None, scored=0), False, None),
        (mean(-0.5), True, None),
        (mean(-0.05), True, None),
        (mean(0.0), True, "rearm"),
        (mean(0.5, scored=29), True, None),
    ],
)
def test_a_mean_fires_once_and_is_armed_again_only_above_its_own_mark(
    measure: Measure, fired: bool, does: str | None
) -> None:
    assert judged(MEAN, measure, fired) == does


@pytest.mark.parametrize(
    ("measure", "fired", "does"),
    [
        (spike(60, 20), False, "fire"),
        (spike(59, 20), False, None),
        (spike(49, 0), False, None),
        (spike(500, None), False, None),
        (spike(500, 20), True, None),
        (spike(40, 20), True, None),
        (spike(39, 20), True, "rearm"),
    ],
)
def test_a_spike_needs_a_baseline_a_minimum_and_its_factor(
    measure: Measure, fired: bool, does: str | None
) -> None:
    assert judged(SPIKE, measure, fired) == does


@pytest.fixture
def journey(database: str) -> Iterator[Journey]:
    journey = Journey(database)
    yield journey
    journey.close()


def rule(journey: Journey, **columns: Any) -> None:
    given = {"name": "'watch'", "audience": "'named'", "threshold": -0.2, "action": "'ticket'"} | columns
    journey.execute(f"INSERT INTO rules ({', '.join(given)}) VALUES ({', '.join(map(str, given.values()))})")


def hours(journey: Journey, scope: str, ago: str, n: int, total: float, voice: str = "earned") -> None:
    journey.execute(
        "INSERT INTO hours (org_id, scope, hour, platform, language, voice, n, scored, sum, negative)"
        f" VALUES ('main', '{scope}', date_trunc('hour', now()) - interval '{ago}', 'x', 'en', '{voice}',"
        f" {n}, {n}, {total}, {n})"
    )


def looked(journey: Journey) -> list[str]:
    with journey.sessions() as session, session.begin():
        return look(session, "main")


def test_a_mean_that_falls_opens_one_ticket_for_its_scope_and_stays_quiet_until_it_has_risen(
    journey: Journey,
) -> None:
    rule(journey, trigger="'mean'", window_hours=24, minimum=10, rearm=0.1)
    hours(journey, "all", "2 hours", 20, -10.0)
    hours(journey, "all", "3 hours", 500, 400.0, voice="own")
    assert looked(journey) == ["The mean sentiment about everything fell to -0.50 in 24 h (20 posts)"]
    assert looked(journey) == []
    journey.execute("UPDATE tickets SET status = 'closed'")
    assert looked(journey) == []
    hours(journey, "all", "1 hours", 100, 60.0)
    assert looked(journey) == []
    journey.execute("DELETE FROM hours WHERE sum > 0")
    assert len(looked(journey)) == 1
    assert journey.value("SELECT count(*) FROM tickets") == 2


def test_a_spike_is_held_against_the_same_hours_of_the_days_before(journey: Journey) -> None:
    rule(journey, trigger="'spike'", threshold=1, window_hours=3, minimum=30, factor=3)
    for day in range(1, 5):
        hours(journey, "all", f"{day * 24 + 1} hours", 10, 0)
        hours(journey, "all", f"{day * 24 + 12} hours", 1_000, 0)
    hours(journey, "all", "1 hours", 29, 0)
    assert looked(journey) == []
    hours(journey, "all", "0 hours", 31, 0)
    assert looked(journey) == ["60 posts about everything in 3 h, 10 are usual"]


def test_a_campaign_under_a_crisis_switch_fires_nothing_until_it_is_off(journey: Journey) -> None:
    campaign = journey.value("INSERT INTO campaigns (name) VALUES ('Spring') RETURNING id")
    rule(journey, trigger="'mean'", window_hours=24, minimum=10, campaigns=f"ARRAY['{campaign}'::uuid]")
    hours(journey, f"campaign:{campaign}", "2 hours", 20, -10.0)
    journey.execute(
        "INSERT INTO holds (of, campaign_id, until, reason, by)"
        f" VALUES ('campaign', '{campaign}', now() + interval '1 hour', 'known', 'ann')"
    )
    assert looked(journey) == []
    journey.execute("UPDATE holds SET lifted_at = now()")
    assert looked(journey) == ["The mean sentiment about campaign Spring fell to -0.50 in 24 h (20 posts)"]
    assert journey.value("SELECT count(*) FROM cases WHERE subject LIKE 'rule:%:campaign:%'") == 1


def test_what_an_alarm_opens_goes_to_whose_turn_it_is(journey: Journey) -> None:
    journey.execute("INSERT INTO users (name, email) VALUES ('a', 'a@us.example')")
    people = journey.value("SELECT id FROM users")
    given = {"trigger": "'mean'", "window_hours": 24, "minimum": 10, "assign": "'rotation'"}
    rule(journey, **given, assignees=f"ARRAY['{people}'::uuid]")
    hours(journey, "all", "2 hours", 20, -10.0)
    looked(journey)
    assert journey.value("SELECT owner_id FROM tickets") == people
