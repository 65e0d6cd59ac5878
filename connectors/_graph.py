"""What Facebook Pages, Instagram and Threads have in common: Meta's Graph API.

https://developers.facebook.com/docs/graph-api/results. A token goes in the Authorization header. The address of the next page, `paging.next`, carries the token of whoever
asked, so nothing of it is kept but the parameters that page. Surprising: the last page still has an `after`, and what
ends a list is that there is no `next`, except on Threads, which never writes one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import msgspec

from connectors import _anew as anew
from connectors import _backwards as backwards
from connectors import _graph_refused as refused
from connectors import _text, _times
from connectors._backwards import Sighting
from connectors._base import (
    Answer,
    Cursor,
    Denied,
    Garbled,
    Gone,
    Http,
    Judge,
    Page,
    Post,
    Reject,
    Spend,
    Watch,
)
from connectors._decode import at_once, envelope, raw_text

T = TypeVar("T")

VERSION = "v25.0"
"""Of graph.facebook.com and graph.instagram.com; each lives about two years, then a newer one answers."""

_PAGING = ("after", "until", "__paging_token", "offset")


class _Cursors(msgspec.Struct):
    after: str | None = None


class Paging(msgspec.Struct):
    cursors: _Cursors | None = None
    next: str | None = None


class Listed(msgspec.Struct):
    """One page of an edge."""

    data: list[msgspec.Raw]
    paging: Paging | None = None


class Typed(msgspec.Struct, Generic[T]):
    """The same of which every item can be read, as nearly always: decoded in one go, in half the time."""

    data: list[T]
    paging: Paging | None = None


Whole = msgspec.json.Decoder[Typed[Any]]


class Ref(msgspec.Struct):
    id: str | int | None = None


class _Bare(msgspec.Struct):
    id: str | int
    created_time: str | None = None
    timestamp: str | None = None


LISTED = msgspec.json.Decoder(Listed)
_BARE = msgspec.json.Decoder(_Bare)
_MAP = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """What one page of an edge brought, and the way to the next. Its items are as they came, or all of them read."""

    items: Sequence[Any]
    token: str | None


async def edge(
    http: Http,
    watch: Watch,
    path: str,
    params: Mapping[str, str],
    *,
    size: int,
    token: str | None = None,
    endpoint: str = "graph",
    what: str = "the page",
    nextless: bool = False,
    whole: Whole | None = None,
) -> Edge:
    """One page of an edge. `path` is below the host, `token` what an earlier `Edge` told. `whole` reads all of it at
    once, where it can.

    `nextless`: this platform writes no `next`, so that an `after` leads on as long as there is one.
    """
    asked = {**params, "limit": str(size), **dict(parse_qsl(token or ""))}
    answer = await http.get(
        f"{watch.host}/{path}",
        params=asked,
        token=watch.token,
        endpoint=endpoint,
        judge=judge(size=size, walking=token is not None),
    )
    found = (at_once(whole, answer) if whole else None) or read(LISTED, answer, what)
    leads = leads_to(found, nextless=nextless)
    if nextless and not found.data and leads == token:
        leads = None  # an empty page that leads to itself is the end; another is full of what we may not see
    return Edge(items=found.data, token=leads)


def read(decoder: msgspec.json.Decoder[T], answer: Answer, what: str) -> T:
    """The answer as the decoder's type; a refusal that came with 200 is raised as what it is."""
    try:
        return envelope(decoder, answer, what)
    except Garbled:
        verdict = judge()(answer)
        if verdict is not None:
            raise verdict from None
        raise


def leads_to(found: Listed | Typed[Any], *, nextless: bool) -> str | None:
    """What pages on from here, as a query without secrets; None at the end."""
    paging = found.paging
    if paging is None:
        return None
    if paging.next:
        try:
            query = dict(parse_qsl(urlsplit(paging.next).query))
        except ValueError:
            query = {}
        kept = {name: query[name] for name in _PAGING if query.get(name)}
        if kept:
            return urlencode(kept)
    after = paging.cursors.after if paging.cursors else None
    if not after or not (paging.next or nextless):
        return None
    return urlencode({"after": after})


