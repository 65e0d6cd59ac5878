"""`earshot doctor`: a line for each thing that can be wrong, with the remedy."""

from __future__ import annotations

import typer

from console.cli import _options
from console.cli._options import as_json, chosen_org

MARKS = {"ok": ("ok", "green"), "note": ("note", "yellow"), "wrong": ("WRONG", "bold red")}


def doctor(org: chosen_org = None, json: as_json = False) -> None:
    """Check settings, servers, roles, keys, beat, workers, sources, the ledger and the console. Exit code 1 if one is wrong.

    Example: earshot doctor --json | jq '.[] | select(.state == "wrong")'
    """
    from dataclasses import asdict
    from itertools import chain

    from console.cli import _print
    from console.cli.status import width
    from console.health import examine, front_end
    from console.web.pages import missing
    from console.words import in_lines
    from workers._settings import BadSetting

    try:
        chosen = _options.org()
    except BadSetting:
        chosen = "main"  # examine() says what is wrong with the settings
    found, across = [], width()
    for finding in chain(examine(chosen), [front_end(missing())]):
        found.append(finding)
        if not json:
            mark, style = MARKS[finding.state]
            found_here = in_lines(f"{'':<22}{finding.found}", across, 22).lstrip()
            remedy = in_lines(f"{'':<22}{finding.remedy}", across, 22).lstrip()
            _print.finding(mark, style, finding.name, found_here, remedy)
    if json:
        _print.as_json([asdict(finding) for finding in found])
    bad = sum(finding.state == "wrong" for finding in found)
    if bad:
        if not json:
            _print.line(f"{bad} of {len(found)} checks found something wrong.")
        raise typer.Exit(1)
    if not json:
        _print.line("Nothing is wrong.")
