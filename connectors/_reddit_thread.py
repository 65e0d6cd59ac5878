"""A thread of Reddit's: the submission, its comments, and those that are not shown at first.

https://www.reddit.com/dev/api/#GET_comments_{article}, #GET_api_morechildren. The first call shows up to 500 comments;
where there are more, `more` stands in their place: with ids, to be asked for a hundred at a time, or without, where
a branch goes on on a page of its own. The cursor carries what is still to be asked for, one call a page. Surprising:
`morechildren` must not be asked twice at once for one account. On a later visit the hidden ones are asked for again
only if what is hidden has changed.
"""

from __future__ import annotations

import re
from hashlib import blake2b

import msgspec

from connectors import _reddit_wire as wire
from connectors._base import Cursor, Gap, Garbled, Gone, Http, Page, TryLater, Watch
from connectors._decode import envelope
from connectors._reddit_answers import get

SHOWN = 500
DEPTH = "10"
CHILDREN = 100
MAX_CALLS = 40
"""Answers that one visit takes at most."""

MISSES = 3
"""So many visits ask again for comments that the thread hides and then did not show; then they are a Gap."""

MAX_HIDDEN = 2_000
"""Comments that a cursor carries at most, so that it stays below 20 kB."""

_ID = re.compile(r"(?:t3_)?([0-9a-z]{1,13})")
_ADDRESS = re.compile(r"(?:/comments/|^(?:https?://)?redd\.it/)([0-9a-z]{1,13})(?:[/?#]|$)")


class _Tree(msgspec.Struct, omit_defaults=True):
    """The cursor. `read` marks what was hidden when the thread was last read to its end, `mark` the same of the
    visit that is on; `hidden` are comments to be asked for, `deep` those below which a branch goes on. `missing`: some
    were asked for and not shown, in `misses` visits in a row."""

    read: str = ""
    mark: str = ""
    hidden: list[str] = []
    deep: list[str] = []
    calls: int = 0
    cut: bool = False
    missing: bool = False
    misses: int = 0


class _Things(msgspec.Struct):
    things: list[msgspec.Raw]


class _Json(msgspec.Struct):
    data: _Things | None = None
    errors: list[list[str | None]] | None = None


class _MoreAnswer(msgspec.Struct):
    json: _Json


_TREE = msgspec.json.Decoder(_Tree)
_LISTINGS = msgspec.json.Decoder(list[wire.Listing])
_MORE = msgspec.json.Decoder(_MoreAnswer)


def submission(term: str) -> str:
    """The id in a term: `1abcde`, `t3_1abcde`, or an address. Raises Gone for anything else."""
    term = term.strip()
    found = _ID.fullmatch(term) or _ADDRESS.search(term)
    if found is None:
        raise Gone("a thread is named by its submission's id, as in 1abcde, or by its address")
    return found[1]


async def fetch(http: Http, watch: Watch, cursor: Cursor | None) -> Page:
    """One call: the thread as it is shown, a hundred of the hidden, or a branch that goes on elsewhere."""
    tree, article = _tree(cursor), submission(watch.term)
    if tree.hidden:
        batch, tree.hidden = tree.hidden[:CHILDREN], tree.hidden[CHILDREN:]
        found = await _children(http, watch, article, batch)
        tree.missing = tree.missing or not {f"t1_{one}" for one in batch} <= {one.id for one in found.seen}
    elif tree.deep:
        batch, tree.deep = tree.deep[:1], tree.deep[1:]
        found = await _branch(http, watch, article, batch[0])
    else:
        batch = []
        found = await _shown(http, watch, f"/comments/{article}")
        tree = _Tree(read=tree.read, mark=_mark(found.more), misses=tree.misses)
    tree.calls += 1
    if tree.calls > 1 or tree.mark != tree.read:
        _hide(tree, found.more, {*batch, *tree.hidden, *tree.deep})
    gap = None
    if tree.calls >= MAX_CALLS and (tree.hidden or tree.deep):
        tree.hidden, tree.deep, tree.cut = [], [], True
    more = bool(tree.hidden or tree.deep)
    if not more:
        if tree.cut:
            gap = Gap(reason="the thread holds more comments than one visit reads")
        again = tree.missing and tree.misses + 1 < MISSES
        if tree.missing and not again:
            gap = gap or Gap(reason="the thread hides comments that it does not show to us")
        tree = _Tree(read="again", misses=tree.misses + 1) if again else _Tree(read=tree.mark)
    return Page(
        posts=tuple(found.posts),
        rejects=tuple(found.rejects),
        cursor=Cursor(msgspec.json.encode(tree).decode()),
        more=more,
        gap=gap,
    )


async def _shown(http: Http, watch: Watch, path: str) -> wire.Read:
    params = {"limit": str(min(watch.page_size or SHOWN, SHOWN)), "depth": DEPTH, "sort": "new"}
    listings = envelope(_LISTINGS, await get(http, watch, path, params), "the thread")
    if len(listings) < 2:
        raise Garbled("the thread has another shape: not a listing of its submission and one of its comments")
    return wire.read([item for listing in listings for item in listing.data.children], now=watch.now)


async def _branch(http: Http, watch: Watch, article: str, comment: str) -> wire.Read:
    """A branch by the comment it hangs on; nothing where that is gone by now."""
    try:
        return await _shown(http, watch, f"/comments/{article}/_/{comment}")
    except Gone:
        return wire.Read()


async def _children(http: Http, watch: Watch, article: str, batch: list[str]) -> wire.Read:
    params = {
        "api_type": "json",
        "link_id": f"t3_{article}",
        "children": ",".join(batch),
        "limit_children": "false",
        "sort": "new",
    }
    answer = envelope(_MORE, await get(http, watch, "/api/morechildren", params), "the hidden comments").json
    if answer.errors:
        code = answer.errors[0][0] if answer.errors[0] else None
        if code == "RATELIMIT":
            raise TryLater("reddit asks to wait before more comments are shown", limited=True)
        raise Garbled("the hidden comments were not shown: reddit names an error of its own")
    if answer.data is None:
        raise Garbled("the hidden comments have another shape: no data in them")
    return wire.read(answer.data.things, now=watch.now)


def _hide(tree: _Tree, more: list[wire.More], known: set[str]) -> None:
    """Take in what an answer says is hidden and was not asked for yet."""
    for one in more:
        for child in one.children:
            if child not in known:
                known.add(child)
                tree.hidden.append(child)
        parent = one.parent_id.removeprefix("t1_")
        if not one.children and one.parent_id.startswith("t1_") and parent not in known:
            known.add(parent)
            tree.deep.append(parent)
    for ids in (tree.hidden, tree.deep):
        if len(ids) > MAX_HIDDEN:
            del ids[MAX_HIDDEN:]
            tree.cut = True


def _mark(more: list[wire.More]) -> str:
    """Twelve characters that change when what is hidden does; nothing where nothing is hidden."""
    if not more:
        return ""
    told = sorted((one.parent_id, one.count, *sorted(one.children)) for one in more)
    return blake2b(msgspec.json.encode(told), digest_size=6).hexdigest()


def _tree(cursor: Cursor | None) -> _Tree:
    """The cursor as a value; a thread is read anew from any other text."""
    try:
        return _TREE.decode(cursor) if cursor else _Tree()
    except (msgspec.DecodeError, UnicodeError):
        return _Tree()
