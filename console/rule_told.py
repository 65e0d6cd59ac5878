"""A rule in words: as a sentence, and as the cells of a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.rule_refused import either
from console.rule_spans import span_said

Row = Mapping[str, Any]

_WHO = {
    "addressed": "a post addressed to us",
    "customer": "a customer's post to us or about us",
    "named": "a post about us, or one of our accounts or campaigns,",
}
_REVIEWED = {
    "addressed": "a review of us",
    "customer": "a customer's review of us",
    "named": "a review that is about us, or one of our accounts or campaigns,",
}
_DOES = {
    "ticket": "opens a ticket of {priority} priority",
    "activity": "opens an activity",
    "lead": "makes its author a lead",
    "notify": "is told to the receivers",
}


def at_most(stars: int) -> str:
    """So many stars or fewer, in words."""
    return "1 star" if stars == 1 else f"at most {stars} stars"


def told(rule: Row) -> str:
    """A rule as a sentence, without its end. `rule` is one of console.rules."""
    does = _DOES[rule["action"]].format(priority=rule["priority"])
    if rule["trigger"] == "post":
        asks = _post(rule)
    elif rule["trigger"] == "mean":
        asks = (
            f"the mean of {_all(rule)}, over {span_said(rule['window_hours'])} and of {rule['minimum']:,} at least,"
            f" that falls to {rule['threshold']:+.2f}"
        )
        does += f", and again only after it rose to {rule['rearm']:+.2f}"
    else:
        asks = (
            f"a number of {'negative ' if rule['threshold'] < 1 else ''}{_all(rule)} within"
            f" {span_said(rule['window_hours'])} that is {rule['factor']:g} times that of the same hours on the days"
            f" before, and {rule['minimum']:,} at least,"
        )
    return "; ".join([f"{asks} {does}{_limit(rule)}", *_beside(rule)])


def _post(rule: Row) -> str:
    any_score = rule["threshold"] >= 1
    phrases = either([f'"{phrase}"' for phrase in rule["words"]], sort=False) if rule["words"] else ""
    asks = [f"says {phrases}"] if phrases else []
    if rule["rating"] is not None:
        asks = [*([] if any_score else [f"scores {rule['threshold']:+.2f} or less"]), *asks]
        more = f" that {' and '.join(asks)}" if asks else ""
        return f"{_where(rule, _REVIEWED)} with {at_most(rule['rating'])}{more}"
    score = "has any score, or none," if any_score and asks else "has any score, or none"
    score = score if any_score else f"scores {rule['threshold']:+.2f} or less"
    return f"{_where(rule, _WHO)} that {' and '.join([score, *asks])}"


def _all(rule: Row) -> str:
    return f"posts that are not ours{_scope(rule)}"


def _where(rule: Row, who: Mapping[str, str]) -> str:
    scope, whose_post = _scope(rule), who[rule["audience"]]
    return f"{whose_post}{scope}{',' if scope and whose_post.endswith(',') else ''}"


def _scope(rule: Row) -> str:
    """As it goes on after "a post"."""
    parts = [
        f" on {either(rule['platforms'])}" if rule["platforms"] else "",
        f" found by a watch of the kind {either(rule['kinds'])}" if rule["kinds"] else "",
        f" from the source {either(_named(rule, 'sources'))}" if rule["sources"] else "",
        f" of the campaign {either(_named(rule, 'campaigns'))}" if rule["campaigns"] else "",
        f" about the account {either(_named(rule, 'accounts'))}" if rule["accounts"] else "",
        f" in the language {either(rule['languages'])}" if rule["languages"] else "",
    ]
    return ",".join(filter(None, parts))


def _named(rule: Row, field: str) -> list[str]:
    return [rule["names"].get(str(row), "(gone)") for row in rule[field]]


def _limit(rule: Row) -> str:
    return f", at most {rule['per_day']:,} in 24 hours" if rule["per_day"] else ""


def _beside(rule: Row) -> list[str]:
    told = []
    if rule["assign"] == "rotation":
        told.append(f"they go in turn to {', '.join(_named(rule, 'assignees'))}")
    if rule["max_age_hours"]:
        told.append(f"posts older than {span_said(rule['max_age_hours'])} open nothing")
    if rule["quiet_from"]:
        told.append(f"from {rule['quiet_from']} to {rule['quiet_to']} ({rule['quiet_zone']}) nobody is told")
    return told


def whose(rule: Row) -> str:
    """Whose posts and where, for a list: `addressed · reddit, x · en`."""
    parts = [
        rule["audience"] if rule["trigger"] == "post" else "",
        *(", ".join(rule[field]) for field in ("platforms", "kinds")),
        *(", ".join(_named(rule, field)) for field in ("sources", "campaigns", "accounts")),
        ", ".join(rule["languages"]),
    ]
    return " · ".join(filter(None, parts)) or "all"


def when(rule: Row) -> str:
    """What a post, or many, must have, for a list: `-0.42`, `any score, "refund"`, `mean of 24 hours -0.20`."""
    if rule["trigger"] == "mean":
        return (
            f"mean of {span_said(rule['window_hours'])} {rule['threshold']:+.2f}, {rule['minimum']:,} posts"
        )
    if rule["trigger"] == "spike":
        kind = "negative posts" if rule["threshold"] < 1 else "posts"
        return f"{rule['factor']:g} x in {span_said(rule['window_hours'])}, {rule['minimum']:,} {kind}"
    asks = [] if rule["threshold"] >= 1 else [f"{rule['threshold']:+.2f}"]
    asks += [at_most(rule["rating"])] if rule["rating"] is not None else []
    return ", ".join([*(asks or ["any score"]), *(f'"{phrase}"' for phrase in rule["words"])])


def does(rule: Row) -> str:
    """What follows, for a list: `ticket, high`, `lead, 20 a day`."""
    more = [rule["priority"]] if rule["action"] == "ticket" else []
    more += [f"{rule['per_day']:,} a day"] if rule["per_day"] else []
    return ", ".join([rule["action"], *more])


def right(rule: Row) -> str | None:
    """How often it was right, of those cases that are closed or judged; None where there is none."""
    found = rule["precision"]
    return (
        f"{found['judged'] - found['wrong']:,} of {found['judged']:,}" if found and found["judged"] else None
    )


def state(rule: Row) -> str:
    """What follows its name where it is off, or only suggests."""
    return " (off)" if not rule["enabled"] else " (suggests)" if rule["suggests"] else ""
