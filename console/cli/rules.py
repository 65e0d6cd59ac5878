"""`earshot rules`: when a Ticket or an Activity is opened, and who becomes a Lead."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from console.cli import _options
from console.cli._options import Commands, as_json, chosen_org

app = Commands(no_args_is_help=True, help="When what is opened, and for whom: audience, threshold, words.")

Named = Annotated[str, typer.Argument(metavar="RULE", help="Its name, how that begins, or its id.")]
Audience = Annotated[str | None, typer.Option(help="addressed, customer or named.")]
Threshold = Annotated[float | None, typer.Option(help="Posts that score this or less; -1 to 1.")]
Action = Annotated[str | None, typer.Option(help="ticket, activity or lead.")]
Priority = Annotated[str | None, typer.Option(help="Of the Ticket: low, normal, high, urgent.")]
Words = Annotated[
    list[str] | None,
    typer.Option(help="Phrases of which the post must have one; commas between them."),
]
OtherWords = Annotated[
    list[str] | None,
    typer.Option(
        "--words", help='Phrases of which the post must have one, commas between them; "" for none.'
    ),
]
Stars = Annotated[
    int | None, typer.Option(help="Reviews with so many stars or fewer, whatever their words; 1 to 5.")
]
OtherStars = Annotated[
    int | None,
    typer.Option("--stars", help="Reviews with so many stars or fewer; 1 to 5, 0 to ask for none."),
]
_TRIES = 4
PerDay = Annotated[int | None, typer.Option(help="How many leads in 24 hours at most (default: 20).")]


@app.command("list")
def list_(org: chosen_org = None, json: as_json = False) -> None:
    """The rules: whose posts, from which score on, with which words, and what follows.

    Example: earshot rules list --json
    """
    from console import fleet
    from console.cli import _print
    from console.database import opened
    from console.rules import rules

    with opened() as session:
        found = rules(session, _options.org())
        unknown = None if found else fleet.unknown(session, _options.org())
    if json:
        _print.as_json(found)
        if unknown:
            _print.said(unknown)
        return
    _print.table(
        ["~name", "audience", ">score", ">stars", "opens", "priority", "~words", ">per day", "enabled"],
        [
            (
                rule["name"],
                rule["audience"],
                "any" if rule["threshold"] >= 1 else f"{rule['threshold']:+.2f}",
                rule["rating"],
                rule["action"],
                rule["priority"] if rule["action"] == "ticket" else None,
                ", ".join(rule["words"]),
                rule["per_day"],
                rule["enabled"],
            )
            for rule in found
        ],
        unknown or "There are no rules: nothing is opened. earshot rules add NAME ...",
    )


@app.command()
def show(named: Named, org: chosen_org = None, json: as_json = False) -> None:
    """One rule as a sentence, and what it has done so far.

    Example: earshot rules show "A complaint to us"
    """
    from console.cli import _print
    from console.database import opened
    from console.rules import counted, the_rule, told

    with opened() as session:
        rule = the_rule(session, _options.org(), named)
        done = counted(session, rule)
    if json:
        _print.as_json({**rule, **done})
        return
    _print.fact("rule", rule["name"] + ("" if rule["enabled"] else " (disabled)"))
    _print.fact("means", told(rule))
    if rule["action"] == "lead":
        _print.fact("leads", f"{done['leads']:,} made, {done['leads_today']:,} of them in the last 24 hours")
    else:
        _print.fact("cases", f"{done['cases']:,} opened or raised, {done['open']:,} of them open")
    _print.fact("id", str(rule["id"]))


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What people call it.")],
    action: Annotated[str, typer.Option(help="ticket, activity or lead.")],
    audience: Annotated[str, typer.Option(help="addressed, customer or named.")],
    threshold: Annotated[
        float | None, typer.Option(help="Posts that score this or less; -1 to 1. For leads and stars: any.")
    ] = None,
    stars: Stars = None,
    priority: Priority = None,
    words: Words = None,
    per_day: PerDay = None,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Add a rule. It counts for what is said from now on, within 30 s.

    Audiences: addressed mentions, answers or reviews us; customer is a contact's post to us or about us; named is
    about us or names an account or a campaign of ours. A lead is made of a stranger only: of nobody who is a
    contact, an account's, a lead already, or has an open case; once, and at most so many in 24 hours.

    With --stars a rule asks for a review's stars; a rule without them never takes one of 4 or 5 for a complaint.

    Examples: earshot rules add "Refunds" --action ticket --audience addressed --threshold 0 --words "refund, money back"
              earshot rules add "Looking for coffee" --action lead --audience named --words "looking for, recommend"
    """
    from console.cli import _print
    from console.database import opened_for
    from console.rules import add_rule, the_rule, told

    if threshold is None and (action.lower() == "lead" or stars is not None):
        threshold = 1.0
    given = {"priority": priority, "per_day": per_day, "threshold": threshold, "rating": stars}
    values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    phrases: list[str] | None = _phrases(words)
    if words is not None and not any(phrase.strip() for phrase in phrases or ()):
        phrases = None
    values |= {"name": name, "audience": audience, "action": action, "words": phrases}
    chosen = _options.org()
    with opened_for(chosen) as session:
        made = add_rule(session, chosen, values)
        rule = the_rule(session, chosen, made.name)
    if json:
        _print.as_json({"done": "added", "org": chosen, "rule": rule})
    else:
        _print.line(f"Added {made.name!r} (organisation {chosen}): {told(made.model_dump())}.")
    _warn(made.model_dump())


