"""`earshot cases`: what was opened, for whom, and why."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from console.cli import _options
from console.cli._options import as_json, chosen_org


def cases(
    open_: Annotated[bool, typer.Option("--open", help="The open ones only (this is the default).")] = False,
    closed: Annotated[bool, typer.Option("--closed", help="The closed ones only.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Open and closed.")] = False,
    children: Annotated[
        bool, typer.Option("--children", help="Those too that an Incident took in and that have its ticket.")
    ] = False,
    suggested: Annotated[
        bool,
        typer.Option("--suggested", help="Instead: what rules that only suggest would have opened."),
    ] = False,
    held: Annotated[
        bool,
        typer.Option(
            "--held", help="Instead: posts that came after their rule's number in 24 hours (--per-day)."
        ),
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option("--limit", "-n", min=1, max=_options.MOST, help="How many at most; the newest first."),
    ] = None,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Cases with their Ticket or Activity, the score and the rule that opened them; the newest first.

    An Incident stands for all that it took in, counted as it is now.

    Examples: earshot cases -n 20
              earshot cases --suggested
              earshot cases --held
              earshot cases --all --json | jq '.[].ticket.number'
    """
    from console import fleet
    from console.cases import cases as read
    from console.cli import _print
    from console.database import opened

    if open_ + closed + everything + suggested + held > 1:
        raise typer.BadParameter("choose one of --open, --closed, --all, --suggested and --held")
    if suggested or held:
        _not_opened(held, limit, json)
        return
    which: Literal["open", "closed", "all"] = "all" if everything else "closed" if closed else "open"
    with opened() as session:
        chosen = _options.org()
        found = read(session, chosen, which, limit, children=children)
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


def _not_opened(held: bool, limit: int | None, json: bool) -> None:
    """What rules only suggest, or what came after their number."""
    from console.cli import _print
    from console.database import opened
    from console.opening import over, suggested
    from console.words import one_line, score

    with opened() as session:
        found = (over if held else suggested)(session, _options.org(), limit)
    if json:
        _print.as_json(found)
        return
    rows = [
        (
            one["occurred_at"],
            str(one["event"] or one["alarm"])[-8:],
            score(one["score"]),
            "many posts"
            if one["alarm"]
            else f"{one_line(one['author'] or 'somebody', 40)} on {one['platform']}",
            one_line(one["account"] or "", 40),
            f"{one['rule'] or 'a rule that is gone'} → {one['action'] or '–'}",
            one_line(one["text"], 160),
        )
        for one in found
    ]
    columns = ["written", "event", ">score", "~author", "~account", "~would open", "~what was said"]
    nothing = "No rule suggests anything. `earshot rules list` shows which only suggest."
    if held:
        nothing = "No post came after its rule's number in 24 hours. `earshot rules list` shows the numbers."
    _print.table(columns, rows, nothing)
    if rows:
        _print.said("`earshot case open EVENT` opens what the rule would have.")


def _row(case: dict[str, Any]) -> tuple[object, ...]:
    from console.words import counted, one_line, score

    number = f"#{case['ticket']['number']}" if case["ticket"] else "activity"
    author = f"{one_line(case['author'] or 'somebody', 40)} on {case['platform'] or 'an unknown platform'}"
    said = one_line(case["text"] or "", 160)
    if case["incident"]:
        author = f"Incident, {counted(case['children'], 'case')}, {counted(case['posts'], 'post')}"
        said = one_line(case["incident"].removeprefix("Incident: "), 160)
    elif case["parent"]:
        said = f"(in Incident #{case['parent']}) {said}"
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
        said,
    )
