"""Rules over many posts: when a mean or a number fires, when it may again, and what that opens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.command_line import Earshot
from tests.journey import Journey
from workers.alarms import Alarm, Measure, judged, look, open_suggested, suggested
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


def test_an_hour_that_has_just_begun_arms_no_spike_again() -> None:
    assert judged(SPIKE, spike(0, 20), True, share=0.4) is None
    assert judged(SPIKE, spike(0, 20), True, share=0.5) == "rearm"


NOW = datetime(2026, 6, 10, 12, 45, tzinfo=UTC)


def rule(journey: Journey, **columns: Any) -> None:
    given = {"name": "'watch'", "audience": "'named'", "threshold": -0.2, "action": "'ticket'"} | columns
    journey.execute(f"INSERT INTO rules ({', '.join(given)}) VALUES ({', '.join(map(str, given.values()))})")


def hours(
    journey: Journey, scope: str, ago: int, n: int, total: float = 0, voice: str = "earned", on: str = "x"
) -> None:
    """So many posts in the hour that began `ago` hours before the current one."""
    journey.execute(
        "INSERT INTO hours (org_id, scope, hour, platform, language, voice, n, scored, sum, negative)"
        f" VALUES ('main', '{scope}', :hour, '{on}', 'en', '{voice}', {n}, {n}, {total}, {n})",
        hour=NOW.replace(minute=0) - timedelta(hours=ago),
    )


def hold(journey: Journey, of: str, what: object) -> None:
    column = "platform" if of == "platform" else f"{of}_id"
    journey.execute(
        f"INSERT INTO holds (of, {column}, until, reason, by) VALUES ('{of}', '{what}', :until, 'known', 'ann')",
        until=NOW + timedelta(hours=1),
    )


def looked(journey: Journey, minute: int = 45) -> list[str]:
    with journey.sessions() as session, session.begin():
        return look(session, "main", NOW.replace(minute=minute))


def test_a_rule_that_is_disabled_fires_nothing(journey: Journey) -> None:
    rule(journey, trigger="'mean'", window_hours=24, minimum=10, enabled="false")
    hours(journey, "all", 2, 20, -10.0)
    assert looked(journey) == []
    journey.execute("UPDATE rules SET enabled = true")
    assert len(looked(journey)) == 1


def test_a_mean_that_falls_opens_one_ticket_for_its_scope_and_stays_quiet_until_it_has_risen(
    journey: Journey,
) -> None:
    rule(journey, trigger="'mean'", window_hours=24, minimum=10, rearm=0.1)
    hours(journey, "all", 2, 20, -10.0)
    hours(journey, "all", 3, 500, 400.0, voice="own")
    assert looked(journey) == ["The mean sentiment about everything fell to -0.50 in 24 h (20 posts)"]
    assert looked(journey) == []
    journey.execute("UPDATE tickets SET status = 'closed'")
    assert looked(journey) == []
    hours(journey, "all", 1, 100, 60.0)
    assert looked(journey) == []
    journey.execute("DELETE FROM hours WHERE sum > 0")
    assert len(looked(journey)) == 1
    assert journey.value("SELECT count(*) FROM tickets") == 2


def test_an_alarm_that_fires_again_while_its_case_is_open_says_so_there_and_counts_once(
    journey: Journey, cli: Earshot
) -> None:
    rule(journey, trigger="'mean'", window_hours=24, minimum=10)
    hours(journey, "all", 2, 20, -10.0)
    assert len(looked(journey, minute=1)) == 1
    for minute in (10, 20):
        hours(journey, "all", 1, 100, 60.0)
        assert looked(journey, minute - 5) == []
        journey.execute("DELETE FROM hours WHERE sum > 0")
        assert len(looked(journey, minute)) == 1
    told = cli.done("case", "show", "#1001", "--json").json
    assert [(one["what"], one["rule"], one["score"]) for one in told["notes"]] == [("note", "watch", -0.5)]
    assert (
        "It fired again. The mean sentiment about everything fell to -0.50"
        in cli.done("case", "show", "#1001").out
    )
    counted = cli.done("rules", "show", "watch", "--json").json
    assert (counted["cases"], counted["cases_today"]) == (1, 1)


def test_a_spike_is_held_against_the_same_hours_of_the_days_before(journey: Journey) -> None:
    rule(journey, trigger="'spike'", threshold=1, window_hours=3, minimum=30, factor=3)
    for day in range(1, 5):
        hours(journey, "all", day * 24 + 1, 10, 0)
        hours(journey, "all", day * 24 + 12, 1_000, 0)
    hours(journey, "all", 1, 29, 0)
    assert looked(journey) == []
    hours(journey, "all", 0, 31, 0)
    assert looked(journey) == ["60 posts about everything since 10:00 UTC, 10 are usual by now"]


def test_an_hour_that_has_begun_is_held_against_its_part_of_an_hour(journey: Journey) -> None:
    rule(journey, trigger="'spike'", threshold=1, window_hours=1, minimum=50, factor=3)
    for day in range(1, 5):
        hours(journey, "all", day * 24, 60)
    hours(journey, "all", 0, 60)
    assert looked(journey, minute=30) == []
    assert looked(journey, minute=14) == ["60 posts about everything since 12:00 UTC, 15 are usual by now"]


def test_a_new_platform_has_no_baseline_however_long_others_are_heard(journey: Journey) -> None:
    rule(
        journey,
        trigger="'spike'",
        threshold=1,
        window_hours=3,
        minimum=5,
        factor=3,
        platforms="ARRAY['reddit']",
    )
    for day in range(1, 9):
        hours(journey, "all", day * 24 + 1, 10)
    hours(journey, "all", 0, 100, on="reddit")
    assert looked(journey) == []
    for day in range(1, 3):
        hours(journey, "all", day * 24 + 1, 10, on="reddit")
    assert len(looked(journey)) == 1


def test_a_rule_of_a_platform_counts_no_other(journey: Journey) -> None:
    rule(journey, trigger="'mean'", window_hours=24, minimum=10, platforms="ARRAY['reddit', 'bluesky']")
    hours(journey, "all", 2, 20, -10.0, on="x")
    assert looked(journey) == []
    hours(journey, "all", 2, 20, -8.0, on="reddit")
    assert looked(journey) == ["The mean sentiment about everything fell to -0.40 in 24 h (20 posts)"]


def test_what_a_new_source_brings_of_the_time_before_it_fires_nothing(journey: Journey) -> None:
    """The hours do not know a post's source: those count that begin after the newest start mark of the platform."""
    journey.source(platform="x", escalate_from=NOW - timedelta(minutes=20))
    rule(journey, trigger="'mean'", window_hours=24, minimum=10)
    rule(journey, name="'spikes'", trigger="'spike'", threshold=1, window_hours=24, minimum=10, factor=2)
    for ago in range(24 * 8):
        hours(journey, "all", ago, 20 if ago < 24 else 1, -10.0)
    assert looked(journey) == []
    journey.execute("UPDATE sources SET escalate_from = escalate_from - interval '30 days'")
    journey.source(platform="x", kind="file", term="old.csv", escalate_from=datetime(9999, 1, 1, tzinfo=UTC))
    journey.execute("UPDATE sources SET last_success_at = :at WHERE kind = 'file'", at=NOW)
    assert looked(journey) == []
    journey.execute("UPDATE sources SET last_success_at = :at", at=NOW - timedelta(days=30))
    assert len(looked(journey)) == 2


