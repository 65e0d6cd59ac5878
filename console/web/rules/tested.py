"""`/rules/{id}/test`: what a rule would have opened over its thresholds, drawn: the part of its page that takes seconds.

A test replays every post of a stretch at 18 thresholds. So one runs at a time, over the newest posts that take a few seconds,
and how far back these reach is said beside the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import text
from starlette.responses import Response

from console import fleet
from console.backtest import At, Testing, by_stars, changed
from console.backtest_told import headline, how, nothing, remarks, said_at
from console.refusal import CannotDo
from console.rule_form import FIELDS, trial
from console.rule_form import values as form_values
from console.web.asked import Ask
from console.web.rules.whole import the_one
from workers.history import Stretch
from workers.rule import RANK

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
BUSY = "Somebody else's test is running; this one begins as soon as that is done."


def part(ask: Ask) -> Response:
    """The picture, the figures behind it, and a sentence: of a rule as it stands, or as a form would have it."""
    which = ask.request.path_params.get("rule")
    rule = the_one(ask) if which else None
    org = ask.who.org
    span = ask.wish("since") if ask.wish("since") in SPANS else "30d"
    now = fleet.now(ask.session)
    since = now - timedelta(days=SPANS[span])
    cut: datetime | None = ask.session.scalar(_REACHES, {"org": org, "since": since, "most": MOST})
    told = {name: value for name in (*FIELDS, "broad") if (value := ask.wish(name))}
    way = f"/rules/{which or 'new'}/test?{urlencode(told)}{'&' if told else ''}"
    base = {
        "way": way,
        "span": span,
        "spans": SPANS,
        "cut": cut,
        "most": MOST,
        "trial": bool(told),
        "again": False,
    }
    try:
        before, after = _both(ask, rule, told)
    except CannotDo as cannot:
        return ask.shows("rules/_test.html", base | {"nothing": str(cannot)})
    # whoever waited here would keep a thread and a connection from everybody's pages
    if not _one_at_a_time.acquire(blocking=False):
        return ask.shows("rules/_test.html", base | {"nothing": BUSY, "again": True})
    try:
        testing = Testing(
            ask.session, Stretch(org, max(since, cut or since), now), after, before["threshold"]
        )
        if testing.known.first is None:
            return ask.shows("rules/_test.html", base | {"nothing": nothing(testing.stood) + "."})
        for _ in testing.batches():
            pass
    finally:
        _one_at_a_time.release()
    tested, stood = testing.of_rule(), testing.stood
    stars = by_stars(tested.rule)
    stands = (before["rating"] if stars else before["threshold"]) if rule else None
    values = {
        "nothing": "",
        "headline": headline(tested, stood, how(before, after, tested)),
        "remarks": list(remarks(stood, tested, before)),
        "unit": "stars" if stars else "threshold",
        "stands": stands is not None and stands != testing.value,
        "rows": [
            {
                "said": said_at(tested, at.value),
                "at": at,
                "here": at.value == testing.value,
                "now": at.value == stands,
            }
            for at in tested.at
        ],
        "drawn": drawn(tested.at, testing.value, [said_at(tested, at.value) for at in tested.at], stands),
    }
    return ask.shows("rules/_test.html", base | values)


def _both(
    ask: Ask, rule: dict[str, Any] | None, told: dict[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rule as it is and as it would be; a new one twice. Raises CannotDo."""
    session, org = ask.session, ask.who.org
    if not told:
        if rule is None:
            raise CannotDo("Say first what the rule shall be.")
        return changed(session, org, str(rule["id"]), {})
    after = trial(session, org, rule, form_values(told, rule), broad=told.get("broad") == "yes")
    if after["trigger"] != "post":
        raise CannotDo("It looks at hours, not at posts; what it would have done is not replayed.")
    if after["action"] not in RANK:
        raise CannotDo("It opens no case, so there is nothing to replay.")
    return rule or after, after


def drawn(at: Sequence[At], here: float, said: Sequence[str], stands: float | None = None) -> dict[str, Any]:
    """The geometry of the picture: cases a day over thresholds, a bar each, `here` the one that is tested, and where the
    rule `stands`, if that is another."""
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
            "now": one.value == stands != here,
            "said": words,
            "label": one.value in (here, stands) or (_far(one.value, here, stands) and _round(one.value)),
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


def _far(value: float, *others: float | None) -> bool:
    return all(other is None or abs(value - other) > NEAR for other in others)


def _round(value: float) -> bool:
    """Every fourth threshold, from -0.90 on; all stars."""
    return value > 0 or round(value * 100) % 20 == 10
