"""What will be said: the scenarios of `world/*.toml` as values.

Each scenario is a short story with the posts that tell it and the cases that should come of it. Labels,
compounds, what a post is about and the expected cases are literals in those files; nothing here or
elsewhere in the simulator works them out.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from simulator.lines import Edit, ExpectedCase, Line, external_id
from simulator.people import WORLD, Person, cast, digest, passer_by
from simulator.talk import gentle, storm


@dataclass(frozen=True)
class Script:
    """Everything that will be said, in order, and what should come of it."""

    seed: int
    cast: dict[str, Person]
    lines: dict[str, Line]
    cases: tuple[ExpectedCase, ...]
    scenarios: dict[str, str] = field(default_factory=dict)

    @property
    def acts(self) -> int:
        return max(
            (act for line in self.lines.values() for act in (line.act, *(edit.act for edit in line.edits))),
            default=1,
        )


def _lines(seed: int, people: dict[str, Person], story: dict[str, Any], name: str) -> Iterator[Line]:
    for index, row in enumerate(story.get("posts", [])):
        post = dict(row)
        key = post.pop("id", f"{name}:{index}")
        who = post.pop("by", None)
        by = people[who] if who else passer_by(seed, key)
        where = post.pop("on", story.get("on", "mastodon"))
        platform, _, feed = where.partition("/")
        post["about"] = tuple(post.get("about", story.get("about", ())))
        post["suggests"] = tuple(post.get("suggests", ()))
        post["act"] = post.get("act", story.get("act", 1))
        post["group"] = post.get("group", story.get("group"))
        post["rel"] = post.get("rel", story.get("rel", "own" if by.own else "none"))
        post["label"] = post.get("label", story.get("label", "chatter"))
        post["compound"] = post.get("compound")
        if post.get("lang") == "":
            post["lang"] = None
        if post.get("poison"):
            post["text"] = _poisoned(post["poison"], post["text"])
        edit = post.pop("edit", None)
        if edit:
            post["edits"] = (Edit(**{"compound": None, **edit}),)
        yield Line(
            key=key,
            platform=platform,
            feed=feed,
            by=by,
            scenario=name,
            external_id=external_id(seed, platform, feed, key, by, post.get("reply_to")),
            **post,
        )


def _poisoned(kind: str, text: str) -> str:
    """Texts that no data file can hold."""
    if kind == "nul":
        return text.replace("%", "\x00")
    if kind == "surrogate":
        return text.replace("%", "\ud83d")
    if kind == "emoji_bomb":
        return text + "🎉" * 3_000
    if kind == "long":
        return text + " and the beans were there too" * 8_000
    return text


def load(seed: int) -> Script:
    """The whole script, the storm and the talk of the later acts included."""
    people = cast(seed)
    lines: dict[str, Line] = {}
    cases: list[ExpectedCase] = []
    scenarios: dict[str, str] = {}
    for path in sorted(WORLD.glob("*.toml")):
        if path.stem in ("people", "records"):
            continue
        for story in tomllib.loads(path.read_text(encoding="utf-8"))["scenario"]:
            name = story["name"]
            assert name not in scenarios, f"two scenarios are called {name!r}"
            scenarios[name] = story.get("why", "")
            for line in _lines(seed, people, story, name):
                assert line.key not in lines, f"two posts are called {line.key!r}"
                lines[line.key] = line
            for row in story.get("cases", []):
                row = {**row, "posts": tuple(row.get("posts", [row["opener"]]))}
                cases.append(ExpectedCase(scenario=name, **row))
    for line in (*storm(seed, 1_000), *gentle(seed)):
        lines[line.key] = line
    for case in cases:
        for key in (case.opener, *case.posts):
            assert key in lines, f"case {case.key!r} names an unknown post {key!r}"
    return Script(seed, people, lines, tuple(cases), scenarios)


def shuffled(seed: int, name: str, lines: list[Line]) -> list[Line]:
    """The lines in an order that the seed decides, but an answer never before what it answers."""
    dice = random.Random(digest(seed, "order", name))
    order = lines[:]
    dice.shuffle(order)
    told: list[Line] = []
    waiting = {line.key: line for line in order}

    def tell(line: Line) -> None:
        if waiting.pop(line.key, None) is None:
            return
        for parent in (line.reply_to, line.quote_of, line.repost_of):
            if parent in waiting:
                tell(waiting[parent])
        told.append(line)

    for line in order:
        tell(line)
    return told
