"""What was measured, as a page says it: figures with their comparison, spikes as sentences, the chart as data. Pure."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from console.stream_causes import Cause
from console.stream_hours import FACTOR, LEAST, Count, Measured, Spike, Step
from console.stream_lift import Difference, Lift
from console.web.stream.address import SPANS, Address
from console.words import counted, score

COUNTS = {"replies": "answers", "comments": "answers"}
"""What platforms count of a post and call otherwise than we do."""


class Figure(NamedTuple):
    """One number of a page. `change` compares it with the span before, `look` says whether that is good or bad."""

    name: str
    value: str
    change: str
    look: str = ""


def figures(measured: Measured) -> list[Figure]:
    """The numbers above the chart."""
    now, before = measured.now, measured.before
    return [
        Figure("Posts", f"{now.n:,}", _more(now.n, before and before.n)),
        Figure(
            "Negative", percent(now.share), _points(now.share, before and before.share), _look(now, before)
        ),
        Figure("Positive", percent(now.praise), _points(now.praise, before and before.praise)),
        Figure("Mean sentiment", scored(now.mean), _difference(now, before)),
        Figure("Reposts", f"{now.reposts:,}", _more(now.reposts, before and before.reposts)),
        Figure(
            "Unscored",
            f"{now.unscored:,}",
            f"{percent(now.unscored / now.n)} of the posts" if now.unscored else "",
        ),
    ]


def percent(share: float | None) -> str:
    """A share in [0, 1], or a dash."""
    if share is None:
        return "–"
    return "under 1 %" if 0 < share < 0.01 else f"{100 * share:.0f} %"


def scored(number: float | None) -> str:
    """A sentiment with its sign, a real minus."""
    said = score(number).replace("-", "−")
    return "0.00" if said in ("+0.00", "−0.00") else said


def sentence(spike: Spike, cause: Cause | None) -> str:
    """What stood out and why, without its time, which stands before it."""
    said = (
        f"{counted(spike.n, 'post')}, {spike.usual:,.0f} {'is' if round(spike.usual) == 1 else 'are'} usual"
    )
    if cause is None or not cause.read:
        return said + "."
    parts = []
    of = "" if cause.read >= spike.n else f" of the newest {cause.read:,}"
    if cause.thread:
        parts.append(f"{cause.thread.n:,} belong to one thread, {cause.thread.name}")
    if cause.words:
        parts.append("more often than before: " + ", ".join(f"“{word}” ({n:,})" for word, n in cause.words))
    if cause.author:
        parts.append(f"{cause.author.name} wrote {cause.author.n:,}")
    parts.append(f"{percent(cause.negative / cause.read)} are negative")
    return f"{said}. {of.strip().capitalize() + ': ' if of else ''}{_upper('; '.join(parts))}."


def lifted(lift: Lift | None) -> dict[str, str] | None:
    """What a campaign brought, as a sentence and how that was reckoned."""
    if lift is None:
        return None
    how = (
        f"Everything but our own posts, on the {counted(lift.days, 'whole day')} (UTC) from {lift.since:%-d %B %Y} on, against"
        f" the {counted(lift.before, 'day')} before. In brackets the 95 % interval of the difference (Welch's, over single days):"
        " it knows how much days differ, not what else happened on them."
    )
    if lift.posts is None:
        said = f"Too early to say: {counted(lift.days, 'whole day')} of the campaign and {counted(lift.before, 'day')} before it"
        return {"said": f"{said} were heard, and three of each are needed.", "how": how}
    posts, mean = lift.posts, lift.mean
    times = f", {posts.now / posts.before:.1f} times as many" if posts.before else ""
    said = (
        f"{posts.now:,.0f} posts a day, {posts.before:,.0f} before{times}: {posts.now - posts.before:+,.0f} a day"
        f" ({posts.low:+,.0f} to {posts.high:+,.0f}){_doubt(posts)}."
    )
    if mean is not None:
        said += (
            f" Mean sentiment of a day {mean.now:+.2f}, {mean.before:+.2f} before: {mean.now - mean.before:+.2f}"
            f" ({mean.low:+.2f} to {mean.high:+.2f}){_doubt(mean)}."
        )
    return {"said": said.replace("-", "−"), "how": how}


def _doubt(difference: Difference) -> str:
    return ", which may be chance" if difference.low <= 0 <= difference.high else ""


def chart(measured: Measured, address: Address) -> str:
    """The chart's data, for its script."""
    steps = measured.steps
    return json.dumps(
        {
            "step": int(address.step.total_seconds()),
            "at": [int(one.at.timestamp()) for one in steps],
            "n": [one.had.n if one.heard else None for one in steps],
            "usual": [one.usual for one in steps],
            "sounds": [
                [one.had.negative, one.had.neutral, one.had.positive, one.had.unscored] for one in steps
            ],
            "mean": [_rounded(one.had.mean) for one in steps],
            "spikes": [int(spike.top.at.timestamp()) for spike in measured.spikes],
            "to": address.to_points,
            "chosen": int(address.moment.timestamp()) if address.moment else None,
        }
    )