def test_a_campaign_under_a_crisis_switch_fires_nothing_until_it_is_off(journey: Journey) -> None:
    campaign = journey.value("INSERT INTO campaigns (name) VALUES ('Spring') RETURNING id")
    rule(journey, trigger="'mean'", window_hours=24, minimum=10, campaigns=f"ARRAY['{campaign}'::uuid]")
    hours(journey, f"campaign:{campaign}", 2, 20, -10.0)
    hold(journey, "campaign", campaign)
    assert looked(journey) == []
    journey.execute("UPDATE holds SET lifted_at = now()")
    assert looked(journey) == ["The mean sentiment about campaign Spring fell to -0.50 in 24 h (20 posts)"]
    assert journey.value("SELECT count(*) FROM cases WHERE subject LIKE 'rule:%:campaign:%'") == 1


def test_a_rule_of_platforms_that_are_all_under_a_crisis_switch_fires_nothing(journey: Journey) -> None:
    rule(journey, trigger="'mean'", window_hours=24, minimum=10, platforms="ARRAY['reddit', 'x']")
    hours(journey, "all", 2, 20, -10.0)
    hold(journey, "platform", "x")
    hold(journey, "platform", "reddit")
    assert looked(journey) == []
    journey.execute("UPDATE holds SET lifted_at = now() WHERE platform = 'reddit'")
    assert len(looked(journey)) == 1


def test_an_alarm_that_only_suggests_is_listed_until_somebody_opens_it(journey: Journey) -> None:
    rule(journey, trigger="'mean'", window_hours=24, minimum=10, suggests="true")
    hours(journey, "all", 2, 20, -10.0)
    [said] = looked(journey)
    with journey.sessions() as session, session.begin():
        [one] = suggested(session, "main")
        assert (one.rule, one.action, one.said, one.fired_at) == ("watch", "ticket", said, NOW)
        case = open_suggested(session, "main", one.id)
        assert suggested(session, "main") == []
        assert open_suggested(session, "main", one.id) is None
    assert journey.value("SELECT subject FROM tickets") == said
    assert journey.value("SELECT case_id FROM alarms") == case
    hours(journey, "all", 1, 200, 100.0)
    assert looked(journey) == []
    journey.execute("DELETE FROM hours WHERE sum > 0")
    looked(journey)
    with journey.sessions() as session:
        assert len(suggested(session, "main")) == 1, "it has fired anew"


def test_what_an_alarm_opens_goes_to_whose_turn_it_is(journey: Journey) -> None:
    journey.execute("INSERT INTO users (name, email) VALUES ('a', 'a@us.example')")
    people = journey.value("SELECT id FROM users")
    given = {"trigger": "'mean'", "window_hours": 24, "minimum": 10, "assign": "'rotation'"}
    rule(journey, **given, assignees=f"ARRAY['{people}'::uuid]")
    hours(journey, "all", 2, 20, -10.0)
    looked(journey)
    assert journey.value("SELECT owner_id FROM tickets") == people
