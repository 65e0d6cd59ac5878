"""What a rule over many posts would have fired: on the stored hours, alarm by alarm what was fired live."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import sin
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import text

from console.backtest_hours import HoursTesting
from console.rules import the_rule
from tests.command_line import Earshot
from tests.journey import FURIOUS, US, Journey, post
from workers.alarms import look
from workers.history import Stretch

FROM = datetime(2026, 6, 10, tzinfo=UTC)
DAYS, HOURS = 5, 54
"""Of history before, without anybody looking; then of hours in which the alarms are looked at."""
LOOKED = FROM + timedelta(days=DAYS)


def rule(journey: Journey, name: str, **columns: Any) -> None:
    given = {"name": f"'{name}'", "audience": "'named'", "threshold": -0.2, "action": "'ticket'"} | columns
    journey.execute(f"INSERT INTO rules ({', '.join(given)}) VALUES ({', '.join(map(str, given.values()))})")


COUNT = text("""
    INSERT INTO hours (org_id, scope, hour, platform, language, voice, n, scored, sum, negative)
    VALUES ('main', :scope, :hour, :platform, 'en', 'earned', :n, :n, :sum, :negative)
    ON CONFLICT (org_id, scope, hour, platform, language, voice) DO UPDATE
    SET n = excluded.n, scored = excluded.scored, sum = excluded.sum, negative = excluded.negative
