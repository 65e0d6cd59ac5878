"""All platforms at once, 500 sources, and everything that goes wrong: does the account agree, post by post?

`make trouble` runs it for ten minutes (`python -m tests.trouble --seconds 600`); tests/test_trouble.py plays a slice of 28
seconds. Posts are said all the time, in bursts, 5,000 of them at once behind a page cap; meanwhile answers are limited,
broken, slow, doubled and out of order, tokens end, and X takes money. Afterwards everything that a platform returned has to be
stored once, everything that was there returned (but on X, whose money ends), every ledger adds up, no limit that was announced was
overstepped, and the money cap held.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from local.child import Running
from local.home import Home
from simulator.playing import UNDER_WAY
from tests import simulated
from tests.calm import calm, paid_in_vain
from tests.fleet import Addresses, Fleet, OwnServers, fleet, netloc
from tests.simulated import World
from tests.trips import Trips, measured
from tests.waiting import eventually

ORG = "main"
EVERY = 20.0
"""Seconds between two visits to a source."""
RARELY = {"threads": 40.0}
"""The same in a long run where a day's quota (2,200 searches) has to last."""
CAP = 15_000_000
"""Millionths of a dollar that X may cost."""
BURST = 5_000
POURED = 30
"""Sources of X of which 60 posts are said at once: $0.015 each, so that all of them cost more than the cap."""
FAULTS = (
    "rate_limited",
    "server_error",
    "bad_gateway",
    "html_200",
    "truncated",
    "empty",
    "slow",
    "cut",
    "duplicated",
    "reordered",
)
LIMITS = {"mastodon": (150, 10), "bluesky": (150, 10), "reddit": (120, 10), "x": (40, 10), "facebook": (200, 10), "instagram": (200, 10), "threads": (200, 10), "appstore": (120, 10), "googleplay": (120, 10), "youtube": (120, 10)}  # fmt: skip
"""Requests in so many seconds: few enough that every platform has to say "no more" now and then."""
WIDE = 5_000
"""Requests in ten seconds, which nobody makes: before the trouble and after it."""

LONG = 300.0
"""Seconds: a run of this length has limits and quotas that a short one would only wait for."""
CALM, CALM_LONG = 150.0, 420.0
"""Seconds until all is heard; the second is longer than the five minutes for which the App Store is left alone once it
has said 403."""


@dataclass(frozen=True)
class Followed:
    """A source, and what has to be said for it to hear it: the line's feed, and a word of its text."""

    platform: str
    kind: str
    term: str
    feed: str = ""
    word: str = ""


def followed(base: str) -> list[Followed]:
    """Five hundred sources. Terms are made so that each hears its own lines only."""
    found = [Followed("mastodon", "hashtag", f"mt{n}", word=f"#mt{n}") for n in range(80)]
    found += [Followed("bluesky", "search", f"bsky{n}q", word=f"bsky{n}q") for n in range(80)]
    found += [Followed("feeds", "feed", f"{base}/feeds/news.rss?n={n}", feed="news") for n in range(20)]
    found += [Followed("reddit", "subreddit", f"rd{n}", feed=f"rd{n}") for n in range(60)]
    found += [
        Followed("youtube", "channel", channel, feed=channel) for channel in (f"UC{n:022}" for n in range(60))
    ]
    found += [Followed("x", "search", f"xq{n}z", feed=f"xq{n}z", word=f"xq{n}z") for n in range(40)]
    found += [Followed("facebook", "page", f"page{n}", feed=f"page{n}") for n in range(40)]
    found += [Followed("instagram", "hashtag", f"ig{n}", word=f"#ig{n}") for n in range(20)]
    found += [Followed("threads", "search", f"th{n}q", word=f"th{n}q") for n in range(40)]
    found += [
        Followed("appstore", "reviews", f"us:{n}", feed=str(n)) for n in range(1_000_000_000, 1_000_000_040)
    ]
    found += [Followed("googleplay", "reviews", f"com.acme.a{n}", feed=f"com.acme.a{n}") for n in range(20)]
    return found


