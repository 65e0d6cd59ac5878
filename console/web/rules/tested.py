"""`/rules/{id}/test`: what a rule would have opened over its thresholds, drawn: the part of its page that takes seconds.

A test replays every post of a stretch at 18 thresholds. So one runs at a time, over the newest posts that take a few seconds,
and how far back these reach is said beside the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from sqlalchemy import text
from starlette.responses import Response

from console import fleet
from console.backtest import At, Testing, by_stars, changed
from console.backtest_told import headline, nothing, remarks, said_at
from console.refusal import CannotDo
from console.web.asked import Ask
from console.web.rules.whole import the_one
from workers.history import Stretch

MOST = 20_000
"""Posts that are replayed for a page; `earshot rules test` takes any number."""
SPANS = {"7d": 7, "30d": 30, "90d": 90}
WIDTH, HEIGHT = 720, 220
LEFT, BOTTOM, TOP = 48, 28, 10
NEAR = 0.05
"""What is nearer to where the rule stands has no label of its own: they would overlap."""

_REACHES = text("""
    SELECT recorded_at FROM social_events
    WHERE org_id = :org AND recorded_at >= :since ORDER BY recorded_at DESC OFFSET :most LIMIT 1
""")
_one_at_a_time = Lock()


def part(ask: Ask) -> Response:
    """The picture, the figures behind it, and a sentence."""
    rule, org = the_one(ask), ask.who.org
    span = ask.wish("since") if ask.wish("since") in SPANS else "30d"
    now = fleet.now(ask.session)
    since = now - timedelta(days=SPANS[span])
    cut: datetime | None = ask.session.scalar(_REACHES, {"org": org, "since": since, "most": MOST})
    base = {"rule": rule, "span": span, "spans": SPANS, "cut": cut, "most": MOST}
    try:
        before, after = changed(ask.session, org, str(rule["id"]), {})
    except CannotDo as cannot:
        return ask.shows("rules/_test.html", base | {"nothing": str(cannot)})
    with _one_at_a_time:
        testing = Testing(ask.session, Stretch(org, max(since, cut or since), now), after)
        if testing.known.first is None:
            return ask.shows("rules/_test.html", base | {"nothing": nothing(testing.stood) + "."})
        for _ in testing.batches():
            pass
    tested, stood = testing.of_rule(), testing.stood
    values = {
        "nothing": "",
        "headline": headline(tested, stood, "as it stands"),
        "remarks": list(remarks(stood, tested, before)),
        "unit": "stars" if by_stars(tested.rule) else "threshold",
        "rows": [
            {"said": said_at(tested, at.value), "at": at, "here": at.value == testing.value}
            for at in tested.at
        ],
        "drawn": drawn(tested.at, testing.value, said=[said_at(tested, at.value) for at in tested.at]),
    }
    return ask.shows("rules/_test.html", base | values)


def drawn(at: Sequence[At], here: float, said: Sequence[str]) -> dict[str, Any]:
    """The geometry of the picture: cases a day over thresholds, as points of a step line, with where the rule stands."""
    top = max(1.0, *(one.per_day for one in at))
    step = (WIDTH - LEFT - 8) / max(1, len(at))
    floor = HEIGHT - BOTTOM

    def y(value: float) -> float:
        return round(floor - value / top * (floor - TOP), 1)

    bars = [
        {
            "x": round(LEFT + n * step, 1),
            "y": y(one.per_day),
            "height": round(floor - y(one.per_day), 1),
            "wrong_y": y(one.per_day * one.wrong / one.cases) if one.cases else floor,
            "wrong_height": round(floor - y(one.per_day * one.wrong / one.cases), 1) if one.cases else 0,
            "here": one.value == here,
            "said": words,
            "label": one.value == here or (abs(one.value - here) > NEAR and _round(one.value)),
            "title": f"{words}: {one.per_day:.1f} cases a day, {one.cases:,} in all, {one.wrong:,} marked wrong",
        }
        for n, (one, words) in enumerate(zip(at, said, strict=True))
    ]
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "floor": floor,
        "bar": round(step * 0.72, 1),
        "bars": bars,
        "lines": [{"y": y(value), "said": f"{value:.3g}"} for value in (0.0, top / 2, top)],
    }


def _round(value: float) -> bool:
    """Every fourth threshold, from -0.90 on; all stars."""
    return value > 0 or round(value * 100) % 20 == 10
