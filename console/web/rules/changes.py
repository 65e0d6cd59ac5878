"""What is changed about a rule on its page: its threshold, and whether it counts."""

from __future__ import annotations

from starlette.responses import Response

from console.refusal import CannotDo
from console.rules import set_rule, switch_rule
from console.web.asked import Ask
from console.web.rules.whole import shown, the_one


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