def secrets(sim: World) -> dict[str, tuple[str, str]]:
    """The account and the secret of each platform that takes one."""
    from simulator.graph import TOKEN
    from simulator.reddit import CLIENT
    from simulator.x_keys import APP_TOKEN
    from simulator.youtube import KEY

    key = sim.client.get(f"{sim.places['googleplay']}/key.json").raise_for_status().text
    graph = dict.fromkeys(("facebook", "instagram", "threads"), ("tarnbeck", TOKEN))
    return {
        "bluesky": ("tarnbeck.example", "sim-app-password"),
        "reddit": ("earshot", CLIENT),
        "youtube": ("key", KEY),
        "x": ("tarnbeck", f"bearer {APP_TOKEN}"),
        "googleplay": ("store", key),
        **graph,
    }


@dataclass
class Trouble:
    """Says posts and makes trouble, as a seed decides."""

    sim: World
    seed: int
    sources: list[Followed]
    said: dict[str, str] = field(default_factory=dict)
    made: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)

    def say(self, where: Followed, count: int) -> None:
        lines = []
        for _ in range(count):
            key = f"k{len(self.said)}w"
            self.said[key] = where.platform
            text = f"{key} is what I have to say about it {where.word}".strip()
            lines.append(
                {
                    "key": key,
                    "platform": where.platform,
                    "feed": where.feed,
                    "text": text,
                    "rating": 3,
                    "title": key,
                }
            )
        for at in range(0, len(lines), 1_000):
            self.sim.does("say", lines=lines[at : at + 1_000])

    def stir(self) -> None:
        """What happens in a second: some posts, a burst now and then, a fault or two, tokens that end."""
        for where in self.dice.sample(self.sources, 12):
            self.say(where, self.dice.randint(1, 3))
        if self.dice.random() < 0.2:
            self.say(self.dice.choice(self.sources[:80]), 150)
        rows = []
        for _ in range(3):
            platform = self.dice.choice([*LIMITS, "mastodon", "bluesky", "feeds"])
            kind = self.dice.choice(FAULTS)
            times = self.dice.randint(1, 3)
            if platform == "x" and kind == "cut":
                # what an answer that broke off has cost stays set aside: once is enough of that
                times, kind = 1, "slow" if self.made["cut on X"] else kind
                self.made["cut on X"] += kind == "cut"
            self.made[kind] += 1
            rows.append({"kind": kind, "platform": platform, "times": times, "seconds": 2})
        self.sim.does("faults", add=rows)
        if self.dice.random() < 0.1:
            self.made["tokens"] += 1
            self.sim.does("expire", platforms=["bluesky", "reddit", "googleplay"])

    def pour(self) -> None:
        """More at once than a page holds, and more on X than its money pays."""
        self.say(self.sources[0], BURST)
        for where in [one for one in self.sources if one.platform == "x"][:POURED]:
            self.say(where, 60)

    def stop(self) -> None:
        self.sim.does("faults", clear=True)
        for platform in LIMITS:
            self.sim.does("limits", platform=platform, limit=WIDE, seconds=10)


@dataclass
class Found:
    """What came of it. Each list names what is wrong; empty ones are what is wanted."""

    posts: int
    stored: int
    visits: int
    trouble: dict[str, int]
    lost: list[str]
    doubled: list[str]
    unheard: list[str]
    unbalanced: int
    waiting: int
    quarantined: int
    exceeded: list[str]
    billed: int
    written: int
    off: list[str]
    gaps: list[str]
    vain: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """Everything that must not be, as sentences."""
        told = [
            (self.lost, f"{len(self.lost)} returned posts are not stored, as {self.lost[:3]}"),
            (self.doubled, f"{len(self.doubled)} stored posts were never returned, as {self.doubled[:3]}"),
            (
                self.unheard,
                f"{len(self.unheard)} posts were never returned, as {self.unheard[:: len(self.unheard) // 5 + 1]}",
            ),
            (self.unbalanced, f"{self.unbalanced} visits do not add up"),
            (self.waiting, f"{self.waiting} pages wait"),
            (self.quarantined, f"{self.quarantined} posts are held in quarantine"),
            (self.exceeded, f"limits were overstepped {len(self.exceeded)} times, as {self.exceeded[:5]}"),
            (self.billed > CAP, f"X billed {self.billed}, and {CAP} is the cap"),
            (self.written > CAP, f"{self.written} are written down as spent, and {CAP} is the cap"),
            (self.billed > self.written, f"X billed {self.billed}, and {self.written} are written down"),
            (self.off, f"{len(self.off)} sources are not active: {self.off[:3]}"),
            (self.gaps, f"{len(self.gaps)} gaps were named: {self.gaps[:3]}"),
        ]
        return [sentence for bad, sentence in told if bad]

    def told(self) -> list[str]:
        """All of it, line by line."""
        trouble = ", ".join(f"{count} x {kind}" for kind, count in sorted(self.trouble.items()))
        return [
            f"said {self.posts:,}, stored {self.stored:,}, in {self.visits:,} visits",
            f"trouble: {trouble}",
            f"X billed ${self.billed / 1e6:.2f} of ${CAP / 1e6:.2f}; written down ${self.written / 1e6:.2f}",
            *(
                [f"{len(self.vain)} posts of X are uncertain: cut off in flight, and no money to ask again"]
                if self.vain
                else []
            ),
            *(f"WRONG: {sentence}" for sentence in self.wrong),
            f"{len(self.wrong)} things are wrong" if self.wrong else "everything agrees",
        ]


