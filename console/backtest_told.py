"""A back-test in words: what would have opened, what did, and what the two are not sure to agree about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from console.backtest import At, Stood, Tested, by_stars
from console.words import counted, score, span


def said_at(tested: Tested, value: float) -> str:
    """A threshold (or so many stars) as people read it."""
    if by_stars(tested.rule):
        return "1 star" if value == 1 else f"{value:g} stars"
    return "any" if value >= 1 else score(value)


def headline(tested: Tested, stood: Stood, how: str) -> str:
    """The first sentence. `how` says what is tested: `at -0.50`, `as it stands`."""
    would = tested.would
    over = f"in {_days(stood.days)}"
    opened = counted(would.cases, "case") if would.cases else "no case"
    rate = f" ({would.per_day:.1f} a day)" if would.cases else ""
    words = f"{tested.rule.name} {how} would have opened {opened} {over}{rate}; it opened {tested.opened or 'none'}"
    if not tested.opened:
        return f"{words}."
    if not tested.wrong:
        return f"{words}, of which nobody marked any wrong."
    were = "was" if tested.wrong == 1 else "were"
    return f"{words}; {tested.wrong} of them {were} marked wrong, {_still(tested)}."


def _still(tested: Tested) -> str:
    if tested.still == tested.wrong:
        return "still" if tested.wrong == 1 else f"all {tested.wrong} still"
    if not tested.still:
        return "which would not be" if tested.wrong == 1 else "none of which would be"
    return f"{tested.still} of those still"


def how(before: Mapping[str, Any], after: Mapping[str, Any], tested: Tested) -> str:
    """What is tested of a rule, beside what it is."""
    differs = [name for name in after if after[name] != before[name] and name != "names"]
    axis = "rating" if by_stars(tested.rule) else "threshold"
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
    if stood.never and stood.lasts is not None and (tested is None or tested.would.cases):
        yield (
            f"Nobody closed the {counted(stood.never, 'case')} of authors who never had one; they are taken to last"
            f" {span(stood.lasts.total_seconds())}, as half of those did that were closed."
        )


def nothing(stood: Stood) -> str:
    """Why there is nothing to test on."""
    since, until = (f"{when:%Y-%m-%d %H:%M}" for when in stood.stretch[1:])
    return f"No post was recorded between {since} and {until} UTC, so there is nothing to test on"


def row(tested: Tested, at: At, before: Mapping[str, Any]) -> list[object]:
    """One line of the table of thresholds; ▸ stands before the one that is tested, and it is said which is that of now."""
    mark = "▸ " if at.value == tested.would.value else ""
    is_now = at.value == (before["rating"] if by_stars(tested.rule) else before["threshold"])
    right = None if at.precision is None else f"{at.precision:.0%} of {at.judged:,}"
    now = "now " if is_now and not mark else ""
    rate = f"{at.per_day:.1f}"
    return [f"{mark}{now}{said_at(tested, at.value)}", at.cases, rate, at.taken_in or None, at.wrong, right]


def _days(days: float) -> str:
    return counted(round(days), "day")