class Line(NamedTuple):
    """A row of the chart's table, in words already: a week has 168 of them. Numbers are None where a dash stands."""

    at: str
    to: str
    spike: bool
    chosen: bool
    posts: str | None
    usual: str | None
    mean: str | None
    positive: str | None
    neutral: str | None
    negative: str | None
    unscored: str | None


def rows(measured: Measured, address: Address) -> list[Line]:
    """The chart as a table, the newest hour or day first."""
    tops, chosen = {spike.top.at for spike in measured.spikes}, address.moment
    lines = []
    for at, had, usual, heard in reversed(measured.steps):
        counts = (had.n, had.positive, had.neutral, had.negative, had.unscored)
        n, *kinds = (f"{number:,}" if heard else None for number in counts)
        wonted = None if usual is None else f"{usual:,.0f}"
        mean = None if had.mean is None else scored(had.mean)
        moment = at.isoformat(timespec="seconds")
        lines.append(Line(moment, address.at_point(at), at in tops, at == chosen, n, wonted, mean, *kinds))
    return lines


def engagement(post: dict[str, Any]) -> str:
    """`12 likes · 3 answers`: what a platform counts of a post, and the reposts that we heard."""
    told = dict(post["counts"] or {})
    if post["reposts"] > told.get("reposts", 0):
        told["reposts"] = post["reposts"]
    found: dict[str, int] = {}
    for name, number in told.items():
        if isinstance(number, int) and number:
            found[COUNTS.get(name, name.replace("_", " "))] = number
    return " · ".join(f"{number:,} {_one(name) if number == 1 else name}" for name, number in found.items())


def unscored(reason: str | None) -> str:
    """Why a post has no score."""
    if (reason or "").startswith("lang:"):
        return f"in {(reason or '').removeprefix('lang:')}"
    return {"media_only": "a picture or link", "empty": "no words"}.get(reason or "", reason or "")


def spike_words(address: Address) -> str:
    """What counts as a spike here."""
    unit, same = (
        ("day", "of the 7 days") if address.span == "30d" else ("hour", "of the same hour of the 7 days")
    )
    return f"A spike is {'a' if unit == 'day' else 'an'} {unit} with at least {LEAST} posts and {FACTOR:g} times the median {same} before."


def span_before(address: Address) -> str:
    """What figures are compared with."""
    return f"the {SPANS[address.span]} before"


def busiest(measured: Measured) -> Step | None:
    """The highest point."""
    return max(measured.steps, key=lambda one: one.had.n, default=None)


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4)


def _more(now: int, before: int | None) -> str:
    if before is None:
        return ""
    if not before:
        return "0 before"
    if now >= 10 * before:
        return f"{now / before:,.0f} times {before:,}"
    return f"{(now - before) / before:+.0%} from {before:,}".replace("%", " %").replace("-", "−")


def _points(now: float | None, before: float | None) -> str:
    if before is None or now is None:
        return ""
    return f"{100 * (now - before):+.0f} points from {percent(before)}".replace("-", "−")


def _look(now: Count, before: Count | None) -> str:
    if before is None or before.share is None or now.share is None or abs(now.share - before.share) < 0.02:
        return ""
    return "worse" if now.share > before.share else "better"


def _difference(now: Count, before: Count | None) -> str:
    if before is None or before.mean is None or now.mean is None:
        return ""
    return f"{now.mean - before.mean:+.2f} from {scored(before.mean)}".replace("-", "−")


def _one(name: str) -> str:
    return name[:-3] + "y" if name.endswith("ies") else name.removesuffix("s")


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]
