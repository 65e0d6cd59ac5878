"""A back-test in words: what would have opened, what did, and what the two are not sure to agree about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from console.backtest import At, Firing, Stood, Tested
from console.words import counted, score, span


def said_at(tested: Tested, value: float) -> str:
    """A threshold (or so many stars, or times as many) as people read it."""
    if tested.axis == "factor":
        return f"{value:g}×"
    if tested.axis == "stars":
        return "1 star" if value == 1 else f"{value:g} stars"
    return "any" if value >= 1 else score(value)


def headline(tested: Tested, stood: Stood, how: str) -> str:
    """The first sentence. `how` says what is tested: `at -0.50`, `as it stands`."""
    if tested.alarm is not None:
        return _hours_headline(tested, stood, how)
    would = tested.would
    over = f"in {_days(stood.days)}"
    opened = counted(would.cases, "case") if would.cases else "no case"
    rate = f" ({would.per_day:.1f} a day)" if would.cases else ""
    words = f"{tested.rule.name} {how} would have opened {opened} {over}{rate}; it opened {tested.opened or 'none'}"
    return f"{words}{_judged(tested)}"


def _hours_headline(tested: Tested, stood: Stood, how: str) -> str:
    times = sum(one.what != "missing" for one in tested.fired)
    again = sum(one.what == "again" for one in tested.fired)
    fired = f"have fired {_times(times)}" if times else "never have fired"
    words = f"{tested.rule.name} {how} would {fired} in {_days(stood.days)}"
    if tested.rule.action == "notify":
        return f"{words}. It tells and opens nothing, so it is not kept when it did."
    words += f", {_times(again)} of them while its case was open" if again else ""
    return (
        f"{words}; it opened {counted(tested.opened, 'case') if tested.opened else 'none'}{_judged(tested)}"
    )


def _times(times: int) -> str:
    return {1: "once", 2: "twice"}.get(times, f"{times:,} times")


def _judged(tested: Tested) -> str:
    if not tested.opened:
        return "."
    if not tested.wrong:
        return ", of which nobody marked any wrong."
    were = "was" if tested.wrong == 1 else "were"
    return f"; {tested.wrong} of them {were} marked wrong, {_still(tested)}."


def _still(tested: Tested) -> str:
    if tested.still == tested.wrong:
        return "still" if tested.wrong == 1 else f"all {tested.wrong} still"
    if not tested.still:
        return "which would not be" if tested.wrong == 1 else "none of which would be"
    return f"{tested.still} of those still"


def how(before: Mapping[str, Any], after: Mapping[str, Any], tested: Tested) -> str:
    """What is tested of a rule, beside what it is."""
    differs = [name for name in after if after[name] != before[name] and name != "names"]
    axis = "rating" if tested.axis == "stars" else tested.axis
    at = f"at {said_at(tested, tested.would.value)}"
    if not differs:
        return "as it stands"
    if differs == [axis]:
        return at
    more = [name.replace("_", " ") for name in differs if name != axis]
    changed = f"with other {' and '.join([', '.join(more[:-1]), more[-1]] if more[1:] else more)}"
    return f"{at} and {changed}" if axis in differs else changed


def remarks(
    stood: Stood, tested: Tested | None = None, before: Mapping[str, Any] | None = None
) -> Iterator[str]:
    """What is to be known beside the figures."""
    known = stood.known
    if tested is not None and tested.would.taken_in:
        yield f"{counted(tested.would.taken_in, 'case')} would belong to an Incident, without a ticket of their own."
    if before is not None and not before["enabled"]:
        yield "It is disabled; here it counts."
    if before is not None and before["suggests"]:
        yield "It only suggests by now; here it opens."
    if known.edited:
        was, its = ("was", "its") if known.edited == 1 else ("were", "their")
        yield f"{counted(known.edited, 'post')} {was} edited since; {its} text and score are those of now."
    if known.rescored:
        yield f"{counted(known.rescored, 'case')} opened by a score that is another one by now."
    if known.ruled:
        yield f"{counted(known.ruled, 'case')} opened by a rule that is gone, or has another threshold by now."
    if tested is not None and tested.alarm is not None:
        yield from _hours_remarks(stood, tested, before)
        return
    if stood.never and stood.lasts is not None and (tested is None or tested.would.cases):
        yield (
            f"Nobody closed the {counted(stood.never, 'case')} of authors who never had one; they are taken to last"
            f" {span(stood.lasts.total_seconds())}, as half of those did that were closed."
        )


def _hours_remarks(stood: Stood, tested: Tested, before: Mapping[str, Any] | None) -> Iterator[str]:
    yield "It is known what the hours said as each began and as it ended; what came and went in between is not."
    if stood.late:
        count, were = counted(stood.late, "post"), "was" if stood.late == 1 else "were"
        yield f"{count} {were} recorded a day or more after being written; here they count from then on, as they did."
    if before is not None and before.get("created_at", stood.stretch.since) > stood.stretch.since:
        yield f"The rule is there since {before['created_at']:%Y-%m-%d %H:%M} UTC; before that it could open nothing."
    if stood.never and stood.lasts is not None:
        yield (
            f"Nobody closed {counted(stood.never, 'case')} that never {'was' if stood.never == 1 else 'were'}; taken to"
            f" last {span(stood.lasts.total_seconds())}, as half of those did that were closed."
        )


def fired_row(one: Firing) -> list[object]:
    """One line of the table of what would have fired: when, of what, the value, what it is held against, posts, what follows."""
    mean = one.baseline is None
    value = None if one.value is None else score(one.value) if mean else f"{one.value:,.0f}"
    usual = None if mean else f"{one.baseline:,.0f}"
    return [f"{one.at:%Y-%m-%d %H:%M}", one.name, value, usual, one.n, _follows(one)]


def _follows(one: Firing) -> str:
    case = f"ticket #{one.number}" if one.number else "an activity"
    if one.what == "missing":
        return f"would not fire; {case} was opened"
    if one.what == "tells":
        return "tells"
    if one.what == "again":
        return f"again, on {case}" if one.case else "again, its case is open"
    return f"opened {case}" if one.case else "new"


def nothing(stood: Stood) -> str:
    """Why there is nothing to test on."""
    since, until = (f"{when:%Y-%m-%d %H:%M}" for when in stood.stretch[1:])
    return f"No post was recorded between {since} and {until} UTC, so there is nothing to test on"


def row(tested: Tested, at: At, before: Mapping[str, Any]) -> list[object]:
    """One line of the table of thresholds; ▸ stands before the one that is tested, and it is said which is that of now."""
    mark = "▸ " if at.value == tested.would.value else ""
    is_now = at.value == tested.stands(before)
    right = None if at.precision is None else f"{at.precision:.0%} of {at.judged:,}"
    now = "now " if is_now and not mark else ""
    rate = f"{at.per_day:.1f}"
    return [f"{mark}{now}{said_at(tested, at.value)}", at.cases, rate, at.taken_in or None, at.wrong, right]


def _days(days: float) -> str:
    return counted(round(days), "day")
