"""`earshot platforms`: what can be watched, and what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cli._options import as_json

if TYPE_CHECKING:
    from console.platforms import Offered, Watched


def platforms(
    name: Annotated[
        str | None, typer.Argument(metavar="[PLATFORM]", help="Only this one, with all it needs.")
    ] = None,
    json: as_json = False,
) -> None:
    """What can be watched on which platform, what a term means there, and what it needs and costs.

    Examples: earshot platforms
              earshot platforms youtube
    """
    from console.cli import _print
    from console.platforms import NOT_OFFERED, offered

    found = offered(name)
    if json:
        _print.as_json([_row(one) for one in found])
        return
    if name:
        _all_of(found[0])
        return
    _print.table(
        ["platform", "kind", "~what is followed", "~for example", "credential"],
        [
            (kind.platform, kind.kind, kind.need.term, kind.need.example, kind.need.credential)
            for one in found
            for kind in one.kinds
        ],
        "",
    )
    for missing, why in NOT_OFFERED.items():
        _print.wrapped(f"{missing} is not offered: {why}.")
    _print.wrapped(
        "All about one: earshot platforms PLATFORM. Then: earshot sources preview PLATFORM KIND TERM."
    )


def _all_of(one: Offered) -> None:
    from console.cli import _print
    from console.words import in_lines
    from workers.quotas import said

    _print.table(
        ["kind", "~what is followed", "~for example", "credential", "~scopes", "~takes"],
        [
            (
                kind.kind,
                kind.need.term,
                kind.need.example,
                kind.need.credential,
                " ".join(kind.need.scopes),
                _takes(kind),
            )
            for kind in one.kinds
        ],
        "",
    )
    facts = {
        "credential": f"earshot credentials add {one.platform} ACCOUNT; its secret is {one.secret}"
        if one.secret
        else "",
        "quota": "; ".join(f"{said(q.of, q.amount)} a {q.period} ({q.zone})" for q in one.quotas),
        "money": f"takes money: earshot budget set {one.platform} 20 usd"
        if any(k.most.money for k in one.kinds)
        else "",
        "preview": _preview(one),
        "later": "is asked what became of posts (edited, gone)"
        if one.looks_up
        else "does not tell what became of posts",
    }
    for label, words in facts.items():
        if words:
            _print.line(in_lines(f"{label:<12}{words}", min(100, _print.console().width), 12))


def _preview(one: Offered) -> str:
    if all(kind.every is None for kind in one.kinds):
        return ""
    return "counts before it brings anything" if one.counts else "a preview asks for one page"


def _takes(kind: Watched) -> str:
    from console.words import span
    from workers.quotas import said

    if kind.every is None:
        return "is delivered to us"
    most = kind.most
    cost = [said("money", most.money)] if most.money else [said("units", most.units)] if most.units else []
    return ", ".join([f"every {span(kind.every)}", *(f"at most {one} a page" for one in cost)])


def _row(one: Offered) -> dict[str, Any]:
    import msgspec

    return {
        "platform": one.platform,
        "secret": one.secret,
        "quotas": [msgspec.structs.asdict(quota) for quota in one.quotas],
        "counts": one.counts,
        "looks_up": one.looks_up,
        "kinds": [
            {
                "kind": kind.kind,
                **msgspec.structs.asdict(kind.need),
                "host": kind.host,
                "every": kind.every,
                "most": {name: getattr(kind.most, name) for name in ("requests", "units", "money")},
            }
            for kind in one.kinds
        ],
    }
