"""`earshot credentials`: the keys to platforms. A secret is never an argument: `ps` would show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from console.cli import _options
from console.cli._options import Commands, as_json, chosen_org

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from console.checking import Checked
    from console.rotation import Turned

app = Commands(no_args_is_help=True, help="Keys to platforms; kept encrypted, never shown.")

Platform = Annotated[str, typer.Argument(help="mastodon, bluesky, ...")]
Host = Annotated[str | None, typer.Option(help="Its server, where the account does not name it.")]


class _TellsSecrets(TyperCommand):
    """A command whose help says what the secret is on each platform; the platforms are read only when it is asked for."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from connectors import connectors
        from console.keys import secret_of

        taking = [
            name
            for name, one in connectors().items()
            if any(need.credential != "none" for need in one.watches.values())
        ]
        told = "\n".join(f"{name}: {secret_of(name)}" for name in taking)
        self.help = f"{self.help}\n\nThe secret is\n{told}"
        super().format_help(ctx, formatter)


@app.command(cls=_TellsSecrets)
def add(
    platform: Platform,
    account: Annotated[str, typer.Argument(help="The account: acme@mastodon.social, acme.bsky.social.")],
    host: Host = None,
    from_env: Annotated[
        str | None, typer.Option("--from-env", metavar="NAME", help="The variable that holds the secret.")
    ] = None,
    org: chosen_org = None,
) -> None:
    """Keep the secret of an account, encrypted.

    The secret is asked for, or read from standard input when that is no terminal, or from a variable. The
    account is ours from then on. Given again, the secret is replaced, and sources that waited for it, or were switched
    off for want of one, go on where they stood.

    Examples: earshot credentials add bluesky acme.bsky.social
              earshot credentials add mastodon acme@mastodon.social < token.txt
    """
    from console.cli import _print
    from console.database import opened_for
    from console.keys import account_on, add_credential, secret_of

    chosen = _options.org()
    account_on(platform, account, host)  # nobody is asked for a secret that cannot be kept
    secret = secret_given(from_env, f"The secret of {account} on {platform} ({secret_of(platform)})")
    with opened_for(chosen) as session:
        _, woken = add_credential(session, chosen, platform, account, secret, host)
    _print.line(f"The secret of {account} on {platform} is kept, encrypted (organisation {chosen}).")
    if woken:
        _print.line(f"Sources that waited for it and go on now: {woken}.")


@app.command("list")
def list_(org: chosen_org = None, json: as_json = False) -> None:
    """The credentials, without their secrets: in which state, when they end, and what their sources would lack.

    What ends renews itself where the platform lets it; `earshot credentials check` asks the platforms anew.
    """
    from console.cli import _print
    from console.database import opened
    from console.keys import credentials

    with opened() as session:
        found = credentials(session, _options.org())
    if json:
        _print.as_json(found)
        return
    _print.table(
        ["platform", "account", "server", "state", "ends", ">sources", "~lacks", "~last error"],
        [
            (
                row["platform"],
                row["identifier"],
                row["host"],
                row["state"],
                _ends(row),
                row["sources"],
                ", ".join(row["lacks"]),
                row["last_error"],
            )
            for row in found
        ],
        "There are no credentials yet: earshot credentials add PLATFORM ACCOUNT.",
    )


