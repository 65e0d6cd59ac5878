"""`earshot users`: who may sign in to the console, and in what role."""

from __future__ import annotations

from typing import Annotated

import typer

from console.cli import _options
from console.cli._options import Commands, as_json, chosen_org

app = Commands(no_args_is_help=True, help="Who may sign in to the console, and in what role.")


@app.command()
def add(
    email: Annotated[str, typer.Argument(help="The person's e-mail address.")],
    role: Annotated[str, typer.Option(help="ops, marketing, support or admin.")],
    name: Annotated[str, typer.Option(help="What the person is called, where the CRM does not say it.")] = "",
    org: chosen_org = None,
) -> None:
    """Let somebody sign in to the console, or give them another password or role.

    Asks for the password, or reads it from standard input. Sessions there were are ended.

    Example: earshot users add ann@acme.example --role ops
    """
    from console.cli import _print
    from console.cli.credentials import secret_given
    from console.database import opened_for
    from console.sign_ins import give
    from models.vocabulary import ROLES

    if role not in ROLES:
        raise typer.BadParameter(f"one of {', '.join(ROLES)}", param_hint="--role")
    password = secret_given(None, "Password").rstrip("\r\n")
    with opened_for(_options.org()) as session:
        new = give(session, _options.org(), email, name, role, password)
    _print.line(f"{email} may sign in as {role}." if new else f"{email} has a new password, as {role}.")


@app.command(name="list")
def list_(org: chosen_org = None, json: as_json = False) -> None:
    """Everybody who may sign in.

    Example: earshot users list --json
    """
    from console import fleet
    from console.cli import _print
    from console.database import opened
    from console.sign_ins import listed
    from console.words import one_line, since

    with opened() as session:
        moment, found = fleet.now(session), listed(session, _options.org())
    if json:
        _print.as_json(found)
        return
    _print.table(
        ["address", "name", "role", ">last seen"],
        [
            (one["email"], one_line(one["name"], 40), one["role"], since(one["seen_at"], moment))
            for one in found
        ],
        "Nobody may sign in yet: earshot users add EMAIL --role admin.",
    )
