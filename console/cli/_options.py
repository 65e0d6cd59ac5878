"""What commands share: options, and help whose paragraphs flow and whose examples stand a line each."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import Annotated, Any

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

MOST = 10_000
"""Rows that a list may be asked for; more is a question for SQL."""


def org() -> str:
    """The organisation that this command works for."""
    from workers._settings import settings

    return settings().org


class Commands(typer.Typer):
    """A group of commands; the help of each is its docstring, set anew."""

    def command(self, name: str | None = None, **options: Any) -> Callable[..., Any]:
        """As typer's."""
        register = super().command

        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            return register(name, help=_flowing(function.__doc__ or ""), **options)(function)

        return decorate


def _flowing(docstring: str) -> str:
    """Paragraphs without the line ends of the source; examples under each other."""
    told = []
    for paragraph in inspect.cleandoc(docstring).split("\n\n"):
        head, colon, examples = paragraph.partition(": ")
        if colon and head in ("Example", "Examples"):
            told.append("\n".join([f"{head}:", *(line.strip() for line in examples.splitlines())]))
        else:
            told.append(" ".join(paragraph.split()))
    return "\n\n".join(told)