@app.command()
def check(
    platform: Annotated[str | None, typer.Argument(help="mastodon, bluesky, ...; or all (default).")] = None,
    account: Annotated[str | None, typer.Argument(help="One account; default: all of the platform.")] = None,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Ask the platforms about credentials: whose they are, what they may do, when they end.

    Each kind of watch needs scopes; what a source would lack is named. A credential that was refused and is good
    again goes on, with its sources, where it stood. Trouble on the platform's side changes nothing. The exit code is 1
    when something is wrong.

    Examples: earshot credentials check
              earshot credentials check mastodon acme@mastodon.social
    """
    from console.checking import check, chosen, found
    from console.cli import _print
    from console.database import opened

    mine = _options.org()
    with opened() as session:
        rows = chosen(session, mine, platform, account)
    standings = check(rows)
    with opened() as session:
        told = found(session, mine, rows, standings)
    if json:
        _print.as_json([_as_value(one) for one in told])
    else:
        for one in told:
            mark, style = ("wrong", "bold red") if one.wrong else ("ok", "green")
            name = f"{one.row['identifier']} on {one.row['platform']}"
            lines = list(_lines(one))
            _print.finding(mark, style, name, f"  {lines[0]}", "")
            for line in lines[1:]:
                _print.line(f"{'':<6}{line}")
    if any(one.wrong for one in told):
        raise typer.Exit(1)


@app.command()
def remove(
    platform: Platform,
    account: Annotated[str, typer.Argument(help="The account, as `earshot credentials list` shows it.")],
    host: Host = None,
    org: chosen_org = None,
) -> None:
    """Forget a credential. What was heard stays, and the account stays ours.

    Sources that can do without go on without; the others wait, with their place kept, until a credential for that
    platform is added again.

    Example: earshot credentials remove mastodon acme@mastodon.social
    """
    from console.cli import _print
    from console.database import opened
    from console.keys import base_url, known_platform, remove_credential, the_credential
    from console.refusal import CannotDo

    chosen = _options.org()
    known_platform(platform)
    with opened() as session:
        row = the_credential(session, chosen, platform, base_url(host) if host else None, account)
        if row is None:
            raise CannotDo(f"There is no credential for {platform}; see `earshot credentials list`.")
        waiting, without = remove_credential(session, chosen, row)
    _print.line(f"The credential of {row['identifier']} on {platform} is forgotten.")
    if waiting:
        again = f"earshot credentials add {platform} ACCOUNT"
        _print.line(f"Sources that wait for another one, with their place kept: {waiting} ({again}).")
    if without:
        _print.line(f"Sources that go on without: {without}.")


@app.command()
def rotate(json: as_json = False) -> None:
    """Encrypt all secrets and sessions anew under the first key of the setting, so that an older key can go.

    EARSHOT_ENCRYPTION_KEY (or the file) holds several keys, the newest first; all of them open, the first one closes.
    To change a key: put the new one behind the old one and restart the fleet; put it first and restart; run this; take
    the old one out and restart. Safe to repeat and to stop; it concerns every organisation of the database.

    Example: earshot credentials rotate
    """
    from sqlalchemy.orm import sessionmaker

    from console.cli import _print
    from console.database import engine, opened
    from console.rotation import everything, rotate

    with opened() as session:
        ids = everything(session)
    turned = list(_bar(rotate(sessionmaker(engine()), ids), len(ids)))
    kinds = {what: [one for one in turned if one.what == what] for what in ("moved", "there", "locked")}
    if json:
        locked = [
            {"org": one.org, "platform": one.platform, "account": one.identifier} for one in kinds["locked"]
        ]
        _print.as_json({"moved": len(kinds["moved"]), "there": len(kinds["there"]), "locked": locked})
    else:
        _print.line(
            f"Encrypted anew under the first key: {len(kinds['moved'])}."
            f" There already: {len(kinds['there'])}."
        )
        for one in kinds["locked"]:
            of = "" if one.org == _options.org() else f" of {one.org}"
            _print.finding("wrong", "bold red", f"{one.identifier} on {one.platform}{of}",
                           "  none of the keys opens it", "Put its key back into the setting, or give the"
                           f" secret anew: {one.mends}")  # fmt: skip
    if kinds["locked"]:
        raise typer.Exit(1)


def _ends(row: dict[str, Any]) -> str:
    if row["expires_at"] is None:
        return ""
    return f"{row['expires_at']:%Y-%m-%d %H:%M}" + (", renews" if row["renews"] else "")


def _lines(one: Checked) -> Iterator[str]:
    """What a check found, the verdict first."""
    row, held = one.row, one.standing.held
    match one.standing.answer:
        case "good":
            whose = (held.handle or held.account_id) if held else None
            yield "good" + (f"; it is {whose}'s" if whose else "; it is an app's, no account's")
        case "refused":
            yield f"refused: {one.standing.said}"
            yield f"To mend it: {one.mends}"
        case "locked":
            yield f"not opened: {one.standing.said}"
            yield f"Put its key back into EARSHOT_ENCRYPTION_KEY, or give the secret anew: {one.mends}"
        case "unanswered":
            yield f"no answer: {one.standing.said}"
            yield "Nothing was changed; ask again in a while."
        case "unasked":
            yield f"not asked: {row['platform']} has no way to ask, only a visit to a source can tell"
    if row["scopes"] is not None:
        yield f"Granted: {', '.join(row['scopes']) or 'nothing'}."
        for kind, scopes in one.kinds.items():
            if scopes:
                yield f"Following {kind} would lack: {', '.join(scopes)}."
    for source in one.lacking:
        yield (
            f"The source {source['kind']} {source['term']} lacks {', '.join(source['lacks'])}: grant it on"
            f" {row['platform']}, then {one.mends}"
        )
    if row["expires_at"] is not None:
        by_itself = "renews by itself before that" if row["renews"] else "cannot be renewed by itself"
        yield f"Ends {row['expires_at']:%Y-%m-%d %H:%M} UTC, {by_itself}."
        if row["ends_soon"] and one.standing.answer == "good":
            yield f"That is soon: {one.mends}"


def _as_value(one: Checked) -> dict[str, Any]:
    held = one.standing.held
    return {
        **{name: one.row[name] for name in ("id", "platform", "identifier", "host", "state", "scopes")},
        "answer": one.standing.answer,
        "said": one.standing.said,
        "account_id": held.account_id if held else None,
        "handle": held.handle if held else None,
        "expires_at": one.row["expires_at"],
        "renews": one.row["renews"],
        "checked_at": one.row["checked_at"],
        "kinds_lack": {kind: scopes for kind, scopes in one.kinds.items() if scopes},
        "sources_lack": one.lacking,
        "wrong": one.wrong,
        "mends": one.mends,
    }


def _bar(turned: Iterable[Turned], waiting: int) -> Iterator[Turned]:
    """The credentials, with a bar on standard error where that is a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    yield from track(
        turned, "rotating", waiting, console=console, transient=True, disable=not console.is_terminal
    )


def secret_given(variable: str | None, prompt: str) -> str:
    """A secret from a variable, asked for on a terminal, or read from standard input."""
    import getpass
    import os
    import sys

    from console.refusal import BadInput

    if variable is not None:
        if variable not in os.environ:
            raise BadInput(f"The environment has no variable {variable}.")
        return os.environ[variable]
    if sys.stdin.isatty():
        return getpass.getpass(f"{prompt}: ")
    return sys.stdin.read()