@contextmanager
def running(folder: Path, sim: World) -> Iterator[tuple[Fleet, Addresses]]:
    """A fleet of its own servers."""
    home = Home(folder)
    servers = OwnServers(home)
    try:
        where = servers.start()
        with fleet(home, where, netloc(sim), digesters=1, fetch_processes=2, poll_sources=60) as made:
            yield made, where
    finally:
        servers.stop()


def introduce(made: Fleet, sim: World, rarely: dict[str, float]) -> None:
    """Follow everything, in a process with the fleet's own environment."""
    told = {
        "secrets": secrets(sim),
        "places": sim.places,
        "every": rarely,
        "sources": [vars(one) for one in followed(sim.places["control"].removesuffix("/_control"))],
    }
    path = made.instance.home.path / "trouble.json"
    path.write_text(json.dumps(told))
    child = made.instance.python_child("introduce", "tests.trouble", "introduce", str(path), tells=False)
    doing = Running(child)
    eventually(lambda: doing.ended() is not None, within=120, of="the introduction")
    assert doing.ended() == 0, child.log.read_text()
    doing.wait(1)


def _introduce(path: Path) -> None:
    from console.database import opened_for
    from console.following import add_source, check
    from console.keys import add_credential
    from console.spending import set_budget

    told = json.loads(path.read_text())
    with opened_for(ORG) as session:
        for platform, (account, secret) in told["secrets"].items():
            add_credential(session, ORG, platform, account, secret, told["places"][platform])
        set_budget(session, ORG, "x", "money", CAP)
        for row in told["sources"]:
            one = Followed(**row)
            host = None if one.platform == "feeds" else told["places"][one.platform]
            wanted = check(
                session,
                ORG,
                one.platform,
                one.kind,
                one.term,
                host=host,
                every=told["every"].get(one.platform, EVERY),
            )
            add_source(session, ORG, wanted)


