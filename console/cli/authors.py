"""`earshot authors`: whose posts open nothing, because a person said so."""

from __future__ import annotations

from typing import Annotated

import typer

from console.cli import _options
from console.cli._options import Commands, as_json, chosen_org

app = Commands(no_args_is_help=True, help="Authors whose posts open nothing: trolls, spammers.")

Named = Annotated[
    str,
    typer.Argument(metavar="AUTHOR", help="Platform and handle, like mastodon:kim@town.example, or an id."),
]


@app.command()
def block(named: Named, org: chosen_org = None, json: as_json = False) -> None:
    """Store and score what an author writes, and open nothing for it. Open cases stay open.

    Example: earshot authors block mastodon:troll@town.example
    """
    _set(named, True, json)


@app.command()
def unblock(named: Named, org: chosen_org = None, json: as_json = False) -> None:
    """Let an author's posts open cases again, from now on.

    Example: earshot authors unblock mastodon:troll@town.example
    """
    _set(named, False, json)


@app.command("list")
def list_(org: chosen_org = None, json: as_json = False) -> None:
    """The blocked authors.

    Example: earshot authors list --json
    """
    from console.authors import blocked_authors
    from console.cli import _print
    from console.database import opened
    from console.words import one_line

    with opened() as session:
        found = blocked_authors(session, _options.org())
    if json:
        _print.as_json(found)
        return
    _print.table(
        ["platform", "~handle", "~name", "last heard"],
        [
            (one["platform"], one_line(one["handle"] or ""), one_line(one["name"] or ""), one["last_heard"])
            for one in found
        ],
        "Nobody is blocked.",
    )


def _set(named: str, blocked: bool, json: bool) -> None:
    from console import identities
    from console.authors import block
    from console.cli import _print
    from console.database import opened

    chosen = _options.org()
    with opened() as session:
        author = identities.identity(session, chosen, named)
        changed = block(session, chosen, author.id, blocked=blocked)
    done = "blocked" if blocked else "unblocked"
    if json:
        _print.as_json({"done": done if changed else "same", "author": author.id, "identities": changed})
        return
    _print.line(f"{named} is {done}{'' if changed else ', as before'}.")
