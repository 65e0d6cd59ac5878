"""Instagram: the comments on our own media, a hashtag, media that tag us.

https://developers.facebook.com/docs/instagram-platform. Comments are found under the 50 newest media (see
`_graph_nested`); an answer to a comment is found while that is among the medium's 100 newest. Surprising: thirty
different hashtags in seven rolling days are all that an account may ask for, and of each it is told only the last 24
hours, without authors; who names us with an @ in a caption or a comment is in no list at all and told by a
webhook alone, as two ids. `graph.facebook.com` takes a page's token, `graph.instagram.com` that of an Instagram
login, which knows no hashtags.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from urllib.parse import urlsplit

import msgspec

from connectors import _backwards as backwards
from connectors import _graph as graph
from connectors import _graph_nested as nested
from connectors import _instagram_wire as wire
from connectors import _times
from connectors._base import (
    Cursor,
    Denied,
    Found,
    Garbled,
    Gone,
    Held,
    Http,
    Login,
    Need,
    Page,
    Post,
    Reject,
    Session,
    Spend,
    Watch,
)
from connectors._failing import fewer
from connectors._graph import Ref
from connectors._graph_inbound import Change, receiver
from connectors._graph_nested import Below, Listing, Thing
from connectors._graph_session import only_delivers, renewed

platform = "instagram"
default_host: str | None = "https://graph.facebook.com"
interval = 300.0
watches: Mapping[str, Need] = MappingProxyType(
    {
        "media": Need(
            term="the account itself (@me), or its id",
            example="@me",
            credential="required",
            scopes=("instagram_basic", "instagram_manage_comments", "pages_read_engagement"),
        ),
        "hashtag": Need(
            term="a hashtag, with or without its sign",
            example="#acme",
            credential="required",
            host="https://graph.facebook.com",
            scopes=("instagram_basic",),
        ),
        "mentions": Need(
            term="the account itself (@me), or its id: media that it is tagged in",
            example="@me",
            credential="required",
            scopes=("instagram_basic", "instagram_manage_comments"),
        ),
    }
)
secret = "; ".join(
    (
        (
            "the access token of the Facebook page that the account is linked to (it does not expire), or the"
            " long-lived token of an Instagram login (sixty days, renewed by itself)"
        ),
        "for a webhook, the app's secret and the verify token, joined by a colon",
    )
)
lookup_size = 25
FROM_THE_START = nested.FROM_THE_START
PAGE_SIZE = 50
WINDOW = 50
REACH = 100
"""The newest comments of a changed medium that are read for new answers to them, whatever their age."""

ANSWERS = 500
"""Answers to one comment that are read, where there are more than come with it."""


def cost(watch: Watch) -> Spend:
    """One request; a hashtag's first takes one more, for its number."""
    return Spend(requests=2 if watch.kind == "hashtag" else 1)


def check_term(kind: str, term: str) -> None:
    """Raises Gone for a term that can never be followed."""
    name = term.strip()
    if kind == "hashtag" and not re.fullmatch(r"#?\w+", name):
        raise Gone("a hashtag is letters, digits and underscores: Instagram finds none with a picture in it")
    if kind != "hashtag" and not re.fullmatch(r"@?me|[0-9]+", name):
        raise Gone("only the account itself can be followed: @me, or its id")


async def fetch(http: Http, watch: Watch, cursor: Cursor | None) -> Page:
    """One call, one page."""
    match watch.kind:
        case "media":
            return await nested.visit(_Media(http, watch), watch, cursor)
        case "hashtag":
            return await _hashtag(http, watch, cursor)
        case "mentions":
            return await _tagged(http, watch, cursor)
        case other:
            raise Gone(f"instagram has no watch of the kind {other!r}")


def _size(watch: Watch) -> int:
    return min(watch.page_size or PAGE_SIZE, PAGE_SIZE)


def _account(watch: Watch) -> str | None:
    """The id of the account that is followed, where it is known."""
    term = watch.term.strip()
    return term if term.isdigit() else watch.me


def _path(watch: Watch, rest: str) -> str:
    return f"{graph.VERSION}/{graph.node(_account(watch) or 'me')}{rest}"


