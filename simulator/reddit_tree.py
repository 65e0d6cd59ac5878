"""How Reddit shows a thread: so many comments, so deep, and `more` in the place of all others.

https://www.reddit.com/dev/api/#GET_comments_{article}. A `more` with ids stands for comments that there was no room
for; one without for a branch that goes on on a page of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simulator.stage import Said

Below = Mapping[str, Sequence[Said]]
Thing = Callable[[Said], dict[str, Any]]


def shown(
    top: Sequence[Said],
    parent: str,
    below: Below,
    thing: Thing,
    told_of: list[Said],
    *,
    limit: int,
    depth: int,
    flat: bool = False,
) -> list[dict[str, Any]]:
    """The comments that answer what is called `parent`, their own answers within them (`flat`: behind them).

    Who is shown is added to `told_of`.
    """
    room = [limit]

    def level(several: Sequence[Said], parent: str, depth: int) -> list[dict[str, Any]]:
        out: list[dict[str, Any]] = []
        hidden: list[Said] = []
        for said in several:
            answers = below.get(said.line.key, ())
            if said.deleted and not answers:
                continue
            if room[0] <= 0:
                hidden.append(said)
                continue
            room[0] -= 1
            told_of.append(said)
            one = thing(said)
            out.append(one)
            if depth > 1:
                inner = level(answers, said.line.external_id, depth - 1)
            else:
                inner = [_more([], said.line.external_id, below)] if answers else []
            if flat:
                out += inner
            elif inner:
                branch = {"after": None, "before": None, "children": inner}
                one["data"]["replies"] = {"kind": "Listing", "data": branch}
        return [*out, _more(hidden, parent, below)] if hidden else out

    return level(top, parent, depth)


def _more(hidden: Sequence[Said], parent: str, below: Below) -> dict[str, Any]:
    children = [said.line.external_id[3:] for said in hidden]
    name = children[0] if children else "_"
    count = sum(_size(said, below) for said in hidden)
    data = {
        "count": count,
        "name": f"t1_{name}",
        "id": name,
        "parent_id": parent,
        "depth": 0,
        "children": children,
    }
    return {"kind": "more", "data": data}


def _size(said: Said, below: Below) -> int:
    waiting, size = [said], 0
    while waiting:
        one = waiting.pop()
        size += 1
        waiting += below.get(one.line.key, ())
    return size
