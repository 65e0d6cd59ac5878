"""`earshot quarantine`: what was set aside, with its payload and the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from console.cli import _options
from console.cli._options import Commands, as_json, chosen_org

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.orm import Session

app = Commands(no_args_is_help=True, help="Posts that were set aside: look at them, replay or drop them.")

Named = Annotated[str, typer.Argument(metavar="ID", help="An id, its end, or the post's external id.")]
Several = Annotated[
    list[str] | None, typer.Argument(metavar="ID...", help="Ids, their ends, or external ids.")
]


@app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Replayed and dropped ones too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=_options.MOST, help="How many at most.")] = 100,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """What is held, the newest first.

    Each item is held once. The ledger's `quarantined` counts every time that one was met, so it may be larger.
    """
    from console.cli import _print
    from console.database import opened
    from console.quarantine import quarantined
    from console.words import one_line

    with opened() as session:
        found = quarantined(session, _options.org(), everything=everything, most=limit)
    if json:
        _print.as_json(found)
        return
    _print.table(
        ["id", "held since", "state", "what", "platform", "~source", "~post", "~reason"],
        [
            (
                str(row["id"])[-8:],
                row["held_at"],
                row["state"],
                "not readable" if row["stage"] == "reject" else "failed",
                row["platform"],
                one_line(f"{row['source_kind'] or '–'} {row['source_term'] or ''}", 40),
                one_line(row["external_id"] or "", 60),
                one_line(row["reason"], 120),
            )
            for row in found
        ],
        "Nothing is in quarantine.",
    )


@app.command()
def show(named: Named, org: chosen_org = None, json: as_json = False) -> None:
    """One of them, with its payload and where it failed."""
    import json as encoder

    from console.cli import _print
    from console.database import opened
    from console.quarantine import find, readable
    from console.words import safe

    with opened() as session:
        row = find(session, _options.org(), named)
    payload = readable(row)
    if json:
        _print.as_json({**row, "payload": payload})
        return
    _print.fact("id", str(row["id"]))
    _print.fact("state", f"{row['state']}, held since {row['held_at']:%Y-%m-%d %H:%M} UTC")
    _print.fact("source", safe(f"{row['platform']} {row['source_kind'] or '–'} {row['source_term'] or ''}"))
    _print.fact("post", safe(row["external_id"] or "–"))
    _print.fact("reason", safe(row["reason"]))
    if row["trace"]:
        _print.fact("trace", safe(row["trace"].rstrip()))
    text = payload if isinstance(payload, str) else encoder.dumps(payload, indent=2, default=_print.plainer)
    _print.fact("payload", safe(text))


@app.command()
def replay(
    named: Several = None,
    everything: Annotated[bool, typer.Option("--all", help="Every post that failed.")] = False,
    org: chosen_org = None,
) -> None:
    """Take posts that failed through the whole journey again, as a new page of the source that brought them.

    Worth it once what they failed at is mended; a post that fails again comes back here. What a connector
    could not read at all is no post and cannot be replayed.
    """
    from console.quarantine import replay as land_again

    _settle(named, everything, ["digest"], land_again, "replay", "is on its way again")


@app.command()
def drop(
    named: Several = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that is held.")] = False,
    org: chosen_org = None,
) -> None:
    """Give up on them. They stay in the table, marked as dropped, and are not counted as held any more."""
    from console.quarantine import drop as give_up

    _settle(named, everything, ["digest", "reject"], give_up, "drop", "is dropped")


def _settle(
    named: list[str] | None,
    everything: bool,
    stages: list[str],
    do: Callable[[Session, UUID], None],
    verb: str,
    done: str,
) -> None:
    from console.cli import _print
    from console.database import opened
    from console.quarantine import find, held

    if not named and not everything:
        raise typer.BadParameter("name an ID, or say --all")
    chosen = _options.org()
    with opened() as session:
        if everything:
            rows = held(session, chosen, stages)
        else:
            rows = [find(session, chosen, name)["id"] for name in named or []]
        for row in rows:
            do(session, row)
        left = held(session, chosen, ["reject"]) if everything and "reject" not in stages else []
    if not rows:
        rest = f": what is held ({len(left):,}) could not be read, and is no post" if left else ""
        _print.line(f"Nothing to {verb}{rest}.")
        return
    for row in rows[:20]:
        _print.line(f"{str(row)[-8:]} {done}.")
    if len(rows) != 1:
        _print.line(f"{len(rows):,} in all.")
