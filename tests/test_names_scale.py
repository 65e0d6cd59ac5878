"""Resolve against an organisation of 50,000 accounts: what a million is measured for by `python -m bench names`."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.orm import sessionmaker
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from bench import names, names_world
from connectors._base import Post
from tests.conftest import Servers
from workers.directory import Directories, Directory
from workers.gate import Gate
from workers.names import index_due
from workers.resolve import resolve
from workers.tokens import hashes_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SIZE = names_world.Size(accounts=50_000, identities=150_000, posts=4_000)


@dataclass(frozen=True)
class Loaded:
    """The organisation: its database, a directory of it, some of its accounts' names, what loading took."""

    url: str
    engine: Engine
    directories: Directories
    directory: Directory
    some: list[str]
    told: names.Told


@pytest.fixture(scope="module")
def loaded(servers: Servers) -> Iterator[Loaded]:
    with servers.new_database() as (fleet, owner):
        owner, plain = (
            make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
            for url in (owner, fleet)
        )
        told = names.Told()
        some = names.load(owner, plain, SIZE, told, lambda line: None)
        url = names.driver(plain)
        engine = create_engine(url)
        directories = Directories()
        directory = directories.of(sessionmaker(engine), names_world.ORG)
        yield Loaded(url, engine, directories, directory, some, told)
        engine.dispose()


def _posts(loaded: Loaded) -> names.Batches:
    words = names_world.vocabulary(SIZE.seed)
    return names.batches(names_world.posts(SIZE, words, loaded.some, ordinary=True))


def test_names_are_taken_into_the_index_without_a_walk_through_all_authors(loaded: Loaded) -> None:
    (seconds,) = [
        shown for what, shown, *_ in loaded.told.rows if what.startswith("index of") and what.endswith("time")
    ]
    assert float(seconds.split()[0].replace(",", "")) < 90


def test_every_account_is_found_by_its_name(loaded: Loaded) -> None:
    at = _posts(loaded)[0][0][1].posted_at
    several = [name for name in loaded.some if " " in name]
    heard = [
        ("mastodon", Post(id=name, posted_at=at, verb="post", text=f"they say {name}, of all"))
        for name in several
    ]
    with sessionmaker(loaded.engine)() as session:
        found = resolve(session, names_world.ORG, heard, loaded.directory)
    missed = [name for name, one in zip(several, found, strict=True) if not one.matches]
    # made of ordinary words alone, a name counts only among words without capitals, and not in a person's name
    assert len(missed) < len(several) / 100


def test_a_batch_is_one_question_and_a_post_costs_less_than_three_times_stock_vader(loaded: Loaded) -> None:
    posts = _posts(loaded)
    cost = names.measure(loaded.engine, loaded.directory, posts)
    assert cost.statements <= names.BAR_TRIPS
    analyzer = SentimentIntensityAnalyzer()
    started = time.process_time()
    for _, post in posts[0]:
        analyzer.polarity_scores(post.text)
    assert cost.worker_us < 3 * (time.process_time() - started) / len(posts[0]) * 1e6


def test_the_look_up_walks_through_no_table(loaded: Loaded) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        asked.append((statement, values))

    event.listen(loaded.engine, "before_cursor_execute", note)
    with sessionmaker(loaded.engine)() as session:
        resolve(session, names_world.ORG, _posts(loaded)[0], loaded.directory)
    event.remove(loaded.engine, "before_cursor_execute", note)
    ((statement, values),) = asked
    for mode in ("force_custom_plan", "force_generic_plan"):
        with loaded.engine.connect() as db:
            db.execute(text(f"SET plan_cache_mode = {mode}"))
            prepared: Any = db.connection.cursor()
            prepared.execute("EXPLAIN (COSTS OFF) " + statement, values, prepare=True)
            plan = "\n".join(row[0] for row in prepared.fetchall())
        walked = set(re.findall(r"Seq Scan on (\w+)", plan))
        assert not walked & {"identities", "names", "accounts", "contacts"}, plan


def test_a_directory_of_150_000_keys_takes_less_than_20_megabytes(loaded: Loaded) -> None:
    held = names.memory(loaded.url)
    assert held["held"] < 20
    assert held["peak"] < 40


def test_a_text_that_is_all_names_costs_less_than_12_milliseconds(loaded: Loaded) -> None:
    posts = names_world.hostile(loaded.some)
    assert names.worst(loaded.engine, loaded.directory, posts) < names.BAR_HOSTILE_MS


def test_a_regular_look_at_what_has_not_changed_is_cheap(loaded: Loaded) -> None:
    assert names.look(loaded.engine, loaded.directories) < 20


def test_changes_by_plain_sql_count_within_30_seconds(loaded: Loaded) -> None:
    changes, removed = names.freshness(loaded.engine, loaded.directories)
    for what, seconds in changes.items():
        assert seconds < names.BAR_FRESH_S, what
    assert removed < 1.0


def test_an_import_is_not_held_up_by_what_it_notes_for_the_index(loaded: Loaded) -> None:
    took = {what: float(shown.split()[0]) for what, shown, *_ in loaded.told.rows if " trigger" in what}
    bare, noted = itertools.islice(took.values(), 2)
    assert noted < 4 * bare + 1


def test_what_nobody_changed_is_not_indexed_again(loaded: Loaded) -> None:
    with sessionmaker(loaded.engine)() as session, session.begin():
        while index_due(session, names_world.ORG):
            pass
        assert index_due(session, names_world.ORG) == 0
        unchanged = "UPDATE accounts SET industry = 'x' WHERE id IN (SELECT id FROM accounts LIMIT 1000)"
        session.execute(text(unchanged))
        assert index_due(session, names_world.ORG) == 0


def test_a_gate_of_many_lets_every_name_through_and_few_others() -> None:
    several, one = [f"w{n} w{n + 1} x" for n in range(100_000)], [f"only{n}" for n in range(100_000)]
    gate = Gate(400_000)
    gate.add_names([*several, *one])
    gate.add("#", ["tag7"])
    assert gate.has("#", "tag7")
    assert len(gate.among("=", several)) == len(several)
    assert gate.openings(hashes_of(one))[0].tolist() == list(range(len(one)))
    assert 1 in gate.openings(hashes_of(["so", "w2", "w3"]))[1]
    strangers = [f"stranger{n}" for n in range(100_000)]
    single, pairs = gate.openings(hashes_of(strangers))
    assert len(single) < 2_000
    assert len(pairs) < 2_000
    assert not gate.crowded
