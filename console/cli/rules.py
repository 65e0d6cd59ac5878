"""`earshot rules`: when a Ticket or an Activity is opened, who becomes a Lead, and of what people are told."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from console.cli import _options, rules_test
from console.cli import _rule_options as of
from console.cli._options import Commands, as_json, chosen_org

app = Commands(
    no_args_is_help=True, help="When what is opened, and for whom: scope, threshold, words, means, spikes."
)

app.command("test")(rules_test.backtest)

Named = Annotated[str, typer.Argument(metavar="RULE", help="Its name, how that begins, or its id.")]
_TRIES = 4


@app.command("list")
def list_(org: chosen_org = None, json: as_json = False) -> None:
    """The rules: whose posts, from which score on, what follows, and how many of their cases were right.

    Right are those that nobody marked wrong, of the cases that are closed or judged: closed without a verdict counts
    as right.

    Example: earshot rules list --json
    """
    from console import fleet
    from console.cli import _print
    from console.database import opened
    from console.rule_told import does, right, state, when, whose
    from console.rules import judged, rules

    with opened() as session:
        found = rules(session, _options.org())
        judged(session, _options.org(), found)
        unknown = None if found else fleet.unknown(session, _options.org())
    if json:
        _print.as_json(found)
        if unknown:
            _print.said(unknown)
        return
    _print.table(
        ["~name", "~of", "~when", "~opens", ">right"],
        [(f"{one['name']}{state(one)}", whose(one), when(one), does(one), right(one)) for one in found],
        unknown or "There are no rules: nothing is opened. earshot rules add NAME ...",
    )


@app.command()
def show(named: Named, org: chosen_org = None, json: as_json = False) -> None:
    """One rule as a sentence, what it has done so far, and how often it was right.

    Example: earshot rules show "A complaint to us"
    """
    from console.cli import _print
    from console.database import opened
    from console.rule_told import told
    from console.rules import counted, judged, the_rule

    with opened() as session:
        rule = the_rule(session, _options.org(), named)
        judged(session, _options.org(), [rule])
        done = counted(session, rule)
    if json:
        _print.as_json({**rule, **done})
        return
    _print.fact("rule", rule["name"] + ("" if rule["enabled"] else " (disabled)"))
    _print.fact("means", f"{told(rule)}.")
    for name, words in _done(rule, done):
        _print.fact(name, words)
    _print.fact("id", str(rule["id"]))


def _done(rule: dict[str, Any], done: dict[str, Any]) -> list[tuple[str, str]]:
    from console.words import counted as so_many
    from console.words import score

    of_most = f" of at most {rule['per_day']:,}" if rule["per_day"] else ""
    facts: list[tuple[str, str]] = []
    if rule["action"] == "lead":
        made, today = done["leads"], done["leads_today"]
        facts.append(("leads", f"{made:,} made, {today:,} of them{of_most} in the last 24 hours"))
    elif rule["action"] == "notify":
        facts.append(("told", f"of {so_many(done['told'], 'post')} that opened nothing"))
    else:
        opened, today = f"{done['cases']:,} opened or raised", f"{done['cases_today']:,}{of_most}"
        facts.append(("cases", f"{opened}, {done['open']:,} of them open; {today} in the last 24 hours"))
    found = rule["precision"]
    if found and found["judged"]:
        facts.append(
            ("right", f"{found['judged'] - found['wrong']:,} of {found['judged']:,} closed or judged")
        )
    elif found:
        facts.append(("right", "none of its cases is closed or judged yet"))
    if done["over"]:
        over = f"{so_many(done['over'], 'post')} came after its number in 24 hours and opened nothing"
        facts.append(("too many", f"{over}: earshot cases --held"))
    if done["held_back"]:
        listed = ": earshot leads --held-back" if rule["action"] == "lead" else ""
        facts.append(("held back", so_many(done["held_back"], "post") + listed))
    if rule["suggests"]:
        since = f" since {rule['suggests_since']:%Y-%m-%d}" if rule["suggests_since"] else ""
        alarms = sum(one["fired_at"] is not None and one["case"] is None for one in done["alarms"])
        many = so_many(alarms, "alarm") if rule["trigger"] != "post" else so_many(done["suggested"], "post")
        so_far = f"only{since}: {many} would have opened something"
        again = f"earshot rules enable {str(rule['id'])[-8:]} lets it open again"
        facts.append(("suggests", f"{so_far}; {again}, earshot cases --suggested lists what it would have"))
    if rule["owner_id"]:
        facts.append(("whose", rule["names"].get(str(rule["owner_id"]), "(gone)")))
    for one in done["alarms"]:
        stands = f"fired {one['fired_at']:%Y-%m-%d %H:%M} UTC" if one["fired_at"] else "not fired"
        value = "–" if one["value"] is None else f"{one['value']:g} to {one['baseline'] or 0:g}"
        value = score(one["value"]) if rule["trigger"] == "mean" else value
        facts.append(("stands", f"{one['name']}: {value} of {so_many(one['n'], 'post')}, {stands}"))
    return facts


@app.command()
@of.takes()
def add(
    name: Annotated[str, typer.Argument(help="What people call it.")],
    action: Annotated[str, typer.Option(help="ticket, activity, lead or notify.")],
    *,
    given: of.Given,
    broad: of.Broad = False,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Add a rule. It counts for what is said from now on, within 30 s.

    Audiences: addressed mentions, answers or reviews us; customer is a contact's post to us or about us; named is
    about us or names an account or a campaign of ours. A lead is made of a stranger only: of nobody who is a
    contact, an account's, a lead already, or has an open case; once, and at most so many in 24 hours. notify opens
    nothing and tells the receivers.

    With --stars a rule asks for a review's stars; a rule without them never takes one of 4 or 5 for a complaint.

    A mean or a spike counts every stored post of its platforms, languages, campaigns or accounts by the hour, whoever
    it is for, competitors' too, but no reposts and none of ours. It fires once, and again only when it was over. A
    spike wants two days of what was heard before; the hour that has begun counts for its part. What a source brings of
    the time before it was followed does not count.

    Examples: earshot rules add "Refunds" --action ticket --audience addressed --threshold 0 --words "refund, money back"
              earshot rules add "Looking for coffee" --action lead --audience named --words "looking for, recommend"
              earshot rules add Spring --action ticket --audience named --threshold -0.4 --campaign "Spring launch"
              earshot rules add "Mood" --action ticket --trigger mean --over 24h --threshold -0.2 --rearm 0 --minimum 30
              earshot rules add "Storm" --action notify --trigger spike --over 3h --factor 3 --minimum 50
    """
    from console.cli import _print
    from console.database import opened_for
    from console.rule_told import told
    from console.rules import add_rule

    chosen = _options.org()
    values = of.values(given | {"name": name, "action": action})
    if given["words"] is not None and not values["words"]:
        values["words"] = None
    with opened_for(chosen) as session:
        rule = add_rule(session, chosen, values, broad=broad)
        warnings = _warnings(session, chosen, rule)
    if json:
        _print.as_json({"done": "added", "org": chosen, "rule": rule})
    else:
        _print.line(f"Added {rule['name']!r} (organisation {chosen}): {told(rule)}.")
    for words_ in warnings:
        _print.said(words_)


