"""Seeded damage to a page's body, for any platform's page: the same seed, the same damage, in the same order.

`mutations(body)` yields at least `count` of every kind. It knows no platform: a body is JSON, or else it is
taken as XML and its elements are what is dropped, emptied and so on. `path` says where the damage is
(keys and indices from the top; None where it is the whole body that was damaged), so that a test can tell
damage to one item from damage to what holds the items. What may come of which kind is the test's to say.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]
KINDS = ("dropped", "nulled", "retyped", "boxed", "miscoded", "truncated", "html", "refused")
COUNT = 200
STATUSES = (401, 403, 404, 410, 429, 500, 502, 503)

_STRANGE: tuple[Any, ...] = (
    *("", " ", "text", "\0", "\ud83d", "x" * 3000, "-1", "1e400", "9999-99-99", "10000-01-01T00:00:00Z"),
    *(0, -1, 1.5, 2**31, 2**63, 2**64, 10**30, -(10**15), True, False),
    *([], {}, [None], [[]], [{}], {"": None}, {"label": {}}, [1, "a", None]),
)
_SORRY = (
    "<!DOCTYPE html><html><head><title>{n}</title></head><body><h1>Sorry</h1><p>{n}</p></body></html>",
    "<html><body>502 Bad Gateway {n}</body></html>",
    "\ufeff\n  <!doctype html>\n<html lang=en><meta charset=utf-8><p>Checking your browser, ray {n}</p>",
    '<html><script>window.data = {{"items": [{n}], "data": []}};</script></html>',
)
_BROKEN = "\ue000"
_NO_UTF8 = (b"\xff", b"\x80", b"\xc3", b"\xe9t\xe9", b"\xed\xa0\xbd", b"\xf0\x9f\x98")
_ELEMENT = re.compile(
    r"<(?P<tag>[A-Za-z][\w:.-]*)(?P<attributes>[^<>]*?)(?<!/)>(?P<inside>.*?)</(?P=tag)>", re.S
)


@dataclass(frozen=True)
class Mutation:
    """One damaged answer: how it was damaged, where, and what is now sent."""

    kind: str
    body: bytes
    path: Path | None = None
    status: int = 200


def mutations(body: bytes, *, seed: int = 1, count: int = COUNT) -> Iterator[Mutation]:
    """At least `count` mutations of every kind in KINDS, of a body that was whole."""
    told = read(body)
    everywhere = [] if told is None else list(places(told))
    for kind in KINDS:
        dice = random.Random(f"{seed} {kind}")
        by_depth = _by_depth([one for one in everywhere if _fits(kind, *one)])
        for n in range(count):
            if kind == "truncated":
                yield Mutation(kind, body.rstrip()[: dice.randrange(len(body.rstrip()))])
            elif kind == "html":
                yield Mutation(kind, dice.choice(_SORRY).format(n=n).encode())
            elif kind == "refused":
                sorry = dice.choice((*_SORRY, "", '{{"error"', "null", "[]", "{{}}", "{{{{")).format(n=n)
                yield Mutation(kind, sorry.encode(), status=STATUSES[n % len(STATUSES)])
            elif told is None:
                yield _in_xml(kind, body.decode("utf-8", "replace"), dice)
            else:
                path, value = dice.choice(dice.choice(by_depth))
                instead = _INSTEAD[kind](value, dice)
                yield Mutation(kind, _as_bytes(changed(told, path, instead), dice), path)


def read(body: bytes) -> Any:
    """The body as JSON; None if it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def without(body: bytes, path: Path) -> bytes:
    """The body without what stands at a path."""
    return json.dumps(changed(read(body), path, _DROP)).encode()


def elements(body: bytes) -> Iterator[Path]:
    """Where a list holds an object, the outermost first: what may be a page's items."""
    for path, value in places(read(body)):
        if path and isinstance(path[-1], int) and isinstance(value, dict):
            yield path


