"""`earshot record`: one answer of a live platform as a recording for the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.cli import _options
from console.cli._options import chosen_org


def record(
    platform: Annotated[str, typer.Argument(help="x, reddit, ...")],
    kind: Annotated[str, typer.Argument(help="search, comments, ...")],
    term: Annotated[str | None, typer.Argument(help="What to ask for; mentions take none.")] = None,
    host: Annotated[str | None, typer.Option(help="The server, where the platform has several.")] = None,
    credential: Annotated[str | None, typer.Option(help="Which credential: its account.")] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="The file to write (default: tests/recordings/PLATFORM/KIND.json)."),
    ] = None,
    org: chosen_org = None,
) -> None:
    """Ask a live platform once, and write its answer, scrubbed, as a recording for the tests.

    Taken out are keys and tokens, most headers, handles and names of people (each gets another, the same everywhere),
    e-mail addresses and telephone numbers. What people wrote stays: read the file before you share it, and fill in what it shows.
    It counts against the budget like a visit; nothing is stored.

    Example: earshot record reddit subreddit coffee --to tests/recordings/reddit/new_shape.json
    """
    import json

    from console.cli import _print
    from console.database import opened
    from console.following import check
    from console.preview import recorded
    from console.refusal import CannotDo

    with opened() as session:
        wanted = check(session, _options.org(), platform, kind, term, host=host, credential=credential)
    target = to or Path("tests/recordings") / platform / f"{kind}.json"
    if target.exists():
        raise CannotDo(f"{target} is there already; name another with --to.")
    told = recorded(_options.org(), wanted)
    if told is None:
        raise CannotDo(f"{platform} was not reached: there is no answer to record.")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    came = told["expect"].get("error") or f"{len(told['expect']['posts'])} posts"
    _print.line(f"{target} has what {platform} answered (status {told['status']}: {came}).")
    _print.line("Read it before you share it, and say in it what it shows and which page documents it.")
