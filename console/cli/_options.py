"""Options that many commands share."""

from __future__ import annotations

import os
from typing import Annotated

import typer


def _choose(org: str | None) -> None:
    """--org is EARSHOT_ORG for one command."""
    if org is not None:
        os.environ["EARSHOT_ORG"] = org


chosen_org = Annotated[
    str | None,
    typer.Option(
        "--org",
        metavar="NAME",
        callback=_choose,
        expose_value=False,
        help="The organisation to work for (default: EARSHOT_ORG, else main).",
    ),
]
as_json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]


def org() -> str:
    """The organisation that this command works for."""
    from workers._settings import settings

    return settings().org
