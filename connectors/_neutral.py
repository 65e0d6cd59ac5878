"""A post in our own words: what a webhook delivers, a line of a file holds, and a row of a table says.

One shape for all who write a program or a table for us, so it is strict: a field that means nothing here, a time
without a date, a rating of 7 are said and not guessed at. Surprising: `id` is for ever and for everybody who sends us
posts of that platform, so it is best a URI; two senders that both count from 1 would tell the same posts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec

from connectors import _text, _times
from connectors._base import Author, Mention, Post, Verb, Visibility
from connectors._decode import mended

Words = Annotated[str, msgspec.Meta(max_length=1_000_000)]
Stars = Annotated[float, msgspec.Meta(ge=1, le=5)]

MOST = 200
"""Mentions, hashtags and links of one post each; more is no post."""


class Unfit(ValueError):
    """What was given is no post; the message says why."""


class Somebody(msgspec.Struct, forbid_unknown_fields=True):
    """An author, or who is mentioned, by whatever is known."""

    id: str | int | None = None
    handle: str | None = None
    name: str | None = None
    bot: bool = False


class Neutral(msgspec.Struct, forbid_unknown_fields=True):
    """A post as it is written down. `id`, `text` and `posted_at` are needed; a time without a zone is in UTC."""

    id: str | int
    text: Words
    posted_at: str
    verb: Verb = "post"
    author: Somebody | None = None
    url: str | None = None
    reply_to: str | int | None = None
    reply_to_author: str | int | None = None
    thread: str | int | None = None
    place: str | int | None = None
    repost_of: str | int | None = None
    mentions: Annotated[list[Somebody], msgspec.Meta(max_length=MOST)] = []
    hashtags: Annotated[list[str], msgspec.Meta(max_length=MOST)] = []
    links: Annotated[list[str], msgspec.Meta(max_length=MOST)] = []
    lang: str | None = None
    warning: str | None = None
    counts: dict[str, int] = {}
    rating: Stars | None = None
    visibility: Visibility = "public"
    edited_at: str | None = None


COLUMNS: Mapping[str, str] = {
    "id": "the post's name, for ever: best a URI",
    "text": "its words, plain",
    "posted_at": "2026-11-23T09:00:00+01:00; without a zone it is UTC",
    "verb": "post, comment, repost, quote, like, review or message (default: post)",
    "author_id": "the author's stable id",
    "author_handle": "the author's handle, without @",
    "author_name": "the author's name",
    "url": "where it can be read",
    "reply_to": "the id of the post that it answers",
    "thread": "the id of the conversation's first post",
    "place": "the id of the page or product that it stands on",
    "repost_of": "the id of the post that it repeats",
    "mentions": "handles, spaces between",
    "hashtags": "spaces between",
    "links": "addresses, spaces between",
    "lang": "like en or pt-BR",
    "rating": "stars, 1 to 5",
    "visibility": "public, unlisted, private or direct (default: public)",
    "edited_at": "when it was last changed",
    "likes": "a number",
    "reposts": "a number",
    "replies": "a number",
}
"""The columns of a table of posts, each with what it means."""
NEEDED = ("id", "text", "posted_at")
_LISTS = ("hashtags", "links")
_COUNTS = ("likes", "reposts", "replies")

_NEUTRAL = msgspec.json.Decoder(Neutral)


def read(raw: bytes | msgspec.Raw, now: datetime) -> Post:
    """A post from its JSON. Raises Unfit."""
    try:
        return _post(_decoded(bytes(raw)), now)
    except msgspec.ValidationError as error:
        raise Unfit(_said(error)) from None
    except RecursionError:
        raise Unfit("nested too deeply") from None


def _decoded(raw: bytes) -> Neutral:
    """Half an emoji, which many a program cuts off, is mended; another encoding is not guessed at."""
    try:
        return _NEUTRAL.decode(raw)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        raw.decode()
        return _NEUTRAL.decode(mended(raw))
    except msgspec.ValidationError:
        raise
    except UnicodeDecodeError:
        raise Unfit("not UTF-8") from None
    except msgspec.DecodeError as error:
        raise Unfit(f"no whole JSON: {str(error).removeprefix('JSON is malformed: ')}") from None


def from_row(cells: Mapping[str, str], now: datetime) -> Post:
    """A post from the cells of a row by their columns; an empty one is as if it were not there. Raises Unfit."""
    given: dict[str, Any] = {name: cell for name, cell in cells.items() if cell.strip()}
    given.setdefault("text", cells.get("text", ""))
    author = {part: given.pop(f"author_{part}", None) for part in ("id", "handle", "name")}
    if any(author.values()):
        given["author"] = author
    counts = {name: given.pop(name) for name in _COUNTS if name in given}
    if counts:
        given["counts"] = counts
    for name in _LISTS:
        if name in given:
            given[name] = given[name].split()
    if "mentions" in given:
        given["mentions"] = [{"handle": handle} for handle in given["mentions"].split()]
    try:
        return _post(msgspec.convert(given, Neutral, strict=False), now)
    except msgspec.ValidationError as error:
        raise Unfit(_said(error)) from None


def _said(error: msgspec.ValidationError) -> str:
    """What is wrong, in the words of whoever wrote it: `$.rating` is rating."""
    said = str(error).replace("Object missing required field", "it lacks the field")
    said = said.replace("Object contains unknown field", "nothing here is called")
    return said.replace("`$.", "`")


def _post(given: Neutral, now: datetime) -> Post:
    name = _key(given.id)
    if name is None:
        raise Unfit("its id is empty")
    repeated = _key(given.repost_of)
    if (given.verb == "repost") != (repeated is not None):
        raise Unfit("a repost has the verb repost and names in repost_of what it repeats; neither goes alone")
    text, cut = _text.body(given.text)
    return Post(
        id=name,
        posted_at=_moment("posted_at", given.posted_at, now),
        verb=given.verb,
        text=text,
        author=_author(given.author),
        url=_address("url", given.url),
        reply_to=_key(given.reply_to),
        reply_to_author=_key(given.reply_to_author),
        thread=_key(given.thread),
        place=_key(given.place),
        repost_of=repeated,
        mentions=tuple(made for one in given.mentions if (made := _mention(one))),
        hashtags=_text.distinct([_text.tag(tag) for tag in given.hashtags]),
        links=_text.distinct([_address("links", link) or "" for link in given.links]),
        lang=_text.language(given.lang),
        warning=_text.name(given.warning),
        counts={_text.clean(name)[:64]: _text.count(n) for name, n in list(given.counts.items())[:32]},
        rating=given.rating,
        visibility=given.visibility,
        edited_at=None if given.edited_at is None else _moment("edited_at", given.edited_at, now),
        truncated=cut,
    )


def _key(value: str | int | None) -> str | None:
    return None if value is None else _text.ident(str(value).strip()) or None


def _moment(field: str, written: str, now: datetime) -> datetime:
    """A time of the past; one that lies ahead is now."""
    when = _times.parse(written)
    if when is None:
        raise Unfit(f"{field} {written[:40]!r} is no time like 2026-11-23T09:00:00+01:00")
    believed = _times.believable(when, now)
    if believed is None:
        raise Unfit(f"{field} {written[:40]!r} is before {_times.FLOOR.year}")
    return believed


def _address(field: str, given: str | None) -> str | None:
    if not given or not given.strip():
        return None
    address = _text.web(given)
    if address is None:
        raise Unfit(f"{field} {given[:80]!r} is no address of the web")
    return address


def _handle(given: str | None) -> str | None:
    return _text.name((given or "").strip().removeprefix("@"))


def _author(given: Somebody | None) -> Author | None:
    if given is None:
        return None
    made = Author(id=_key(given.id), handle=_handle(given.handle), name=_text.name(given.name), bot=given.bot)
    return made if made.id or made.handle or made.name else None


def _mention(given: Somebody) -> Mention | None:
    made = Mention(id=_key(given.id), handle=_handle(given.handle))
    return made if made.id or made.handle else None
