"""Facebook Pages: a page's feed with its comments, posts that tag a page, the comments of one post.

https://developers.facebook.com/docs/graph-api/reference/page/feed/, /page/tagged/, /object/comments/. There is no
search of public posts, and a page's recommendations are no longer told (error 12 since v22.0), so there is no
watch of either. Comments are found under the 100 newest posts of a page (see `_graph_nested`); what is said under
older ones only a webhook tells, or a `thread`. Surprising: people without a name (`from`) are the rule, not the
exception; see `_facebook_wire`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from connectors import _backwards as backwards
from connectors import _facebook_wire as wire
from connectors import _graph as graph
from connectors import _graph_nested as nested
from connectors._base import Cursor, Found, Gone, Held, Http, Need, Page, Post, Reject, Spend, Watch
from connectors._facebook_inbound import changed
from connectors._failing import fewer
from connectors._graph_inbound import receiver
from connectors._graph_nested import Below, Listing, Thing
from connectors._graph_session import only_delivers
from connectors._graph_thread import Asks
from connectors._graph_thread import visit as in_thread

platform = "facebook"
default_host: str | None = "https://graph.facebook.com"
interval = 300.0
_SCOPES = ("pages_read_engagement", "pages_read_user_content")
watches: Mapping[str, Need] = MappingProxyType(
    {
        "page": Need(
            term="a page's id or name, or @me for the token's own",
            example="@me",
            credential="required",
            scopes=_SCOPES,
        ),
        "mentions": Need(
            term="the page that is tagged: its id or name, or @me",
            example="@me",
            credential="required",
            scopes=_SCOPES,
        ),
        "thread": Need(
            term="a post's id, its page's and its own",
            example="2121008874780932_2954961744718970",
            credential="required",
            scopes=_SCOPES,
        ),
    }
)
secret = "; ".join(
    (
        "a page's access token, made from a long-lived user token by /me/accounts: it does not expire",
        "for a webhook, the app's secret and the verify token, joined by a colon",
    )
)
lookup_size = 25
FROM_THE_START = nested.FROM_THE_START
PAGE_SIZE = 100
WINDOW = 100

receive = receiver(changed)


def cost(watch: Watch) -> Spend:
    """One request."""
    return Spend()


def check_term(kind: str, term: str) -> None:
    """Raises Gone for a term that can never be followed."""
    if kind == "thread" and not re.fullmatch(r"[0-9]+_[0-9]+", term.strip()):
        raise Gone("a thread is named by its post's id: page, underscore, post")
    if kind != "thread" and not re.fullmatch(r"@?[A-Za-z0-9._-]+", term.strip()):
        raise Gone("a page is named by its id or its name, without an address around it")


async def fetch(http: Http, watch: Watch, cursor: Cursor | None) -> Page:
    """One call, one page."""
    match watch.kind:
        case "page":
            return await nested.visit(_Feed(http, watch), watch, cursor)
        case "mentions":
            return await _tagged(http, watch, cursor)
        case "thread":
            return await _thread(http, watch, cursor)
        case other:
            raise Gone(f"facebook has no watch of the kind {other!r}")


def _size(watch: Watch) -> int:
    return min(watch.page_size or PAGE_SIZE, PAGE_SIZE)


def _path(watch: Watch, rest: str = "") -> str:
    return f"{graph.VERSION}/{graph.node(watch.term)}{rest}"


class _Feed:
    """A page's feed, visitors' posts among it, and the comments of its posts, all levels of them alike."""

    window = WINDOW

    def __init__(self, http: Http, watch: Watch) -> None:
        self._http, self._watch = http, watch

    def reach(self, thing: Thing) -> int:
        return 0

    async def listing(self, token: str | None) -> Listing:
        watch = self._watch
        found = await graph.edge(
            self._http,
            watch,
            _path(watch, "/feed"),
            {"fields": wire.POST},
            size=_size(watch),
            token=token,
            what="the page's feed",
            whole=wire.PAGE,
        )
        told = [wire.told(raw, watch.now) for raw in found.items]
        sightings = graph.sightings([one.post for one in told], watch.now)
        return Listing(told=told, sightings=sightings, token=found.token)

    async def below(self, thing: Thing, token: str | None, tries: int) -> Below:
        watch = self._watch
        path = f"{graph.VERSION}/{graph.node(thing.id)}/comments"
        found = await graph.edge(
            self._http,
            watch,
            path,
            _COMMENTS,
            size=fewer(_size(watch), tries),
            token=token,
            what="the comments",
            whole=wire.PAGE,
        )
        posts = _comments(found.items, watch, thing.id)
        return Below(posts=posts, sightings=graph.sightings(posts, watch.now), token=found.token)


_COMMENTS = {"fields": wire.COMMENT, "filter": "stream", "order": "reverse_chronological"}


def _comments(items: Sequence[msgspec.Raw | wire.Item], watch: Watch, thread: str) -> list[Post | Reject]:
    read, rejects = wire.items(items, "comment")
    return [*(wire.comment(one, watch.now, thread=thread) for one in read), *rejects]


async def _tagged(http: Http, watch: Watch, cursor: Cursor | None) -> Page:
    """Posts of others that tag the page."""

    def makes(items: Sequence[msgspec.Raw | wire.Item]) -> list[Post | Reject]:
        read, rejects = wire.items(items, "post")
        return [*(wire.post(one, watch.now) for one in read), *rejects]

    walked = await graph.walk(
        http,
        watch,
        backwards.stand(cursor),
        _path(watch, "/tagged"),
        {"fields": wire.POST},
        makes,
        size=_size(watch),
        what="the page of posts that tag it",
        whole=wire.PAGE,
    )
    return walked.page()


async def _thread(http: Http, watch: Watch, cursor: Cursor | None) -> Page:
    """A post and its comments, all levels of them alike."""
    check_term("thread", watch.term)
    thread = watch.term.strip()
    place = wire.page_of(thread)

    def the_post(items: Sequence[msgspec.Raw | wire.Item]) -> list[Post | Reject]:
        read, rejects = wire.items(items, "post")
        return [*(wire.post(one, watch.now, place=place) for one in read), *rejects]

    return await in_thread(
        http,
        watch,
        cursor,
        root=Asks(path=_path(watch), params={"fields": wire.POST}, makes=the_post),
        answers=Asks(
            path=_path(watch, "/comments"),
            params=_COMMENTS,
            makes=lambda items: _comments(items, watch, thread),
            whole=wire.PAGE,
        ),
        size=_size(watch),
    )


def lookup_cost(count: int) -> Spend:
    """One request; where something is gone, one more for each id, and one for whether our token still opens."""
    return Spend(requests=count + 2)


async def lookup(http: Http, watch: Watch, ids: Sequence[str]) -> Found:
    """How posts and comments stand now: text, author, address, and where they stand as far as the address tells it;
    counts are not told."""
    seen, gone, requests = await graph.by_ids(http, watch, ids, wire.EITHER)
    posts, rejects = graph.placed([wire.either(raw, watch.now, me=watch.me) for raw in seen.values()])
    return Found(posts=posts, rejects=rejects, gone=tuple(gone), spent=Spend(requests=requests))


class _Me(msgspec.Struct):
    id: str
    name: str | None = None


_ME = msgspec.json.Decoder(_Me)


async def check(http: Http, watch: Watch) -> Held:
    """Whose token it is, and what a user granted to it; of a page's token Meta does not tell that here."""
    if only_delivers(watch.token):
        return Held()
    answer = await http.get(
        f"{watch.host}/{graph.VERSION}/me",
        params={"fields": "id,name"},
        token=watch.token,
        endpoint="graph",
        judge=graph.judge(),
    )
    me = graph.read(_ME, answer, "the account")
    return Held(account_id=me.id, handle=me.name, scopes=await graph.scopes(http, watch))
