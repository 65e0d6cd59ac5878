"""Values as people read them: times, spans, and texts from strangers."""

from __future__ import annotations

import re
import textwrap
from datetime import UTC, datetime, timedelta


def safe(words: str) -> str:
    """A stranger's text without what steers a terminal: escapes, and marks that turn the direction."""
    return _STEERS.sub("\ufffd", words)


# control characters but the line's end, surrogates, and marks that turn the direction
_STEERS = re.compile("[\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\u202a-\\u202e\\u2066-\\u2069]")


def one_line(words: str, most: int = 0) -> str:
    """`safe`, on one line, cut to `most` characters (0: not cut)."""
    line = " ".join(safe(words).split())
    return line if not most or len(line) <= most else line[: most - 1].rstrip() + "…"


SHORT, FEW_LINES = 1_200, 20
"""Characters and lines of a text that are shown before it is folded."""


def folded(words: str) -> tuple[str, str]:
    """`safe`, in its own lines with one empty line between them at most: what is shown of it, and the rest, empty for
    most texts. It is cut between words where there is such a place in the last fifth."""
    lines = [line.rstrip() for line in safe(words.expandtabs(4).replace("\r\n", "\n")).strip().split("\n")]
    said = "\n".join(line for line, before in zip(lines, ["", *lines], strict=False) if line or before)
    ends = [found.start() for found in re.finditer("\n", said)]
    most = min([SHORT, *ends[FEW_LINES - 1 : FEW_LINES]])
    if len(said) <= most + most // 4:  # a little more is not worth a click
        return said, ""
    gap = max(said.rfind(blank, 0, most + 1) for blank in " \n")
    at = gap if gap > most * 0.8 else most
    return said[:at].rstrip(), said[at:].lstrip()


def in_lines(words: str, width: int, indent: int) -> str:
    """The words broken at blanks into lines of `width` characters, all but the first set in; what is longer stands
    alone."""
    inner = max(width, indent + 20)
    return "\n".join(
        textwrap.wrap(
            words, inner, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
        )
        or [""]
    )


def span(seconds: float) -> str:
    """A length of time in its largest unit: 40 s, 3 min, 5 h, 2 d."""
    seconds = abs(seconds)
    for unit, size, until in (("s", 1, 100), ("min", 60, 5_400), ("h", 3_600, 172_800)):
        if seconds < until:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def since(moment: datetime | None, now: datetime) -> str:
    """How long ago: `40 s ago`, `in 3 min`, or `never`."""
    if moment is None:
        return "never"
    away = (now - moment).total_seconds()
    if -1 < away < 1:
        return "now"
    return f"{span(away)} ago" if away > 0 else f"in {span(away)}"


def score(number: float | None) -> str:
    """A sentiment with its sign, or a dash."""
    return "–" if number is None else f"{number:+.2f}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 post`, `2 posts`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


_UNITS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def parsed_span(
    words: str, units: str = "s min h d w", like: str = "90min, 6h or 2d", *, zero: bool = False
) -> timedelta:
    """A whole number of these units, as `span` tells one (m is min); nothing (0h) only with `zero`. Raises ValueError."""
    told = words.strip().lower().replace(" ", "")
    number = told.rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = {"m": "min"}.get(told[len(number) :], told[len(number) :])
    whole = number.isascii() and number.isdecimal() and 1 - zero <= int(number) <= 100_000
    if unit not in units.split() or not whole:
        raise ValueError(f"{words!r} is no length of time; write it like {like}")
    return timedelta(seconds=int(number) * _UNITS[unit])


def parsed_moment(words: str) -> datetime:
    """A moment in ISO 8601; without a zone it is UTC, without a time midnight. Raises ValueError."""
    moment = datetime.fromisoformat(words.strip())
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if not timedelta(0) < moment - datetime(1970, 1, 1, tzinfo=UTC):
        raise ValueError("before 1970")
    return moment
