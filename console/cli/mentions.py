"""`earshot mentions`: what is said, about a campaign, an account, or all of it; now or as it comes in."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from console.cli import _options
from console.cli._options import as_json, chosen_org

GLANCE = 1.0
"""Seconds between two looks of --follow."""


def mentions(
    campaign: Annotated[str | None, typer.Option(help="Of this campaign only, by name.")] = None,
    account: Annotated[str | None, typer.Option(help="About this account only, by name.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as posts come in, until Ctrl-C.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=_options.MOST, help="How many at most.")
    ] = 20,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Posts with their score and what they are tied to; the newest at the end.

    With --follow, --json prints one object a line.

    Examples: earshot mentions --campaign "Spring launch"
              earshot mentions --account "Velmora Hotels" -n 50
              earshot mentions --follow --json | jq .text
    """
    from console import fleet
    from console.cli import _print
    from console.database import opened
    from console.mentions import Following, record
    from console.mentions import mentions as read

    chosen = _options.org()
    with opened() as session:
        which = {
            "account": record(session, chosen, "account", account),
            "campaign": record(session, chosen, "campaign", campaign),
        }
        following = Following(session, chosen, **which) if follow else None
        found = read(session, chosen, **which, most=limit)
        unknown = None if found else fleet.unknown(session, chosen)
    if unknown and (json or follow):
        _print.said(unknown)
    if json and not follow:
        _print.as_json(found)
        return
    if not found and not follow:
        _print.line(
            unknown or "Nothing was heard yet. `earshot status` shows whether the sources are visited."
        )
    for row in found:
        _show(row, json)
    if following is not None:
        _go_on(following, json)


def _go_on(following: Any, json: bool) -> None:
    import time

    from console.database import opened

    while True:
        with opened() as session:
            rows = following.next(session)
        for row in rows:
            _show(row, json)
        time.sleep(GLANCE)


def _show(row: dict[str, Any], json: bool) -> None:
    import sys

    from console.cli import _print
    from console.words import one_line, score
    from workers.decide import SPENT, SUGGESTED

    if json:
        import json as encoder

        print(encoder.dumps(row, default=_print.plainer))
        sys.stdout.flush()
        return
    said = score(row["sentiment"]) if row["sentiment"] is not None else row["unscored"] or "–"
    author = one_line(row["author"] or "somebody", 40)
    ties = []
    for name, several in (("account", "accounts"), ("contact", ""), ("campaign", "campaigns")):
        named = [row[name]] if row[name] else row[several] if several else []
        ties += [" + ".join(one_line(one, 40) for one in named)] if named else []
    if row["ticket"]:
        ties.append(f"ticket #{row['ticket']}")
    elif row["case"]:
        ties.append("activity")
    if row["held_back"] in (SPENT, SUGGESTED) and not row["ticket"]:
        less = "opened nothing" if not row["case"] else "no ticket"
        ties.append(f"{less}: {row['held_back']}")
    if row["voice"] != "earned":
        ties.append({"own": "our own post", "competitor": "a competitor"}[row["voice"]])
    if row["corrected"]:
        ties.append(f"corrected: {row['corrected']}")
    _print.post(
        f"{row['occurred_at']:%m-%d %H:%M}  {str(row['id'])[-8:]}  {said:>8}  {row['platform']:<9}",
        f"{author}: {one_line(row['text'], 240)}",
        " · ".join(ties),
        row["sentiment"],
    )
    sys.stdout.flush()