class _Media:
    """Our own media, and the comments of each with the answers to them."""

    window = WINDOW

    def __init__(self, http: Http, watch: Watch) -> None:
        self._http, self._watch = http, watch

    def reach(self, thing: Thing) -> int:
        return ANSWERS if ":" in thing.id else REACH

    async def listing(self, token: str | None) -> Listing:
        watch = self._watch
        found = await graph.edge(
            self._http,
            watch,
            _path(watch, "/media"),
            {"fields": wire.MEDIA},
            size=_size(watch),
            token=token,
            what="the list of media",
        )
        told = [wire.told(raw, watch.now, _account(watch)) for raw in found.items]
        sightings = graph.sightings([one.post for one in told], watch.now)
        return Listing(told=told, sightings=sightings, token=found.token)

    async def below(self, thing: Thing, token: str | None, tries: int) -> Below:
        """`thing` is a medium, or a comment of which more answers are to be read: comment, medium, author."""
        watch = self._watch
        answered, _, rest = (
            thing.id.rpartition(":")[0].partition(":") if ":" in thing.id else ("", "", thing.id)
        )
        author = thing.id.rpartition(":")[2] if answered else ""
        owner = _account(watch)
        under = wire.Under(
            media=rest, url=thing.url, owner=owner, answered=answered or None, author=author or None
        )
        path = f"{answered}/replies" if answered else f"{rest}/comments"
        found = await graph.edge(
            self._http,
            watch,
            f"{graph.VERSION}/{path}",
            {"fields": wire.REPLY if answered else wire.COMMENT},
            size=fewer(_size(watch), tries),
            token=token,
            what="the comments",
        )
        read, rejects = graph.items(wire.ITEM, found.items, "comment")
        made, answers, deeper = wire.comments(read, watch.now, under)
        return Below(
            posts=[*made, *answers, *rejects],
            sightings=graph.sightings([*made, *rejects], watch.now),
            token=found.token,
            deeper=deeper,
        )


class _Tag(msgspec.Struct):
    """A hashtag's cursor: its number, and where the walk stands."""

    id: str
    stand: backwards.Stand


class _Number(msgspec.Struct):
    id: str | int


class _Numbers(msgspec.Struct):
    data: list[_Number]


_TAG = msgspec.json.Decoder(_Tag)
_NUMBERS = msgspec.json.Decoder(_Numbers)


async def _hashtag(http: Http, watch: Watch, cursor: Cursor | None) -> Page:
    """A hashtag's newest media. Its number never changes, so it is asked for once and kept in the cursor."""
    check_term("hashtag", watch.term)
    if not watch.me:
        raise Denied("a hashtag is searched as an account: check this credential first", refreshable=False)
    spent = Spend()
    if cursor is None:
        tag = _Tag(id=await _number(http, watch), stand=backwards.Stand())
        spent = Spend(requests=2)
    else:
        try:
            tag = _TAG.decode(cursor)
        except (msgspec.DecodeError, msgspec.ValidationError):
            raise Gone("this cursor is not one of instagram's", cursor=True) from None
    walked = await graph.walk(
        http,
        watch,
        tag.stand,
        f"{graph.VERSION}/{graph.node(tag.id)}/recent_media",
        {"fields": wire.FOUND, "user_id": watch.me},
        lambda items: _media(items, watch.now),
        size=_size(watch),
        endpoint="hashtag",
        what="the hashtag's media",
    )
    tag.stand = backwards.stand(walked.step.cursor)
    return walked.page(Cursor(msgspec.json.encode(tag).decode()), spent=spent)


def _media(items: Sequence[msgspec.Raw], now: datetime) -> list[Post | Reject]:
    read, rejects = graph.items(wire.ITEM, items, "post")
    return [*(wire.media(one, now) for one in read), *rejects]


async def _number(http: Http, watch: Watch) -> str:
    """A hashtag's number. Asking for a thirty-first in seven days is refused like any other throttling, but those that
    were asked for go on: an endpoint class of its own."""
    answer = await http.get(
        f"{watch.host}/{graph.VERSION}/ig_hashtag_search",
        params={"user_id": watch.me or "", "q": watch.term.strip().lstrip("#")},
        token=watch.token,
        endpoint="hashtag_number",
        judge=graph.judge(),
    )
    found = graph.read(_NUMBERS, answer, "the hashtag's number").data
    if not found:
        raise Gone("Instagram knows no such hashtag")
    return str(found[0].id)


