"""What is changed about a rule on its page: its threshold, whether it counts, whether it is there at all."""

from __future__ import annotations

from starlette.responses import Response

from console.refusal import CannotDo
from console.rule_form import seen
from console.rule_told import told
from console.rules import counted, remove_rule, rules, set_rule, switch_rule, waiting
from console.web.asked import Ask
from console.web.rules.whole import shown, the_one
from console.words import counted as so_many


def threshold(ask: Ask) -> Response:
    """Another threshold; it is heard by all workers within 30 seconds."""
    rule, typed = the_one(ask), ask.fields.get("threshold", "").strip()
    if ask.fields.get("was") != f"{rule['threshold']:.2f}":
        said = f"Somebody set it to {rule['threshold']:+.2f} meanwhile. Look at it again, then decide."
        return shown(ask, rule, said, typed, 409)
    try:
        value = float(typed.replace("−", "-"))
    except ValueError:
        return shown(ask, rule, "A threshold is a number from -1 to 1.", typed, 422)
    try:
        before, after = set_rule(ask.session, ask.who.org, str(rule["id"]), {"threshold": value})
    except CannotDo as refused:
        return shown(ask, rule, str(refused), typed, 422)
    said = f"{after['name']} asks for {after['threshold']:+.2f} from now on; it asked for {before['threshold']:+.2f}."
    return ask.done(
        f"/rules/{rule['id']}",
        "threshold",
        said,
        of="rule",
        of_id=rule["id"],
        was=before["threshold"],
        now=after["threshold"],
    )


def switch(ask: Ask) -> Response:
    """Let it count or not; one that only suggests opens again."""
    rule, on = the_one(ask), ask.fields.get("on") == "yes"
    before, _ = switch_rule(ask.session, ask.who.org, str(rule["id"]), on)
    was = "off" if not before["enabled"] else "suggesting" if before["suggests"] else "on"
    said = f"{rule['name']} {'opens again' if on else 'opens nothing any more'}."
    return ask.done(
        f"/rules/{rule['id']}", "enabled" if on else "disabled", said, of="rule", of_id=rule["id"], was=was
    )


def leaving(ask: Ask) -> Response:
    """What taking it away would leave behind, and the form that does so."""
    return _leaving(ask)


def remove(ask: Ask) -> Response:
    """Take it away; what it opened stays."""
    rule = the_one(ask)
    if ask.fields.get("seen") != seen(rule):
        return _leaving(
            ask, "Nothing was changed: somebody changed it meanwhile. This is what it says now.", 409
        )
    try:
        before, held = remove_rule(ask.session, ask.who.org, str(rule["id"]))
    except CannotDo as last:
        return _leaving(ask, str(last), 422)
    left = f" {so_many(held, 'post')} that wait for a crisis switch may open nothing." if held else ""
    said = f"{before['name']} is no rule any more; what it opened stays.{left}"
    return ask.done("/rules", "removed", said, of="rule", of_id=before["id"], waiting=held)


def _leaving(ask: Ask, wrong: str = "", status: int = 200) -> Response:
    rule = the_one(ask)
    values = {
        "rule": rule | {"sentence": told(rule)},
        "done_by_it": counted(ask.session, rule),
        "waiting": waiting(ask.session, ask.who.org, rule),
        "last": len(rules(ask.session, ask.who.org)) == 1,
        "seen": seen(rule),
        "wrong": wrong,
    }
    return ask.shows("rules/remove.html", values, status)