def judge(*, size: int | None = None, walking: bool = False) -> Judge:
    """How Meta means a refusal. `size` is how much was asked for, `walking` that a place in a list was."""
    return lambda answer: refused.meant(answer, size=size, walking=walking)


# Items.

Makes = Callable[[Sequence[Any]], list[Post | Reject]]
"""Items of an `Edge` as posts, each in its place, and what was none."""


def items(
    decoder: msgspec.json.Decoder[T], raw: Sequence[msgspec.Raw], what: str
) -> tuple[list[T], list[Reject]]:
    """Every item that can be read, and what the others were."""
    found: list[T] = []
    rejects: list[Reject] = []
    for item in raw:
        try:
            found.append(decoder.decode(item))
        except msgspec.ValidationError as error:
            rejects.append(Reject(raw=raw_text(item), reason=f"no {what}: {error}"))
    return found, rejects


def sightings(made: Sequence[Post | Reject], now: datetime) -> list[Sighting]:
    """What a walk needs to know of every item of a page, also of those that are no posts."""
    found: list[Sighting] = []
    for one in made:
        if isinstance(one, Post):
            found.append(Sighting(one.id, one.posted_at, one.posted_at))
            continue
        try:
            bare = _BARE.decode(one.raw)
        except (msgspec.ValidationError, msgspec.DecodeError):
            continue
        at = min(_times.parse(bare.created_time or bare.timestamp) or now, now)
        found.append(Sighting(str(bare.id), at, at))
    return found


def named(ident: str | int) -> bool:
    """Whether an id names anything: an empty one would be that of every other without a name."""
    return bool(str(ident).strip(" \t\n\0"))


def nameless(item: object) -> Reject:
    """The reject of an item whose id is empty."""
    return Reject(raw=raw_text(msgspec.json.encode(item)), reason="its id is empty")


def untimed(item: object, said: str | None) -> Reject:
    """The reject of an item whose time is missing or none that we believe."""
    raw = raw_text(msgspec.json.encode(item))
    return Reject(raw=raw, reason=f"its time is none that we believe: {_text.clean(str(said))[:64]}")


# Text. Meta marks neither hashtags nor, on Instagram and Threads, mentions.

# What may not stand before a sign is looked at afterwards: a pattern that begins with its sign is found ten times as fast.

_HASHTAG = re.compile(r"#(\w+)")
_MENTION = re.compile(r"@([A-Za-z0-9_](?:[A-Za-z0-9._]{0,28}[A-Za-z0-9_])?)")
_LINK = re.compile(r"https?://[^\s<>\"]+")
_NO_END = ".,;:!?)]}'\u2026"


def hashtags(text: str) -> tuple[str, ...]:
    """The hashtags of a text, without signs; a number alone is none."""
    if "#" not in text:
        return ()
    return _text.distinct([_text.tag(name) for name in _signed(_HASHTAG, text, "&/#") if not name.isdigit()])


def handles(text: str) -> tuple[str, ...]:
    """Who is named with an @ in a text, each once."""
    return _text.distinct(_signed(_MENTION, text, "@./")) if "@" in text else ()


def _signed(pattern: re.Pattern[str], text: str, no: str) -> list[str]:
    """What stands behind a sign that begins a word: not after a letter, a digit, or one of `no`."""
    found = []
    for match in pattern.finditer(text):
        before = text[match.start() - 1] if match.start() else " "
        if not (before.isalnum() or before == "_" or before in no):
            found.append(match[1])
    return found


def links(text: str, *more: str | None) -> tuple[str, ...]:
    """The addresses in a text (a clean one), and those that hang on it."""
    found: list[str] = []
    first = text.find("://")
    if first >= 0:
        # nothing before is looked at: the pattern is slower by far than the search for its sign
        told = _LINK.findall(text, max(first - 5, 0))
        found = [url for one in told if len(url := one.rstrip(_NO_END)) <= _text.MAX_URL]
    if more:
        found += [web for url in more if (web := _text.web(url))]
    return _text.distinct(found) if len(found) > 1 else tuple(found)


def counts(**named: int | None) -> dict[str, int]:
    """What is told, by name: Meta leaves out what is hidden or not asked for, and says 0 of all else."""
    return {name: _text.count(n) for name, n in named.items() if n is not None}