async def _tagged(http: Http, watch: Watch, cursor: Cursor | None) -> Page:
    """Media of others in which the account is tagged."""
    walked = await graph.walk(
        http,
        watch,
        backwards.stand(cursor),
        _path(watch, "/tags"),
        {"fields": wire.MEDIA},
        lambda items: _media(items, watch.now),
        size=_size(watch),
        what="the media that tag us",
    )
    return walked.page()


def lookup_cost(count: int) -> Spend:
    """One request; where something is gone, one more for each id, and one for whether our token still opens."""
    return Spend(requests=count + 2)


async def lookup(http: Http, watch: Watch, ids: Sequence[str]) -> Found:
    """Which of these are gone. Nothing else: an id does not say whether it is a medium's or a comment's, their
    texts are fields of different names, and Instagram refuses a field that one of them does not have."""
    _, gone, requests = await graph.by_ids(http, watch, ids, "id")
    return Found(posts=(), rejects=(), gone=tuple(gone), spent=Spend(requests=requests))


class _Linked(msgspec.Struct):
    id: str
    username: str | None = None


class _Me(msgspec.Struct):
    """The page that the account is linked to, or the account itself."""

    id: str | None = None
    user_id: str | int | None = None
    username: str | None = None
    account: _Linked | None = msgspec.field(name="instagram_business_account", default=None)


_ME = msgspec.json.Decoder(_Me)


async def check(http: Http, watch: Watch) -> Held:
    """Whose token it is, and what a user granted to it; of other tokens Meta does not tell that here."""
    if only_delivers(watch.token):
        return Held()
    held = await _whose(http, watch.host, watch.token)
    scopes = await graph.scopes(http, watch) if _by_page(watch.host) else None
    return msgspec.structs.replace(held, scopes=scopes)


async def sign_in(http: Http, login: Login) -> Session:
    """The token renewed for sixty days where it is an Instagram login's; a page's token as it is."""
    grant = None if _by_page(login.host) else "ig_refresh_token"
    return await renewed(http, login, grant, lambda token: _whose(http, login.host, token))


def _by_page(host: str) -> bool:
    """Whether this host takes the token of the page that the account is linked to."""
    return urlsplit(host).hostname == "graph.facebook.com"


async def _whose(http: Http, host: str, token: str | None) -> Held:
    fields = "id,instagram_business_account{id,username}" if _by_page(host) else "user_id,username"
    answer = await http.get(
        f"{host}/{graph.VERSION}/me",
        params={"fields": fields},
        token=token,
        endpoint="graph",
        judge=graph.judge(),
    )
    me = graph.read(_ME, answer, "the account")
    account, ident = me.account, me.user_id or me.id
    if account is not None:
        return Held(account_id=account.id, handle=account.username)
    if ident is None:
        raise Garbled("the answer does not say whose the token is")
    if _by_page(host):
        raise Denied("no Instagram account is linked to this page", refreshable=False)
    return Held(account_id=str(ident), handle=me.username)


class _Comment(msgspec.Struct):
    """A delivered comment: as in the API, but without its time, and with its medium."""

    id: str | int
    text: str | None = None
    author: wire.From | None = msgspec.field(name="from", default=None)
    media: Ref | None = None
    parent_id: str | int | None = None


_DELIVERED = msgspec.json.Decoder(_Comment)


def _changed(change: Change, now: datetime) -> Post | str:
    """The comment that a change is, or why it is none. Its time is the delivery's."""
    if change.field == "mentions":
        return "a mention of which only the ids are told"
    if change.field not in {"comments", "live_comments"}:
        return "nothing of ours: " + change.field.encode("utf-8", "replace").decode()[:64]
    value = _DELIVERED.decode(change.value)
    at = _times.believable(change.at, now)
    if at is None:
        return "its time is none that we believe"
    media = str(value.media.id) if value.media and value.media.id else None
    item = wire.Item(
        id=value.id,
        timestamp=at.isoformat(),
        text=value.text,
        author=value.author,
        parent_id=value.parent_id,
    )
    made = wire.comment(item, now, wire.Under(media=media, owner=change.owner))
    return made if isinstance(made, Post) else made.reason


receive = receiver(_changed)
