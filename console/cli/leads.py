"""`earshot leads`: who became a Lead by a rule, and who would have been one too many."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from console.cli import _options
from console.cli._options import as_json, chosen_org


def leads(
    held_back: Annotated[
        bool,
        typer.Option("--held-back", help="Posts that came when their rule had made its number of the day."),
    ] = False,
    limit: Annotated[
        int,
        typer.Option("--limit", "-n", min=1, max=_options.MOST, help="How many at most; the newest first."),
    ] = 100,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Leads that rules made, with the post that did it; the newest first.

    A rule makes so many in 24 hours; whose post comes later is shown by --held-back and may become a lead with the
    next one. A lead is made anew after it was deleted, so set its status to unqualified instead.

    Examples: earshot leads
              earshot leads --held-back --json
    """
    from console import fleet
    from console.cli import _print
    from console.database import opened
    from console.leads import held_back as read_held
    from console.leads import leads as read

    chosen = _options.org()
    with opened() as session:
        found = read_held(session, chosen, limit) if held_back else read(session, chosen, limit)
        unknown = None if found else fleet.unknown(session, chosen)
    if json:
        _print.as_json(found)
        if unknown:
            _print.said(unknown)
        return
    if held_back:
        empty = "Nobody was one too many in the last 30 days."
    else:
        empty = "No rule has made a lead yet: earshot rules add NAME --action lead ..."
    _print.table(
        ["when", "~who", *([] if held_back else ["status"]), "~campaign", "~rule", "~what was said"],
        [_row(row, held_back) for row in found],
        unknown or empty,
    )


def _row(row: dict[str, Any], held_back: bool) -> tuple[object, ...]:
    from console.words import one_line

    who = one_line(row["name"] or row["handle"] or "somebody", 40)
    handle = one_line(row["handle"] or "", 40)
    if handle and handle != who:
        who = f"{who} ({handle})"
    on = f"{who} on {row['platform']}" if row["platform"] else who
    what = one_line(row["text"] or "", 160)
    campaign = one_line(row["campaign"] or "", 40)
    if held_back:
        return (row["occurred_at"], on, campaign, row["rule"], what)
    return (row["created_at"], on, row["status"], campaign, row["rule"], what)