""")


def counted(scope: str, hour: datetime, platform: str, n: int, mean: float) -> dict[str, Any]:
    """A row of the hours."""
    negative = n // 2 if mean < 0 else 0
    return {
        "scope": scope,
        "hour": hour,
        "platform": platform,
        "n": n,
        "sum": round(n * mean, 4),
        "negative": negative,
    }


def lived_through(journey: Journey, scope: str) -> None:
    """Hours that fill up a third at a time, on two platforms, while the alarms are looked at; storms, a switch and a
    person who closes what is open, twice."""
    random = Random(7)
    for nth in range(-24 * DAYS, HOURS):
        hour = LOOKED + timedelta(hours=nth)
        storm = nth in (9, 10, 30, 31, 44, 46, 50)
        mean = -0.6 if storm else round(0.3 * sin(nth / 3 + 1.5), 2)
        many = {platform: random.randint(6, 14) * (6 if storm else 1) for platform in ("x", "reddit")}
        for third in (3,) if nth < 0 else (0, 1, 2, 3):
            at = hour + third * timedelta(minutes=19, seconds=58)
            rows = [
                counted(of, hour, platform, n * third // 3, mean)
                for platform, n in many.items()
                for of in ("all", scope)
            ]
            with journey.sessions() as session, session.begin():
                if third:
                    session.execute(COUNT, rows)
                if nth >= 0 and look(session, "main", at):
                    session.execute(
                        text("UPDATE cases SET opened_at = :at WHERE opened_at = now()"), {"at": at}
                    )
        if nth == 33:
            # from now on the hours before its mark are looked at no more; up to now they were
            journey.source(platform="reddit", escalate_from=hour, created_at=hour)
        if nth in (20, 40):
            journey.execute("UPDATE tickets SET status = 'closed' WHERE status = 'open'")
            journey.execute(
                "UPDATE cases SET closed_at = :at WHERE closed_at > now() - interval '1 hour'", at=at
            )


def test_what_would_have_fired_is_what_did_alarm_by_alarm(journey: Journey) -> None:
    journey.source(platform="x", escalate_from=FROM, created_at=FROM)
    campaign = journey.value("INSERT INTO campaigns (name) VALUES ('Spring') RETURNING id")
    spring = f"ARRAY['{campaign}'::uuid]"
    rule(journey, "mean", trigger="'mean'", window_hours=6, minimum=30, rearm=-0.02)
    rule(journey, "mean of one", trigger="'mean'", window_hours=3, minimum=12, rearm=0.1, campaigns=spring)
    rule(journey, "spike", trigger="'spike'", threshold=1, window_hours=2, minimum=40, factor=2.5)
    rule(
        journey,
        "negative",
        trigger="'spike'",
        threshold=-0.05,
        window_hours=4,
        minimum=20,
        factor=2,
        platforms="'{reddit}'",
    )
    held = journey.value("SELECT id FROM rules WHERE name = 'negative'")
    journey.execute(
        "INSERT INTO holds (of, rule_id, created_at, until, reason, by) VALUES ('rule', :rule, :at, :until, 'known', 'ann')",
        rule=held, at=LOOKED + timedelta(hours=8), until=LOOKED + timedelta(hours=20),
    )  # fmt: skip
    lived_through(journey, f"campaign:{campaign}")
    stretch = Stretch("main", LOOKED, LOOKED + timedelta(hours=HOURS))
    many = 0
    for name in ("mean", "mean of one", "spike", "negative"):
        with journey.sessions() as session:
            row = the_rule(session, "main", name)
            test = HoursTesting(session, stretch, row)
            assert list(test.batches()) == [1.0]
            found = test.of_rule()
        opened = journey.execute(
            "SELECT c.id, c.opened_at AS at FROM cases c WHERE rule_id = :rule ORDER BY opened_at",
            rule=row["id"],
        )
        again = journey.execute(
            "SELECT case_id AS id, at FROM case_notes WHERE rule_id = :rule AND what = 'note' ORDER BY at",
            rule=row["id"],
        )
        for what, lived in (("opens", opened), ("again", again)):
            would = [one for one in found.fired if one.what == what]
            assert [one.case for one in would] == [one.id for one in lived], (name, what)
            assert all(
                abs(one.at - two.at) < timedelta(hours=1) for one, two in zip(would, lived, strict=True)
            )
        assert [one.what for one in found.fired].count("missing") == 0
        assert (found.would.cases, found.opened, list(found.differs)) == (len(opened), len(opened), [])
        many += len(opened) + len(again)
    assert many >= 10


def test_the_command_tells_when_it_would_have_fired_beside_what_was_opened_and_draws_it(
    journey: Journey, cli: Earshot, tmp_path: Path
) -> None:
    rule(journey, "falls", trigger="'mean'", window_hours=3, minimum=10, rearm=0.0)
    began = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with journey.sessions() as session, session.begin():
        for ago in (50, 30, 10):
            session.execute(COUNT, counted("all", began - timedelta(hours=ago), "x", 20, -0.5))
            session.execute(COUNT, counted("all", began - timedelta(hours=ago - 4), "x", 20, 0.5))
        look(session, "main", began - timedelta(hours=30, minutes=-40))
    journey.execute(
        "UPDATE cases SET opened_at = :at, verdict = 'spam'", at=began - timedelta(hours=30, minutes=-40)
    )
    plot = tmp_path / "falls.svg"
    said = cli.done("rules", "test", "falls", "--since", "5d", "--plot", str(plot)).out
    assert said.startswith("falls as it stands would have fired 3 times in 2 days")
    assert "it opened 1 case; 1 of them was marked wrong, still." in " ".join(said.split())
    number = journey.value("SELECT number FROM tickets")
    assert f"opened ticket #{number}" in said
    assert b"<svg" in plot.read_bytes()
    told = cli.done("rules", "test", "falls", "--since", "5d", "--threshold", "-0.6", "--json").json
    assert [one["what"] for one in told["fired"]] == ["missing"]
    assert {line["value"]: line["cases"] for line in told["at"]}[-0.5] == 2


def test_what_was_recorded_late_would_not_have_fired_before_it_came(journey: Journey, cli: Earshot) -> None:
    rule(journey, "falls", trigger="'mean'", window_hours=24, minimum=10, rearm=0.0)
    ago = -3 * 24 * 60
    day = (datetime.now(UTC) - datetime(2026, 6, 1, 12, tzinfo=UTC)).total_seconds() / 60
    journey.hear(
        journey.source(), *(post(f"{n}", FURIOUS, by=f"p{n}", to=US, minutes=day + ago) for n in range(12))
    )
    told = cli.done("rules", "test", "falls", "--since", "7d", "--json").json
    assert (told["fired"], told["recorded_late"], told["posts"]) == ([], 12, 12)
    journey.execute("UPDATE social_events SET recorded_at = occurred_at")
    told = cli.done("rules", "test", "falls", "--since", "7d", "--json").json
    assert [one["n"] for one in told["fired"]] == [12]
    assert "1 case of falls would differ" in cli.done("rules", "test", "--since", "7d").err
