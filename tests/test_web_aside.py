"""What is counted beside the pages: by one process that dies with its server, once for everybody who asks, while pages answer."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from console.refusal import CannotDo
from console.web import aside
from console.web.aside import Aside, Counted, Counting
from tests import counted
from tests.journey import Journey
from tests.serving import web
from tests.signing_in import MAX, Visitor, let_in
from tests.waiting import eventually
from workers._settings import Settings


@pytest.fixture
def beside(database: str) -> Iterator[Aside]:
    made = Aside(Settings(database_url=database).database)
    yield made
    made.stop()


def until(what: Callable[[], Any]) -> Any:
    """What it returns as soon as that is something."""
    return eventually(what, within=60)


def value(
    beside: Aside, key: str, work: Callable[..., Any], *args: Any, org: str = "main", **more: Any
) -> Any:
    """The answer, asked for until it is there."""

    def known() -> Counted | None:
        found = beside.ask(org, key, work, *args, **more)
        return found if isinstance(found, Counted) else None

    return until(known).value


def gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_question_is_counted_once_for_all_who_ask_and_its_process_ends_with_the_server(
    beside: Aside, tmp_path: Path
) -> None:
    file = str(tmp_path / "times")
    assert beside.process is None
    assert beside.known("main", "times") is None
    assert [value(beside, "times", counted.times, file) for _ in range(5)] == [1] * 5
    assert value(beside, "times", counted.times, file, org="other") == 2
    process, nice = value(beside, "process", counted.process)
    assert (process, nice) == (beside.process, os.nice(0) + 10)
    with pytest.raises(CannotDo, match=r"Not today\."):
        value(beside, "refused", counted.refused)
    with pytest.raises(CannotDo, match="log says why"):
        value(beside, "writes", counted.writes)
    beside.stop()
    assert gone(process)


def test_what_lasts_says_how_far_it_is_and_lets_others_pass(beside: Aside, tmp_path: Path) -> None:
    file = tmp_path / "enough"
    until(lambda: beside.ask("main", "busy", counted.busy, str(file), lasts=True) == Counting(0.5, False))
    assert value(beside, "process", counted.process)[0] == beside.process
    assert beside.ask("main", "other", counted.busy, str(file), lasts=True) == Counting(None, True)
    waiting = [beside.ask("main", n, counted.busy, str(file), lasts=True) for n in range(aside.MOST_WAIT + 3)]
    assert waiting == [Counting(None, True)] * len(waiting)
    assert beside.known("main", aside.MOST_WAIT) is None
    file.touch()
    assert value(beside, "busy", counted.busy, str(file), lasts=True) == "done"
    assert value(beside, "other", counted.busy, str(file), lasts=True) == "done"


def test_a_process_that_died_is_replaced_and_its_work_is_tried_once_more(
    beside: Aside, tmp_path: Path
) -> None:
    before = value(beside, "process", counted.process)[0]
    assert value(beside, "once", counted.dies, str(tmp_path / "once"), 1) == 2
    assert value(beside, "process", counted.process, org="other")[0] == beside.process != before
    with pytest.raises(CannotDo, match="log says why"):
        value(beside, "always", counted.dies, str(tmp_path / "always"), 9)
    assert len((tmp_path / "always").read_text()) == 2
    last: int = value(beside, "process", counted.process, org="third")[0]
    os.kill(last, signal.SIGKILL)
    assert until(lambda: gone(last))
    assert value(beside, "process", counted.process, org="fourth")[0] != last


_SERVER = """
import sys, time
from console.web.aside import Aside
from tests.counted import stuck
beside = Aside(sys.stdin.readline().strip())
while True:
    beside.ask("main", "stuck", stuck)
    print(beside.process, flush=True)
    time.sleep(0.05)
"""


def test_the_process_dies_with_a_server_that_is_killed(database: str) -> None:
    url = Settings(database_url=database).database
    command = [sys.executable, "-c", _SERVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin
        assert server.stdout
        server.stdin.write(f"{url}\n")
        server.stdin.flush()
        process = int(next(line for line in server.stdout if line.strip().isdecimal()))
        until(lambda: b"aside_process" in Path(f"/proc/{process}/cmdline").read_bytes())
        assert url.encode() not in Path(f"/proc/{process}/cmdline").read_bytes()
        server.kill()
        assert until(lambda: gone(process))


def test_a_part_over_many_posts_says_that_it_is_counted_and_has_it_later_and_pages_answer_meanwhile(
    journey: Journey,
) -> None:
    let_in(journey, MAX)
    journey.execute("""
        INSERT INTO social_events (org_id, platform, external_id, occurred_at, recorded_at, verb, voice, text, sentiment, sightings)
        SELECT 'main', 'mastodon', 'many-' || n, now() - interval '2 hours', now() - interval '1 hour', 'post', 'earned',
               'The grinder of <b>' || n || '</b> is broken.', -0.5, ARRAY[gen_random_uuid()]
        FROM generate_series(1, 2100) n
    """)
    with web(journey.url) as base:
        visitor = Visitor(base)
        visitor.sign_in(MAX)
        first = visitor.get("/stream?more=1").text
        assert "This is being counted" in first or "waits for its turn" in first
        assert 'id="sample" hx-get' not in first
        [way] = re.findall(r'hx-get="([^"]+)" hx-trigger="every 1s" hx-target="#sample"', first)
        seen = set[int]()

        def answered() -> str:
            answer = visitor.get(unescape(way))
            seen.add(answer.status_code)
            return answer.text if "grinder" in answer.text else ""

        told = until(answered)
        assert "Engagement, authors and words of 2,100 posts" in told
        assert seen <= {200, 204}
        assert "of 2,100 posts" in visitor.get("/stream?more=1").text
        rule = journey.value("SELECT id FROM rules WHERE name = 'A complaint to us'")
        test = f"/rules/{rule}/test?since=7d"
        drawn = until(lambda: re.search(r"<p class=.sentence.*<svg", visitor.get(test).text, re.DOTALL))[0]
        assert "at -0.37" not in drawn
        # of the rule as it is now, not as it was when that was counted
        journey.execute("UPDATE rules SET threshold = -0.37 WHERE id = :rule", rule=rule)
        assert until(lambda: "-0.37" in visitor.get(test).text)
