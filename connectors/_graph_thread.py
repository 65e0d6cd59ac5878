"""One post and all that is said under it, as a watch: read whole once, then what is new on top of it.

A thread ends somewhere, so its first walk goes from the newest back to the end, and then reads the post itself. A
cursor that is none of ours means just that once more, so that none is ever refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import msgspec

from connectors import _backwards as backwards
from connectors import _graph as graph
from connectors._base import Cursor, Gone, Http, Page, Watch


class Asks(msgspec.Struct, frozen=True, kw_only=True):
    """Where something is read: a path below the host, its parameters, and what becomes of its items; `whole` reads a page
    of them at once."""

    path: str
    params: Mapping[str, str]
    makes: graph.Makes
    whole: graph.Whole | None = None


class _State(msgspec.Struct, omit_defaults=True):
    """The cursor: the walk over the answers, whether it has been to the end once, and whether the post was read."""

    answers: backwards.Stand
    read: bool = False
    root: bool = False


_STATE = msgspec.json.Decoder(_State)
_WHOLE = Cursor('{"newest":"2004-01-01T00:00:00Z"}')
_ITEM = msgspec.json.Decoder(msgspec.Raw)


async def visit(
    http: Http,
    watch: Watch,
    cursor: Cursor | None,
    *,
    root: Asks,
    answers: Asks,
    size: int,
    nextless: bool = False,
) -> Page:
    """One call: a page of what is said under a post, or the post."""
    state = _State(answers=backwards.stand(_WHOLE))
    if cursor is not None:
        with suppress(msgspec.DecodeError, msgspec.ValidationError):
            state = _STATE.decode(cursor)
    if state.read and not state.root:
        return await _root(http, watch, state, root)
    walked = await graph.walk(
        http,
        watch,
        state.answers,
        answers.path,
        answers.params,
        answers.makes,
        size=size,
        what="the page of the thread",
        nextless=nextless,
        whole=answers.whole,
    )
    state.answers = backwards.stand(walked.step.cursor)
    state.read = state.read or not walked.step.more
    page = walked.page(_written(state))
    return page if state.root else msgspec.structs.replace(page, more=True)


async def _root(http: Http, watch: Watch, state: _State, root: Asks) -> Page:
    state.root = True
    try:
        answer = await http.get(
            f"{watch.host}/{root.path}",
            params=root.params,
            token=watch.token,
            endpoint="graph",
            judge=graph.judge(),
        )
    except Gone:
        return Page(posts=(), rejects=(), cursor=_written(state))
    posts, rejects = graph.placed(root.makes([graph.read(_ITEM, answer, "the post")]))
    return Page(posts=posts, rejects=rejects, cursor=_written(state))


def _written(state: _State) -> Cursor:
    return Cursor(msgspec.json.encode(state).decode())
