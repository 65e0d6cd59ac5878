"""`earshot owed`: news that receivers are owed, and owing it again."""

from __future__ import annotations

from typing import Annotated

import typer

from console.cli import _options
from console.cli._options import Commands, as_json, chosen_org

app = Commands(no_args_is_help=True, help="News that is owed to receivers: look at it, replay it.")

Receiver = Annotated[str | None, typer.Option(metavar="NAME", help="One receiver's alone.")]


@app.command("list")
def list_(
    receiver: Receiver = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only what was given up.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="What was delivered or folded, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=_options.MOST, help="How many at most.")] = 100,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """What waits to be told and what was given up, the newest first.

    Example: earshot owed list --receiver desk --failed
    """
    from console.cli import _print
    from console.database import opened
    from console.owed import owed
    from console.receivers import the_receiver
    from console.words import one_line
    from models.vocabulary import OWED_STATES

    states = ("failed",) if failed else OWED_STATES if everything else ("owed", "failed")
    chosen = _options.org()
    with opened() as session:
        which = the_receiver(session, chosen, receiver)["id"] if receiver else None
        found = owed(session, chosen, receiver=which, states=states, most=limit)
    if json:
        _print.as_json(found)
        return
    _print.table(
        [">id", "receiver", "news", "~about", "since", "state", ">tries", "next try", "~last error"],
        [
            (
                str(row["id"]),
                row["receiver"],
                row["kind"],
                one_line(row["subject"], 60),
                row["created_at"],
                f"in {row['folded_into']}" if row["folded_into"] else row["state"],
                row["attempts"],
                row["due_at"] if row["state"] == "owed" else None,
                one_line(row["last_error"] or "", 100),
            )
            for row in found
        ],
        "Nothing is owed to anybody.",
    )


@app.command()
def replay(
    ids: Annotated[list[int] | None, typer.Argument(metavar="ID...", help="News, by its id.")] = None,
    receiver: Receiver = None,
    since: Annotated[
        str | None, typer.Option(metavar="SPAN", help="With --receiver: news of the last 30m, 2h, 3d.")
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="With --receiver: only what was given up.")
    ] = False,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Owe news again: what was given up, or what a receiver took and lost. It bears the same webhook-id as before.

    Examples: earshot owed replay 1204 1205
              earshot owed replay --receiver desk --failed
              earshot owed replay --receiver desk --since 2h
    """
    from console.cli import _print
    from console.database import opened
    from console.owed import parsed_span, replay_to
    from console.owed import replay as owe
    from console.receivers import the_receiver
    from console.words import counted

    if bool(ids) == bool(receiver) or bool(receiver) != bool(since or failed):
        raise typer.BadParameter("say either ids, or --receiver with --failed or --since")
    chosen = _options.org()
    with opened() as session:
        if ids:
            number = owe(session, chosen, ids)
        else:
            row = the_receiver(session, chosen, receiver or "")
            ago = parsed_span(since) if since else None
            number = replay_to(session, chosen, row["id"], ago=ago, failed=failed)
    waits = len(set(ids or ())) - number if ids else 0
    if json:
        _print.as_json({"done": "replayed", "org": chosen, "news": number, "waiting": waits})
        return
    if waits:
        _print.line(f"{counted(waits, 'piece')} of news wait{'s' if waits == 1 else ''} to be told anyway.")
    if number or not waits:
        _print.line(f"{counted(number, 'piece')} of news {'is' if number == 1 else 'are'} owed again.")
