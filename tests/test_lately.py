"""What is shown again for a while: as long as its caller says, made once for all who ask together, each database its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from console.lately import Lately


def test_an_answer_stands_while_it_holds_for_its_database_alone_and_many_who_ask_together_wait_for_one() -> (
    None
):
    here, there = (Session(create_engine("postgresql+psycopg://nobody@/never")) for _ in range(2))
    made: list[int] = []
    all_here = Barrier(4)

    def make() -> int:
        made.append(len(made))
        Event().wait(0.05)  # long enough for the others to begin as well, if they did not wait
        return made[-1]

    kept = Lately(2)

    def asks(_: int) -> int:
        all_here.wait(30)
        return kept.value(here, "key", make, lambda value, ago: True)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(asks, range(4))) == [0] * 4
    assert kept.value(here, "key", make, lambda value, ago: ago < 0) == 1
    assert kept.value(there, "key", make, lambda value, ago: True) == 2
    several = kept.values(here, ["key", "new"], dict.fromkeys, lambda value, ago: True)
    assert several == {"key": 1, "new": None}
    kept.value(here, "third", make, lambda value, ago: True)
    assert kept.value(here, "key", make, lambda value, ago: True) == 4
