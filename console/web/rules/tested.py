"""`/rules/{id}/test`: what a rule would have opened over its thresholds, drawn: the part of its page that takes seconds.

A test replays every post of a stretch at 18 thresholds. So it is made beside the pages, over the newest MOST posts, and how far back
these reach is said beside the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import text
from sqlalchemy.orm import Session
from starlette.responses import Response

from console import fleet
from console.backtest import At, changed, demand_testable
from console.backtest_hours import testing as testing_of
from console.backtest_told import fired_row, headline, how, nothing, remarks, said_at
from console.refusal import CannotDo
from console.rule_form import FIELDS, trial
from console.rule_form import values as form_values
from console.rule_values import held
from console.web.aside import Counting
from console.web.asked import Ask
from console.web.rules.whole import the_one
from workers.history import Stretch

MOST = 20_000
"""Posts that are replayed for a page; `earshot rules test` takes any number."""
FEW = 300
"""Posts that are replayed while the page waits."""
FIRED = 30
"""The newest alarms that are listed."""
SPANS = {"7d": 7, "30d": 30, "90d": 90}
WIDTH, HEIGHT = 720, 220
LEFT, BOTTOM, TOP = 48, 28, 10
NEAR = 0.05
"""What is nearer to where the rule stands has no label of its own: they would overlap."""

_REACHES = text("""
    SELECT recorded_at FROM social_events
    WHERE org_id = :org AND recorded_at >= :since ORDER BY recorded_at DESC OFFSET :most LIMIT 1
""")


def part(ask: Ask) -> Response:
    """The picture, the figures behind it, and a sentence: of a rule as it stands, or as a form would have it."""
    which = ask.request.path_params.get("rule")
    rule = the_one(ask) if which else None
    span = ask.wish("since") if ask.wish("since") in SPANS else "30d"
    told = {name: value for name in (*FIELDS, "broad") if (value := ask.wish(name))}
    way = f"/rules/{which or 'new'}/test?{urlencode(told)}{'&' if told else ''}"
    base = {"way": way, "span": span, "spans": SPANS, "most": MOST, "trial": bool(told), "ago": 0.0}
    # of a rule that was changed meanwhile another picture is wanted
    key = ("test", which, repr(held(rule)) if rule else "", span, tuple(sorted(told.items())))

    def given() -> tuple[Any, ...]:
        return ask.who.org, *_both(ask, rule, told), rule is not None, SPANS[span]

    def few() -> bool:
        since = fleet.now(ask.session) - timedelta(days=SPANS[span])
        return ask.session.scalar(_REACHES, {"org": ask.who.org, "since": since, "most": FEW}) is None

    try:
        found = ask.aside(key, pictured, given, few=few, lasts=True)
    except CannotDo as cannot:
        return ask.shows("rules/_test.html", base | {"nothing": str(cannot)})
    if isinstance(found, Counting):
        return ask.counting(found, f"{way}since={span}", "#test-part")
    return ask.shows("rules/_test.html", base | found.value | {"ago": found.ago})


def pictured(
    session: Session,
    org: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    stood_before: bool,
    days: int,
    so_far: Callable[[float], None],
) -> dict[str, Any]:
    """What the part shows of a rule as it is and as it would be, over the newest MOST posts of so many days."""
    now = fleet.now(session)
    since = now - timedelta(days=days)
    # hours are as quickly read however many posts they count
    limits = after["trigger"] == "post"
    cut = session.scalar(_REACHES, {"org": org, "since": since, "most": MOST}) if limits else None
    testing = testing_of(session, Stretch(org, max(since, cut or since), now), after, before)
    for share in testing.batches():
        so_far(share)
    if testing.known.first is None:
        return {"nothing": nothing(testing.stood) + "."}
    tested, stood = testing.of_rule(), testing.stood
    stands = tested.stands(before) if stood_before else None
    return {
        "cut": cut,
        "nothing": "",
        "headline": headline(tested, stood, how(before, after, tested)),
        "remarks": list(remarks(stood, tested, before)),
        "unit": tested.axis,
        "fired": [(one, fired_row(one)) for one in reversed(tested.fired[-FIRED:])],
        "fired_more": max(0, len(tested.fired) - FIRED),
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
    demand_testable(after)
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
    """Every fourth threshold, from -0.90 on; all stars and factors."""
    return value >= 1 or round(value * 100) % 20 == 10
