"""The console's bench over a tiny world: what it measures is there, agrees with itself, and uses its indexes."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.orm import Session

from bench.console import judged, served
from bench.console_pages import pages, roles
from bench.console_people import Line, Seen, parts, signed_in
from bench.console_world import ORG, Size, build
from bench.console_writer import write
from bench.names import driver
from console.quarantine_page import _PAGE, platforms
from console.web.shared import Shared
from tests.conftest import Servers
from tests.keeper import at

SIZE = Size(events=4_000, cases=120, days=12, people=5, quarantined=400, sources=40)


@pytest.fixture(scope="module")
def world(servers: Servers) -> Iterator[tuple[str, str]]:
    """A tiny world: its URL as the fleet, and as a superuser."""
    with servers.new_database() as (fleet, owner):
        name = make_url(owner).database
        assert name
        admin = at(servers.admin, name)
        plain = [
            make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
            for url in (fleet, admin)
        ]
        with psycopg.connect(plain[1]) as db:
            row = db.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
            if not row or not row[0]:
                assert not os.environ.get("CI"), "servers that CI starts itself have a superuser"
                pytest.skip("only a superuser may write rows without their triggers")
        build(plain[1], SIZE, lambda line: None, str(make_url(fleet).username))
        yield plain[0], plain[1]


def test_hours_agree_with_the_posts_that_they_count(world: tuple[str, str]) -> None:
    with psycopg.connect(world[1]) as db:
        row = db.execute("""
            SELECT (SELECT sum(n) FROM hours WHERE scope = 'all'), (SELECT count(*) FROM social_events),
                   (SELECT sum(negative - positive) FROM hours WHERE scope = 'all'),
                   (SELECT count(*) FILTER (WHERE sentiment <= -0.05) - count(*) FILTER (WHERE sentiment >= 0.05) FROM social_events),
                   (SELECT count(*) FROM cases WHERE closed_at IS NULL AND parent_id IS NULL AND event_id IS NOT NULL),
                   (SELECT count(*) FROM pg_index WHERE NOT indisvalid)
        """).fetchone()
    assert row is not None
    assert row[0] == row[1] == SIZE.events
    assert row[2] == row[3] != 0
    assert row[4] == SIZE.cases
    assert row[5] == 0


async def _seen(port: int, cookie: str, db: psycopg.Connection[object]) -> Seen:
    seen, line = Seen(), Line(port, cookie)
    for page in pages(db, ORG):
        if page.fields is None:
            status, headers, body = await line.ask(page.path)
            seen.note(page.name, status, headers)
            if page.name in ("fleet", "cases: all", "a case", "stream: everything, 24 h"):
                assert parts(body.decode()), page.name
    line.close()
    return seen


def test_every_page_answers_and_says_how_long_it_took(
    world: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    import asyncio
    import time

    assert write(world[0], time.time() + 0.5) > 0
    with psycopg.connect(world[1], autocommit=True) as db:
        cookie = signed_in(db, ORG, 5, roles())[4]
        with served(world[0], tmp_path_factory.mktemp("web")) as (port, _):
            seen = asyncio.run(_seen(port, cookie, db))
    assert not seen.wrong
    asked = {page.name for page in pages(None, ORG) if page.fields is None}
    assert set(seen.took) == asked
    [row] = judged(Seen(took={"fleet": [1.0] * 94 + [300.0] * 6}), {"fleet": 200.0})
    assert row["p50"] == 1.0
    assert row["met"] is False


def test_a_platform_with_little_in_quarantine_is_found_by_its_index(world: tuple[str, str]) -> None:
    engine = create_engine(driver(world[0]))
    with Session(engine) as session:
        session.execute(text("SET enable_seqscan = off"))
        values = {"org": ORG, "platform": "lemmy", "before": None, "most": 26, "long": 1}
        plan = "\n".join(session.scalars(text(f"EXPLAIN {_PAGE.text}"), values))
        held = dict(platforms(session, ORG))
    engine.dispose()
    assert "ix_quarantine_held_platform" in plan, plan
    assert held["lemmy"] == 10


def test_what_was_made_before_a_telling_is_told_to_nobody_after_it() -> None:
    number: list[int | None] = [1]
    engine = create_engine("postgresql+psycopg://")
    shared, made = Shared(engine, lambda org: number[0]), list[int]()

    def make() -> int:
        made.append(len(made))
        return made[-1]

    assert [shared.value("main", "part", make) for _ in range(3)] == [0, 0, 0]
    assert shared.value("other", "part", make) == 1
    number[0] = 2
    assert shared.value("main", "part", make) == 2
    number[0] = None  # nobody listens: nobody would be told
    assert [shared.value("main", "part", make) for _ in range(2)] == [3, 4]
