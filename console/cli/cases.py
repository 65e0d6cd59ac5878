"""`earshot cases`: what was opened, for whom, and why."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from console.cli import _options
from console.cli._options import as_json, chosen_org


def cases(
    open_: Annotated[bool, typer.Option("--open", help="The open ones only (this is the default).")] = False,
    closed: Annotated[bool, typer.Option("--closed", help="The closed ones only.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Open and closed.")] = False,
    limit: Annotated[
        int | None,
        typer.Option("--limit", "-n", min=1, max=_options.MOST, help="How many at most; the newest first."),
    ] = None,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Cases with their Ticket or Activity, the score and the rule that opened them; the newest first.

    Examples: earshot cases -n 20
              earshot cases --all --json | jq '.[].ticket.number'
    """
    from console import fleet
    from console.cases import cases as read
    from console.cli import _print
    from console.database import opened

    if open_ + closed + everything > 1:
        raise typer.BadParameter("choose one of --open, --closed and --all")
    which = "all" if everything else "closed" if closed else "open"
    with opened() as session:
        chosen = _options.org()
        found = read(session, chosen, which, limit)  # type: ignore[arg-type]
        unknown = None if found else fleet.unknown(session, chosen)
    if json:
        _print.as_json(found)
        if unknown:
            _print.said(unknown)
        return
    what = "cases" if everything else f"{which} cases"
    _print.table(
        [
            "opened",
            ">case",
            "status",
            ">score",
            "~author",
            "~account",
            ">posts",
            "~rule",
            "~what was said",
        ],
        [_row(case) for case in found],
        unknown or f"There are no {what}. `earshot status` shows whether anything is heard.",
    )


def _row(case: dict[str, Any]) -> tuple[object, ...]:
    from console.words import one_line, score

    number = f"#{case['ticket']['number']}" if case["ticket"] else "activity"
    author = f"{one_line(case['author'] or 'somebody', 40)} on {case['platform'] or 'an unknown platform'}"
    whom = one_line(case["contact"] or "", 40)
    account = one_line(case["account"] or "", 40)
    return (
        case["opened_at"],
        number,
        "closed" if case["closed_at"] else (case["status"] or "–").replace("_", " "),
        score(case["score"]),
        author,
        f"{account} ({whom})" if account and whom else account or whom,
        case["posts"],
        case["rule"],
        one_line(case["text"] or "", 160),
    )