def node(term: str) -> str:
    """A term as one part of a path."""
    return quote(term.strip().lstrip("@"), safe="")


# Walks.


class Walked(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a walk from the newest backwards, and where it then stands."""

    posts: tuple[Post, ...]
    rejects: tuple[Reject, ...]
    step: backwards.Step

    def page(self, cursor: Cursor | None = None, *, spent: Spend | None = None) -> Page:
        """The page, with the step's own cursor unless it is given one."""
        step = self.step
        return Page(
            posts=self.posts,
            rejects=self.rejects,
            cursor=cursor or step.cursor,
            more=step.more,
            gap=step.gap,
            spent=spent,
        )


async def walk(
    http: Http,
    watch: Watch,
    stand: backwards.Stand,
    path: str,
    params: Mapping[str, str],
    makes: Makes,
    *,
    size: int,
    endpoint: str = "graph",
    what: str = "the page",
    nextless: bool = False,
    whole: Whole | None = None,
) -> Walked:
    """One page of an edge that only goes from the newest backwards."""
    token = stand.walk.token if stand.walk is not None else None
    try:
        found = await edge(
            http,
            watch,
            path,
            params,
            size=size,
            token=token,
            endpoint=endpoint,
            what=what,
            nextless=nextless,
            whole=whole,
        )
    except Gone as lost:
        return Walked(posts=(), rejects=(), step=anew.step(stand, lost, now=watch.now))
    made = makes(found.items)
    step = backwards.step(stand, sightings(made, watch.now), found.token, now=watch.now, late=True)
    posts, rejects = placed(made)
    return Walked(posts=posts, rejects=rejects, step=step)


# Look-ups.


async def by_ids(
    http: Http, watch: Watch, ids: Sequence[str], fields: str
) -> tuple[dict[str, msgspec.Raw], list[str], int]:
    """Objects by their ids, those that are gone, and how many requests it took (at most `len(ids) + 2`).

    One id that is gone makes Meta refuse all of them: then each is asked for by itself. A token that lost a
    permission gets the very same answer for every single one; so where none is left, what the token is good
    for is asked before all are called gone.
    """
    params = {"fields": fields}
    try:
        answer = await http.get(
            f"{watch.host}/{VERSION}/",
            params={**params, "ids": ",".join(ids)},
            token=watch.token,
            endpoint="graph",
            judge=judge(),
        )
        found = read(_MAP, answer, "the look-up")
        return found, [one for one in ids if one not in found], 1
    except Gone:
        pass
    seen: dict[str, msgspec.Raw] = {}
    gone: list[str] = []
    for one in ids:
        try:
            answer = await http.get(
                f"{watch.host}/{VERSION}/{node(one)}",
                params=params,
                token=watch.token,
                endpoint="graph",
                judge=judge(),
            )
            seen[one] = read(_ANY, answer, "the look-up")
        except Gone:
            gone.append(one)
    if seen:
        return seen, gone, 1 + len(ids)
    await http.get(
        f"{watch.host}/{VERSION}/me",
        params={"fields": "id"},
        token=watch.token,
        endpoint="graph",
        judge=judge(),
    )
    return seen, gone, 2 + len(ids)


_ANY = msgspec.json.Decoder(msgspec.Raw)


class _Granted(msgspec.Struct):
    permission: str
    status: str


class _Grants(msgspec.Struct):
    data: list[_Granted]


_GRANTS = msgspec.json.Decoder(_Grants)


async def scopes(http: Http, watch: Watch) -> frozenset[str] | None:
    """What a person granted their token; None for a page's token, which Meta does not tell this of."""
    try:
        answer = await http.get(
            f"{watch.host}/{VERSION}/me/permissions", token=watch.token, endpoint="graph", judge=judge()
        )
    except (Denied, Gone):
        return None
    granted = read(_GRANTS, answer, "the permissions").data
    return frozenset(one.permission for one in granted if one.status == "granted")


def placed(posts: Sequence[Post | Reject]) -> tuple[tuple[Post, ...], tuple[Reject, ...]]:
    """Posts and rejects apart, each in their order."""
    return (
        tuple(one for one in posts if isinstance(one, Post)),
        tuple(one for one in posts if isinstance(one, Reject)),
    )
