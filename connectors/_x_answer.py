"""An answer of X: its envelope, its items with what they refer to, and what was left out.

https://docs.x.com/x-api/fundamentals/expansions, .../response-codes-and-errors. Surprising: a 200 may have
`errors` beside its data. Most of them explain what the includes lack (a deleted parent, a suspended account
that was mentioned) and cost no post; a few name one of the posts that were asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from connectors import _text
from connectors._base import Answer, Post, Reject
from connectors._decode import at_once, envelope, raw_text
from connectors._x_wire import Item, User, either, is_id, post


class Includes(msgspec.Struct):
    users: list[msgspec.Raw] | None = None
    tweets: list[msgspec.Raw] | None = None
    posts: list[msgspec.Raw] | None = None


class Meta(msgspec.Struct):
    result_count: int | None = None
    newest_id: str | None = None
    next_token: str | None = None


class Trouble(msgspec.Struct, gc=False):
    """One of the `errors` beside the data of a page."""

    type: str = ""
    title: str = ""
    detail: str = ""
    parameter: str = ""
    section: str = ""
    resource_id: str | int = ""
    value: str | int = ""


class Told(msgspec.Struct):
    """An answer's envelope. `data` is left out where there is none."""

    data: list[msgspec.Raw] | None = None
    includes: Includes | None = None
    meta: Meta | None = None
    errors: list[msgspec.Raw] | None = None


class _Beside(msgspec.Struct, gc=False):
    users: list[User] | None = None
    tweets: list[Item] | None = None
    posts: list[Item] | None = None


class Typed(msgspec.Struct):
    """The same of which every item can be read, as nearly always: decoded in one go, in half the time."""

    data: list[Item] | None = None
    includes: _Beside | None = None
    meta: Meta | None = None
    errors: list[Trouble] | None = None


class Read(msgspec.Struct):
    """What could be read of an answer. `ids` are of all its items, also of those that are unreadable otherwise;
    the counts are of all that was returned, each once: of the items, of other posts, of users."""

    items: list[Item]
    included: dict[str, Item]
    users: dict[str, User]
    troubles: list[Trouble]
    rejects: list[Reject]
    ids: list[str]
    count: int
    count_included: int
    count_users: int


class _Bare(msgspec.Struct):
    id: str | int


_TOLD = msgspec.json.Decoder(Told)
_TYPED = msgspec.json.Decoder(Typed)
_ITEM = msgspec.json.Decoder(Item)
_USER = msgspec.json.Decoder(User)
_TROUBLE = msgspec.json.Decoder(Trouble)
_BARE = msgspec.json.Decoder(_Bare)


def told_by(answer: Answer, what: str) -> Told | Typed:
    """The envelope of an answer. Raises Garbled."""
    typed = at_once(_TYPED, answer)
    if typed is None:
        return envelope(_TOLD, answer, what)
    beside = typed.includes or _Beside()
    items = (*(typed.data or ()), *(either(beside, "tweets") or ()))
    return typed if all(is_id(str(item.id)) for item in items) else envelope(_TOLD, answer, what)


def read(told: Told | Typed) -> Read:
    """Every item that can be read, and what the others were.

    A user that cannot be read leaves its posts with the author's number; a post among the includes that
    cannot is a reject like any other.
    """
    rejects: list[Reject] = []
    ids: list[str] = []
    items: list[Item] = []
    for raw in told.data or ():
        item = _item(raw, rejects)
        bare = str(item.id) if item else _bare_id(raw)
        if item:
            items.append(item)
        if bare:
            ids.append(bare)
    beside = told.includes or Includes()
    more = either(beside, "tweets") or []
    included: dict[str, Item] = {}
    for raw in more:
        item = _item(raw, rejects)
        if item:
            included[str(item.id)] = item
    users: dict[str, User] = {}
    for person in beside.users or ():
        user = _user(person)
        if user:
            users[str(user.id)] = user
    return Read(
        items=items,
        included=included,
        users=users,
        troubles=troubles(told),
        rejects=rejects,
        ids=ids,
        count=len(set(ids)) + len(told.data or ()) - len(ids),
        count_included=len(more) - len(included) + len(included.keys() - set(ids)),
        count_users=len(beside.users or ()),
    )


