"""`earshot credentials`: the keys to platforms. A secret is never an argument: `ps` would show it."""

from __future__ import annotations

from typing import Annotated

import typer

from console.cli import _options
from console.cli._options import Commands, as_json, chosen_org

app = Commands(no_args_is_help=True, help="Keys to platforms; kept encrypted, never shown.")


@app.command()
def add(
    platform: Annotated[str, typer.Argument(help="mastodon, bluesky, ...")],
    account: Annotated[str, typer.Argument(help="The account: acme@mastodon.social, acme.bsky.social.")],
    host: Annotated[str | None, typer.Option(help="Its server, where the account does not name it.")] = None,
    from_env: Annotated[
        str | None, typer.Option("--from-env", metavar="NAME", help="The variable that holds the secret.")
    ] = None,
    org: chosen_org = None,
) -> None:
    """Keep the secret of an account: an access token (Mastodon) or an app password (Bluesky).

    The secret is asked for, or read from standard input when that is no terminal, or from a variable. The
    account is ours from then on. Given again, the secret is replaced, and sources that waited for it go on.

    Examples: earshot credentials add bluesky acme.bsky.social
              earshot credentials add mastodon acme@mastodon.social < token.txt
    """
    from console.cli import _print
    from console.database import opened_for
    from console.keys import account_on, add_credential

    chosen = _options.org()
    account_on(platform, account, host)  # nobody is asked for a secret that cannot be kept
    secret = _secret(from_env, f"Secret of {account} on {platform}")
    with opened_for(chosen) as session:
        _, woken = add_credential(session, chosen, platform, account, secret, host)
    _print.line(f"The secret of {account} on {platform} is kept, encrypted (organisation {chosen}).")
    if woken:
        _print.line(f"Sources that waited for it and go on now: {woken}.")


@app.command("list")
def list_(org: chosen_org = None, json: as_json = False) -> None:
    """The credentials, without their secrets."""
    from console.cli import _print
    from console.database import opened
    from console.keys import credentials

    with opened() as session:
        found = credentials(session, _options.org())
    if json:
        _print.as_json(found)
        return
    _print.table(
        ["platform", "account", "server", "state", ">sources", "~last error"],
        [
            (row["platform"], row["identifier"], row["host"], row["state"], row["sources"], row["last_error"])
            for row in found
        ],
        "There are no credentials yet: earshot credentials add PLATFORM ACCOUNT.",
    )


def _secret(variable: str | None, prompt: str) -> str:
    import getpass
    import os
    import sys

    from console.refusal import CannotDo

    if variable is not None:
        if variable not in os.environ:
            raise CannotDo(f"The environment has no variable {variable}.")
        return os.environ[variable]
    if sys.stdin.isatty():
        return getpass.getpass(f"{prompt}: ")
    return sys.stdin.read()
