"""`earshot aliases`: by which words accounts, contacts, campaigns and competitors are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cli import _options
from console.cli._options import Commands, as_json, chosen_org

if TYPE_CHECKING:
    from datetime import date

app = Commands(
    no_args_is_help=True,
    help="Handles, names, domains, hashtags, ... of accounts, contacts, campaigns and competitors.",
)

Kind = Annotated[str, typer.Argument(help="handle, name, domain, hashtag, keyword, utm, email, phone")]
Word = Annotated[str, typer.Argument(metavar="WORD", help="The handle, name, domain, ... itself.")]
Account = Annotated[str | None, typer.Option(help="An account, by name.")]
Contact = Annotated[str | None, typer.Option(help="A contact, by e-mail address or name.")]
Campaign = Annotated[str | None, typer.Option(help="A campaign, by name.")]
Competitor = Annotated[str | None, typer.Option(help="A competitor: any name.")]
Platform = Annotated[str | None, typer.Option(help="The platform of a handle.")]


@app.command()
def add(
    kind: Kind,
    word: Word,
    account: Account = None,
    contact: Contact = None,
    campaign: Campaign = None,
    competitor: Competitor = None,
    platform: Platform = None,
    with_: Annotated[
        list[str] | None,
        typer.Option("--with", help="Words of which a post must have one as well; commas between them."),
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", help="First day on which it counts, 2026-11-23.")
    ] = None,
    to: Annotated[str | None, typer.Option(help="Last day on which it counts.")] = None,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Say that a word stands for somebody. What is ours: earshot own add.

    A name, keyword or hashtag that is an ordinary English word is taken with --with only: "target" is mostly not Target.
    What counts for a campaign counts within its dates. Adding again changes the days and the words beside it.
    It counts for posts that come; `earshot rematch` ties those that are there.

    Examples: earshot aliases add name Target --account "Target Corp" --with store,cart,returns
              earshot aliases add handle kim@town.example --platform mastodon --contact kim@acme.example
              earshot aliases add utm spring24 --campaign "Spring launch" --from 2026-03-01 --to 2026-05-31
              earshot aliases add phone "+44 20 7946 0101" --account "Target Corp"
    """
    from console.cli import _print
    from console.database import opened_for
    from console.naming import add_alias, demand_kind, remarks, target
    from console.refusal import BadInput

    chosen, kind = _options.org(), demand_kind(kind)
    days = {"valid_from": _day(from_, "--from"), "valid_to": _day(to, "--to")}
    needs = [one for given in with_ or () for one in given.split(",")]
    if with_ is not None and not any(one.strip() for one in needs):
        raise typer.BadParameter("no word is named", param_hint="--with")
    named = {"account": account, "contact": contact, "campaign": campaign, "competitor": competitor}
    with opened_for(chosen) as session:
        whom = target(session, chosen, named)
        if whom is None:
            raise BadInput("For whom? Say --account, --contact, --campaign or --competitor NAME.")
        outcome, value = add_alias(
            session, chosen, kind, word, whom, platform=platform and platform.lower(), needs=needs, **days
        )
        told = remarks(session, chosen, kind, value, whom)
    for remark in told:
        _print.said(remark)
    if json:
        alias: dict[str, Any] = {
            "kind": kind,
            "value": value,
            "platform": platform and platform.lower(),
            "of": whom.of,
        }
        alias |= {"record": whom.record, "target": whom.label}
        _print.as_json({"done": outcome, "org": chosen, "alias": alias, "remarks": told})
        return
    does = {"added": "stands for", "changed": "now stands otherwise for", "same": "stands already for"}[
        outcome
    ]
    on = f" on {platform.lower()}" if platform else ""
    _print.line(f"The {kind} {value}{on} {does} the {whom.of} {whom.label} (organisation {chosen}).")
    if whom.record and kind != "handle" and outcome != "same":
        _print.line("For what was said before: earshot rematch --since 30d --dry-run")


@app.command("list")
def list_(
    kind: Annotated[str | None, typer.Option(help="Of this kind only.")] = None,
    account: Account = None,
    contact: Contact = None,
    campaign: Campaign = None,
    competitor: Competitor = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=_options.MOST, help="How many at most.")
    ] = 500,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Who is known by which words.

    Example: earshot aliases list --account "Target Corp"
    """
    from console import fleet
    from console.cli import _print
    from console.database import opened
    from console.naming import aliases_of, demand_kind, target

    chosen = _options.org()
    named = {"account": account, "contact": contact, "campaign": campaign, "competitor": competitor}
    with opened() as session:
        whom = target(session, chosen, named)
        found = aliases_of(session, chosen, kind=kind and demand_kind(kind), whom=whom, most=limit)
        unknown = None if found else fleet.unknown(session, chosen)
    if json:
        _print.as_json(found)
        if unknown:
            _print.said(unknown)
        return
    _print.table(
        ["kind", "~word", "~stands for", "~only"],
        [
            (
                row["kind"],
                f"{row['value']} on {row['platform']}" if row["platform"] else row["value"],
                f"{row['of']} {row['target']}" if row["target"] else row["of"],
                _only(row),
            )
            for row in found
        ],
        unknown or 'Nobody has an alias here: earshot aliases add KIND WORD --account "...".',
    )


@app.command()
def remove(
    kind: Kind,
    word: Word,
    account: Account = None,
    contact: Contact = None,
    campaign: Campaign = None,
    competitor: Competitor = None,
    platform: Platform = None,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Let a word stand for somebody no longer. What it matched so far stays.

    Example: earshot aliases remove name Target --account "Target Corp"
    """
    from console.cli import _print
    from console.database import opened
    from console.naming import demand_kind, remove_alias, target

    chosen, kind = _options.org(), demand_kind(kind)
    named = {"account": account, "contact": contact, "campaign": campaign, "competitor": competitor}
    with opened() as session:
        whom = target(session, chosen, named)
        gone = remove_alias(session, chosen, kind, word, platform=platform and platform.lower(), whom=whom)
    if json:
        _print.as_json({"done": "removed", "org": chosen, "alias": gone})
        return
    whose = f"the {gone['of']} {gone['target']}" if gone["target"] else gone["of"]
    _print.line(f"The {kind} {gone['value']} stands for {whose} no longer (organisation {chosen}).")


def _only(row: dict[str, Any]) -> str:
    """When an alias counts: beside which words, on which days. Empty: always."""
    told = [f"with {' or '.join(row['needs'])}"] if row["needs"] else []
    told += [f"from {row['valid_from']}"] if row["valid_from"] else []
    told += [f"until {row['valid_to']}"] if row["valid_to"] else []
    return ", ".join(told)


def _day(words: str | None, option: str) -> date | None:
    from datetime import date

    if words is None:
        return None
    try:
        return date.fromisoformat(words)
    except ValueError:
        raise typer.BadParameter(f"{words!r} is no day like 2026-11-23", param_hint=option) from None
