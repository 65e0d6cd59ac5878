"""`earshot import`: accounts, contacts, campaigns and aliases from CSV files, and posts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.cli import _options, posts
from console.cli._options import Commands, as_json, chosen_org

app = Commands(
    no_args_is_help=True,
    help="Bring accounts, contacts, campaigns, aliases and posts in from files.",
)

File = Annotated[Path, typer.Argument(metavar="FILE.csv", help="UTF-8; - reads standard input.")]


@app.command()
def accounts(file: File, org: chosen_org = None, json: as_json = False) -> None:
    """Companies: name, industry, website, phone, owner (a user's e-mail address). Known again by name.

    Example: earshot import accounts accounts.csv
    """
    _bring_in("accounts", file, json)


@app.command()
def contacts(file: File, org: chosen_org = None, json: as_json = False) -> None:
    """People: account, first_name, last_name, email, phone, handles, owner. Known again by e-mail address.

    Handles are written platform:handle with spaces between them, such as
    mastodon:kim@town.example bluesky:kim.example. Without an e-mail address, name and account are the key.

    Example: earshot import contacts contacts.csv
    """
    _bring_in("contacts", file, json)


@app.command()
def campaigns(file: File, org: chosen_org = None, json: as_json = False) -> None:
    """Campaigns: name, type, status, starts_on, ends_on (2026-11-23), hashtags, keywords. Known by name.

    Hashtags and keywords become aliases of the campaign; put commas or semicolons between keywords.

    Example: earshot import campaigns campaigns.csv
    """
    _bring_in("campaigns", file, json)


@app.command()
def aliases(file: File, org: chosen_org = None, json: as_json = False) -> None:
    """Words that stand for somebody: kind, value, platform, of, target, valid_from, valid_to, needs.

    kind: handle, name, domain, hashtag, keyword, utm, email, phone. of: ourselves, account, contact, campaign,
    competitor. target: the account's or campaign's name, the contact's e-mail address or name. needs: words of which
    a post must have one as well, commas between them; a name or keyword that is an ordinary word takes some.

    Example: earshot import aliases aliases.csv
    """
    _bring_in("aliases", file, json)


app.command(cls=posts.TellsColumns)(posts.posts)


def _bring_in(table: str, file: Path, json: bool) -> None:
    import sys
    from dataclasses import asdict

    from console.cli import _print
    from console.csv_file import decoded, read_file
    from console.database import opened_for
    from console.importing import import_csv
    from console.naming import remarks_on_accounts

    name = "standard input" if str(file) == "-" else file.name
    text = decoded(sys.stdin.buffer.read(), name) if str(file) == "-" else read_file(file)
    org = _options.org()
    with opened_for(org) as session:
        told = import_csv(session, org, table, text, name)
        told_too = (
            remarks_on_accounts(session, org) if table == "accounts" and told.added + told.changed else []
        )
    for remark in told_too:
        _print.said(remark)
    for line, reason in told.bad:
        _print.said(f"{name}, line {line}: {reason}")
    if json:
        bad = [{"line": line, "reason": reason} for line, reason in told.bad]
        _print.as_json({**asdict(told), "bad": bad})
    else:
        counts = f"{told.added:,} added, {told.changed:,} changed, {told.same:,} as they were"
        _print.line(f"{table} of {org}: {counts}" + (f", {len(told.bad):,} not taken" if told.bad else ""))
    if told.bad:
        raise typer.Exit(1)
