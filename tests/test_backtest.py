"""The back-test of a history opens what was opened, case by case; and what a change of a rule would have opened."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.backtesting import backtested, opened
from tests.journey import CALM, FURIOUS, MILD, US, WARM, Journey, post

ROTTEN = "northwind: terrible, awful, I hate them, the worst."
SPAN = {
    "social_events": "recorded_at",
    "cases": "opened_at risen_at closed_at reopened_at",
    "case_notes": "at",
    "matches": "created_at",
    "holds": "created_at until lifted_at released_at",
}


def pass_time(journey: Journey, hours: float) -> None:
    """So many hours go by: all that happened is so much longer ago."""
    for table, columns in SPAN.items():
        moved = ", ".join(f"{name} = {name} - make_interval(mins => :minutes)" for name in columns.split())
        journey.execute(f"UPDATE {table} SET {moved}", minutes=int(hours * 60))


PEOPLE = ("ann", "bob", "cem", "dee", "eve", "flo", "gil", "hal", "northwind")
WORK = (*["ticket", "ticket", "activity"] * 3, "time", "days", "switch", "rule", "release", "release")


class Town:
    """People who complain, answer, come back; support that closes, time that goes by. All by one seed."""

    def __init__(self, journey: Journey, seed: int) -> None:
        self.journey, self.chance = journey, random.Random(seed)
        self.source = journey.source()
        self.said: list[str] = []

    def speak(self) -> None:
        """A page of some posts, some of which answer earlier ones, or one of the same page."""
        page = [self._post() for _ in range(self.chance.randint(1, 8))]
        self.journey.hear(self.source, *page)

    def _post(self) -> Any:
        chance = self.chance
        words = chance.choice((FURIOUS, FURIOUS, MILD, CALM, WARM, ROTTEN))
        by = chance.choice(PEOPLE)
        answers = chance.choice(self.said[-12:]) if self.said and chance.random() < 0.5 else None
        more = {"reply_to": answers, "verb": "comment"} if answers else {}
        to = US if chance.random() < 0.5 and by != "northwind" else None
        self.said.append(f"{len(self.said)}")
        # what was written first is not always heard first
        written = len(self.said) + chance.uniform(-20, 20)
        return post(self.said[-1], words, by=by, to=to, minutes=max(0.0, written), **more)

    def work(self) -> None:
        """Support closes something, turns the crisis switch on or releases what it held, or time goes by."""
        what = self.chance.choice(WORK)
        if what == "time":
            pass_time(self.journey, self.chance.choice((0.5, 2, 30)))
        elif what == "days":
            pass_time(self.journey, 24 * 15)
        elif what == "switch":
            self.journey.execute(
                "INSERT INTO holds (of, platform, until, reason, by) "
                "VALUES ('platform', 'mastodon', now() + interval '1 hour', 'an outage', 'ann')"
            )
        elif what == "rule":
            self.journey.execute(
                "INSERT INTO holds (of, rule_id, until, reason, by) SELECT 'rule', id, now() + interval '1 hour', 'x', 'ann'"
                " FROM rules WHERE name = 'A complaint to us'"
            )
        elif what == "release":
            self._release()
        else:
            table, before, after = {
                "ticket": ("tickets", "status = 'open'", "resolved"),
                "activity": ("activities", "status = 'planned'", "done"),
            }[what]
            rows = self.journey.execute(f"SELECT id FROM {table} WHERE {before} ORDER BY created_at, id")
            for row in self.chance.sample(rows, (len(rows) + 1) // 2):
                self.journey.execute(f"UPDATE {table} SET status = '{after}' WHERE id = '{row.id}'")

    def _release(self) -> None:
        from workers.release import release

        for row in self.journey.execute("SELECT id FROM holds WHERE released_at IS NULL ORDER BY created_at"):
            self.journey.execute(
                "UPDATE holds SET lifted_at = now() WHERE id = :id AND lifted_at IS NULL", id=row.id
            )
            for _ in release(self.journey.sessions, self.journey.org, row.id):
                pass
            self.journey.execute("UPDATE holds SET released_at = now() WHERE id = :id", id=row.id)


@pytest.mark.parametrize("seed", [1, 3])
def test_the_back_test_of_a_history_opens_what_the_live_run_opened_case_by_case(
    journey: Journey, seed: int
) -> None:
    journey.execute("INSERT INTO policies (burst_all) VALUES (6)")
    journey.contact("ann@town.example")
    journey.execute("UPDATE rules SET per_day = 5 WHERE name = 'Displeasure addressed to us'")
    town = Town(journey, seed)
    for _ in range(40):
        town.speak() if town.chance.random() < 0.6 else town.work()
    with journey.sessions() as session:
        assert len(opened(session)) > 6
        assert backtested(session) == opened(session)