def places(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value in a JSON value with its path, from the top down."""
    yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*path, key))


_DROP = object()


def changed(value: Any, path: Path, instead: Any) -> Any:
    """A copy with another value at a path; `_DROP` leaves it out."""
    if not path:
        return {} if instead is _DROP else instead
    key, rest = path[0], path[1:]
    drop = not rest and instead is _DROP
    if isinstance(value, list):
        at = int(key)
        return [*value[:at], *([] if drop else [changed(value[at], rest, instead)]), *value[at + 1 :]]
    if drop:
        return {k: v for k, v in value.items() if k != key}
    return {**value, key: changed(value[key], rest, instead)}


def _by_depth(found: list[tuple[Path, Any]]) -> list[list[tuple[Path, Any]]]:
    """Places of one depth together: the few near the top are damaged as often as the many below."""
    depths = sorted({len(path) for path, _ in found})
    return [[one for one in found if len(one[0]) == depth] for depth in depths]


def _fits(kind: str, path: Path, value: Any) -> bool:
    if kind == "dropped":
        return bool(path) and isinstance(path[-1], str)
    if kind == "nulled":
        return value is not None
    if kind == "miscoded":
        return isinstance(value, str) and value.isprintable() and bool(value)
    return kind != "boxed" or isinstance(value, list | dict)


def _other_type(value: Any, dice: random.Random) -> Any:
    return dice.choice([strange for strange in _STRANGE if type(strange) is not type(value)])


def _boxed(value: Any, dice: random.Random) -> Any:
    """An object for a list, a list for an object."""
    if isinstance(value, dict):
        return dice.choice(([value], [], [value, value], list(value.values())))
    first = value[0] if value and isinstance(value[0], dict) else {}
    return dice.choice(({}, {"0": first}, first, {str(n): item for n, item in enumerate(value)}))


def _miscoded(value: str, dice: random.Random) -> str:
    """One of its characters is to become a byte that is no UTF-8."""
    at = dice.randrange(len(value))
    return value[:at] + _BROKEN + value[at + 1 :]


def _as_bytes(value: Any, dice: random.Random) -> bytes:
    """JSON, in which what stands for a byte that is no UTF-8 becomes one."""
    text = json.dumps(value)
    return text.encode().replace(json.dumps(_BROKEN)[1:-1].encode(), dice.choice(_NO_UTF8))


_INSTEAD: Mapping[str, Callable[[Any, random.Random], Any]] = {
    "dropped": lambda value, dice: _DROP,
    "nulled": lambda value, dice: None,
    "retyped": _other_type,
    "boxed": _boxed,
    "miscoded": _miscoded,
}


def _in_xml(kind: str, text: str, dice: random.Random) -> Mutation:
    """The same to an element; `path` holds the offset at which it stood."""
    start, found = 0, []
    while (match := _ELEMENT.search(text, start)) is not None:
        found.append(match)
        start = match.start("inside")
    if not found:
        return Mutation(kind, text[: dice.randrange(len(text))].encode())
    at = dice.choice(found)
    inside, tag = at["inside"], at["tag"]
    if kind == "miscoded":
        whole = text[: at.start("inside")] + _miscoded(inside or " ", dice) + text[at.end("inside") :]
        broken = whole.encode("utf-8", "replace").replace(_BROKEN.encode(), dice.choice(_NO_UTF8))
        return Mutation(kind, broken, (at.start(),))
    instead = {
        "dropped": "",
        "nulled": dice.choice((f"<{tag}/>", f"<{tag}></{tag}>")),
        "retyped": f"<{tag}>{_as_text(dice.choice(_STRANGE))}</{tag}>",
        "boxed": dice.choice(
            (f"<{tag}><{tag}>{inside}</{tag}></{tag}>", f"<{tag}><b>{inside}</b></{tag}>" * 2)
        ),
    }[kind]
    whole = text[: at.start()] + instead + text[at.end() :]
    return Mutation(kind, whole.encode("utf-8", "replace"), (at.start(),))


def _as_text(value: Any) -> str:
    return str(value).replace("&", "&amp;").replace("<", "&lt;")