@app.command("set")
def set_(
    named: Named,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    action: Action = None,
    audience: Audience = None,
    threshold: Threshold = None,
    stars: OtherStars = None,
    priority: Priority = None,
    words: OtherWords = None,
    per_day: PerDay = None,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Change what is given of a rule; the rest stays. What it opened before stays as it is.

    Examples: earshot rules set "A complaint to us" --threshold -0.5
              earshot rules set Refunds --words "refund, money back, chargeback" --priority urgent
    """
    given: dict[str, Any] = {"name": name, "action": action, "audience": audience, "threshold": threshold}
    given |= {"priority": priority, "per_day": per_day, "words": None if words is None else _phrases(words)}
    values = {name: value for name, value in given.items() if value is not None}
    if stars is not None:
        values["rating"] = stars or None
    if not values:
        raise typer.BadParameter("nothing to change: --threshold, --words, --priority, ...")
    _change(named, values, json)


@app.command()
def enable(named: Named, org: chosen_org = None, json: as_json = False) -> None:
    """Let a rule count again, for what is said from now on.

    Example: earshot rules enable "Bad talk about us or ours"
    """
    _change(named, {"enabled": True}, json)


@app.command()
def disable(named: Named, org: chosen_org = None, json: as_json = False) -> None:
    """Let a rule open nothing more. What it opened stays.

    Example: earshot rules disable "Bad talk about us or ours"
    """
    _change(named, {"enabled": False}, json)


@app.command()
def remove(named: Named, org: chosen_org = None, json: as_json = False) -> None:
    """Take a rule away. Cases and leads that it opened stay and name no rule any more.

    Example: earshot rules remove Refunds
    """
    from sqlalchemy.exc import OperationalError

    from console.cli import _print
    from console.database import opened
    from console.rules import remove_rule

    chosen = _options.org()
    for attempt in range(_TRIES):
        try:
            with opened() as session:
                gone = remove_rule(session, chosen, named)
            break
        except OperationalError as error:
            # whoever writes a post of the rule at this moment holds what we want, and wants the rule
            if attempt == _TRIES - 1 or getattr(error.orig, "sqlstate", None) != "40P01":
                raise
    if json:
        _print.as_json({"done": "removed", "org": chosen, "rule": gone})
        return
    _print.line(f"Removed {gone['name']!r} (organisation {chosen}); what it opened stays.")


def _change(named: str, values: dict[str, Any], json: bool) -> None:
    from console.cli import _print
    from console.database import opened
    from console.rules import set_rule, the_rule, told

    chosen = _options.org()
    with opened() as session:
        before, made = set_rule(session, chosen, named, values)
        rule = the_rule(session, chosen, str(before["id"]))
    now = made.model_dump()
    same = all(
        tuple(before[name]) == now[name] if name == "words" else before[name] == now[name] for name in now
    )
    state = "" if made.enabled else " (disabled)"
    if json:
        done = "same" if same else "changed"
        _print.as_json({"done": done, "org": chosen, "rule": rule, "before": before})
    else:
        _print.line(f"{made.name!r}{state}{', as before' if same else ''}: {told(now)}.")
    if not same and made.enabled:
        _warn(now)


def _phrases(words: list[str] | None) -> list[str]:
    return [phrase for given in words or () for phrase in given.split(",")]


def _warn(rule: dict[str, Any]) -> None:
    from console.cli import _print

    if rule["rating"] is not None:
        return
    if rule["action"] != "lead" and rule["threshold"] >= 0 and not rule["words"]:
        _print.said("Most posts are no complaint and score 0 or more: this opens something for them as well.")
    if rule["action"] == "lead" and not rule["words"] and rule["threshold"] >= 1:
        _print.said(
            "Without --words every stranger of this audience becomes a lead, up to the number per day."
        )