def _item(raw: msgspec.Raw | Item, rejects: list[Reject]) -> Item | None:
    if isinstance(raw, Item):
        return raw
    try:
        item = _ITEM.decode(raw)
    except msgspec.ValidationError as error:
        rejects.append(Reject(raw=raw_text(raw), reason=f"no post: {error}"))
        return None
    if not is_id(str(item.id)):
        rejects.append(Reject(raw=raw_text(raw), reason="no post: its id is no number"))
        return None
    return item


def _bare_id(raw: msgspec.Raw | Item) -> str | None:
    """The id of an item that is otherwise unreadable, so that the walk passes it (it is in the rejects)."""
    if isinstance(raw, Item):
        return str(raw.id)
    try:
        found = str(_BARE.decode(raw).id)
    except msgspec.ValidationError:
        return None
    return found if is_id(found) else None


def _user(raw: msgspec.Raw | User) -> User | None:
    try:
        return raw if isinstance(raw, User) else _USER.decode(raw)
    except msgspec.ValidationError:
        return None


def troubles(told: Told | Typed) -> list[Trouble]:
    """The errors beside the data, as far as they can be read."""
    return [found for raw in told.errors or () if (found := _trouble(raw))]


def _trouble(raw: msgspec.Raw | Trouble) -> Trouble | None:
    try:
        return raw if isinstance(raw, Trouble) else _TROUBLE.decode(raw)
    except msgspec.ValidationError:
        return None


def missing(answer: Read) -> list[Reject]:
    """Posts of ours that X names as missing. Its other errors explain what only the includes lack: a deleted
    parent, a suspended account that was mentioned."""
    return [
        Reject(
            raw=raw_text(msgspec.json.encode(trouble)),
            reason=f"X left a post out: {_text.name(trouble.title) or trouble.type or 'it does not say why'}",
        )
        for trouble in answer.troubles
        if trouble.section == "data" or trouble.parameter in {"id", "ids"}
    ]


def posts(answer: Read, *, now: datetime, also: str | None = None) -> tuple[list[Post], list[Reject]]:
    """The items as posts, and after each repost what it repeats, once a page, where the page has it.

    `also` is a post to be taken from the includes whoever refers to it: a conversation's first one.
    """
    whole = list(_unfolded(answer, also))
    histories = (item.history for item in (*answer.included.values(), *whole))
    firsts = {version: ids[0] for ids in histories if len(ids) > 1 for version in ids}
    made: list[Post] = []
    rejects: list[Reject] = []
    for item in whole:
        one = post(item, answer.users, firsts, now)
        if one is None:
            reason = f"neither its date nor its id is a time we believe: {item.created_at or item.id}"
            rejects.append(Reject(raw=raw_text(msgspec.json.encode(item)), reason=reason))
        else:
            made.append(one)
    return made, rejects


def _unfolded(answer: Read, also: str | None) -> Iterator[Item]:
    told = {str(item.id) for item in answer.items}
    for item in answer.items:
        yield item
        inner = item.references.get("retweeted")
        if inner in answer.included and inner not in told:
            told.add(inner)
            yield answer.included[inner]
    if also in answer.included and also not in told:
        yield answer.included[also]


def newest(answer: Read) -> Read:
    """The same with only the newest version of each item, which may be among the includes."""
    best: dict[str, Item] = {}
    for item in (*answer.items, *answer.included.values()):
        first = item.history[0]
        if first not in best or int(item.id) > int(best[first].id):
            best[first] = item
    mine = dict.fromkeys(item.history[0] for item in answer.items)
    return msgspec.structs.replace(answer, items=[best[first] for first in mine], included={})