@app.command("set")
@of.takes()
def set_(
    named: Named,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    action: Annotated[str | None, typer.Option(help="ticket, activity, lead or notify.")] = None,
    *,
    given: of.Given,
    broad: of.Broad = False,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Change what is given of a rule; the rest stays, and "" takes a scope, words, an owner or quiet hours away.

    What it opened before stays as it is.

    Examples: earshot rules set "A complaint to us" --threshold -0.5
              earshot rules set Refunds --words "refund, money back, chargeback" --priority urgent
              earshot rules set Refunds --campaign "" --quiet 22:00-07:00 --zone Europe/Berlin
    """
    from console.cli import _print
    from console.database import opened
    from console.rules import set_rule

    values = of.values(given | {"name": name, "action": action})
    if not values:
        raise typer.BadParameter("nothing to change: --threshold, --words, --priority, ...")
    chosen = _options.org()
    with opened() as session:
        before, rule = set_rule(session, chosen, named, values, broad=broad)
        warnings = _warnings(session, chosen, rule) if rule != before and rule["enabled"] else []
    _changed(chosen, before, rule, json)
    for words_ in warnings:
        _print.said(words_)


@app.command()
def enable(named: Named, org: chosen_org = None, json: as_json = False) -> None:
    """Let a rule count again, for what is said from now on; one that only suggests opens again.

    How often it is right is counted anew from then on.

    Example: earshot rules enable "Bad talk about us or ours"
    """
    _switch(named, True, json)


@app.command()
def disable(named: Named, org: chosen_org = None, json: as_json = False) -> None:
    """Let a rule open nothing more. What it opened stays.

    Example: earshot rules disable "Bad talk about us or ours"
    """
    _switch(named, False, json)


@app.command()
def remove(named: Named, org: chosen_org = None, json: as_json = False) -> None:
    """Take a rule away. Cases and leads that it opened stay and name no rule any more.

    Example: earshot rules remove Refunds
    """
    from sqlalchemy.exc import OperationalError

    from console.cli import _print
    from console.database import opened
    from console.rules import remove_rule
    from console.words import counted

    chosen = _options.org()
    for attempt in range(_TRIES):
        try:
            with opened() as session:
                gone, waiting = remove_rule(session, chosen, named)
            break
        except OperationalError as error:
            # whoever writes a post of the rule at this moment holds what we want, and wants the rule
            if attempt == _TRIES - 1 or getattr(error.orig, "sqlstate", None) != "40P01":
                raise
    if json:
        _print.as_json({"done": "removed", "org": chosen, "rule": gone, "waiting": waiting})
        return
    _print.line(f"Removed {gone['name']!r} (organisation {chosen}); what it opened stays.")
    if waiting:
        _print.said(
            f"Warning: {counted(waiting, 'post')} that crossed it are held by a crisis switch still, and `earshot crisis"
            " release` decides by the rules that are left; `earshot crisis list` shows them."
        )


def _switch(named: str, enabled: bool, json: bool) -> None:
    from console.database import opened
    from console.rules import switch_rule

    with opened() as session:
        before, rule = switch_rule(session, _options.org(), named, enabled)
    _changed(_options.org(), before, rule, json)


def _changed(org: str, before: dict[str, Any], rule: dict[str, Any], json: bool) -> None:
    from console.cli import _print
    from console.rule_told import told

    same = before == rule
    if json:
        done = "same" if same else "changed"
        _print.as_json({"done": done, "org": org, "rule": rule, "before": before})
        return
    state = "" if rule["enabled"] else " (disabled)"
    _print.line(f"{rule['name']!r}{state}{', as before' if same else ''}: {told(rule)}.")
    if before["suggests"] and not rule["suggests"]:
        _print.line("It opens again; how often it is right is counted from now on.")


def _warnings(session: Any, org: str, rule: dict[str, Any]) -> list[str]:
    """What may not be meant, though it can be done."""
    from console.rules import anybody_hears

    told = []
    if rule["action"] == "notify" and not anybody_hears(session, org):
        told.append("There is no receiver that hears of it yet: earshot receivers add webhook NAME URL")
    if rule["rating"] is not None or rule["words"] or rule["trigger"] != "post":
        return told
    if rule["action"] in ("ticket", "activity") and rule["threshold"] >= 0:
        told.append("Most posts are no complaint and score 0 or more: this opens something for them as well.")
    if rule["action"] == "lead" and rule["threshold"] >= 1:
        told.append(
            "Without --words every stranger of this audience becomes a lead, up to the number per day."
        )
    return told