def trouble(folder: Path, seconds: float, seed: int = 7, tell: Any = print) -> Found:
    """The whole run: follow, make trouble for so many seconds, let it calm down, compare."""
    began = monotonic()

    def note(said: str) -> None:
        tell(f"{monotonic() - began:4.0f} s: {said}")

    with (
        simulated.world("--seed", str(seed), "--empty", "--acts", "manual") as sim,
        running(folder, sim) as (made, _),
        measured(f"{sim.places['control']}/status", lambda: made.pool("fetch")) as trips,
    ):
        note("all run")
        for platform in LIMITS:
            sim.does("limits", platform=platform, limit=WIDE, seconds=10)
        sources = followed(sim.places["control"].removesuffix("/_control"))
        making = Trouble(sim, seed, sources)
        for where in sources:
            making.say(where, 1)  # what nobody has ever said anything in does not exist on some platforms
        introduce(made, sim, RARELY if seconds >= LONG else {})
        note("introduced")
        # a first visit takes the newest page only, so everything is said after it
        made.eventually(
            lambda: not made.rows("SELECT 1 FROM sources WHERE last_success_at IS NULL AND platform <> 'x' LIMIT 1"),
            within=180, of="the first visits", every=1.0,
        )  # fmt: skip
        note(f"{len(sources)} sources are followed; {seconds:.0f} s of trouble begin")
        for platform, (limit, length) in LIMITS.items():
            if platform == "appstore" and seconds < LONG:
                continue  # its 403 shuts us out for longer than all of this takes
            sim.does("limits", platform=platform, limit=limit, seconds=length)
        until, burst = monotonic() + seconds, False
        while monotonic() < until:
            making.stir()
            if not burst and monotonic() > until - seconds * 0.7:
                burst = True
                making.pour()
            pause = monotonic() + 1.0
            made.eventually(lambda p=pause: monotonic() > p, within=30, of="the next second")  # type: ignore[misc]
        making.stop()
        note(f"{len(making.said):,} posts were said; waiting until all is heard")
        calm(made, CALM if seconds < LONG else CALM_LONG)
        note("all is heard")
        off = [
            f"{row['platform']} {row['term']}: {row['last_error']}"
            for row in made.rows("SELECT platform, term, last_error FROM sources WHERE state <> 'active'")
        ]
        made.rows("UPDATE sources SET state = 'paused'")
        made.eventually(
            lambda: not made.rows(
                "SELECT 1 FROM sources WHERE lease_until IS NOT NULL UNION ALL "
                "SELECT 1 FROM pages WHERE state = 'landed' LIMIT 1"
            ),
            within=60, of="the last pages", every=1.0,
        )  # fmt: skip
        note("compared")
        return compare(made, sim, making, off, trips)


def overstepped(late: Sequence[tuple[str, float, float]], trips: Trips) -> list[str]:
    """The requests that came after an answer had said "no more", later than one can be that was allowed before anybody
    could know: the simulator's second of grace, and as long as a request was under way and a process waited just then."""
    return [
        f"{platform} {seconds:.1f} s"
        for platform, at, seconds in late
        if seconds > UNDER_WAY + trips.longest(at - seconds, at)
    ]


def compare(made: Fleet, sim: World, making: Trouble, off: list[str], trips: Trips) -> Found:
    """The platforms' own account beside ours."""
    told = sim.asks("told")
    returned = {(platform, one) for platform, ids in told["returned"].items() for one in ids}
    stored = {(row["platform"], row["external_id"]): row["text"] for row in made.rows("SELECT platform, external_id, text FROM social_events")}  # fmt: skip
    lost = {(platform, one) for platform, one in returned - stored.keys()}
    vain = {one for one in lost if one[0] == "x"}
    vain = vain if paid_in_vain(made, {one for _, one in vain}) else set()
    words = Counter(word for text in stored.values() for word in set(text.split()) if word in making.said)
    there = {key for platform, keys in told["there"].items() if platform != "x" for key in keys}
    return Found(
        posts=len(making.said),
        stored=len(stored),
        visits=made.value("SELECT coalesce(sum(visits), 0)::bigint FROM polls"),
        trouble=dict(making.made),
        lost=sorted(f"{platform} {one}" for platform, one in lost - vain),
        vain=sorted(one for _, one in vain),
        doubled=sorted(f"{platform} {one}" for platform, one in stored.keys() - returned)
        + sorted(word for word, times in words.items() if times > 1),
        unheard=sorted(f"{making.said[key]} {key}" for key in there if not words[key]),
        unbalanced=len(made.ledger_faults()),
        waiting=made.value("SELECT count(*) FROM pages WHERE state = 'landed'"),
        quarantined=made.value("SELECT count(*) FROM quarantine WHERE state = 'held'"),
        exceeded=overstepped(told["late"], trips),
        billed=told["billed"],
        written=made.value("SELECT coalesce(sum(spent + held), 0)::bigint FROM spendings WHERE of = 'money'"),
        off=off,
        gaps=[f"{row['platform']}: {row['gap']}" for row in made.rows("SELECT s.platform, p.gap FROM polls p JOIN sources s ON s.id = p.source_id WHERE p.gap IS NOT NULL")],
    )  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    if arguments[:1] == ["introduce"]:
        _introduce(Path(arguments[1]))
        return 0
    parser = argparse.ArgumentParser(prog="python -m tests.trouble", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="earshot-trouble-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        found = trouble(Path(folder) / "home", options.seconds, options.seed)
    print("\n".join(found.told()))
    return bool(found.wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
