"""`/fleet/sources/{id}`: one source, what is wrong with it and the way back, its budget, and its visits as they went."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from starlette.responses import Response

from console import fleet
from console.keys import mending
from console.spending import Budget, budgets
from console.visits import credential_of, visits
from console.web.asked import Ask, NotThere
from console.web.fleet import strip
from console.web.fleet.looks import told
from models.vocabulary import NEVER_VISITED
from workers.quotas import said

MOST = strip.SLOTS
TRUST = "EARSHOT_TRUSTED_HOSTS"


def whole(ask: Ask) -> Response:
    """The page."""
    return ask.shows("fleet/source.html", _found(ask))


def part(ask: Ask) -> Response:
    """What changes on it."""
    values = ask.shared(("source", ask.name("source"), ask.wish("before")), lambda: _found(ask))
    return ask.shows("fleet/_source.html", values)


def _found(ask: Ask) -> dict[str, Any]:
    session, org, source = ask.session, ask.who.org, ask.name("source")
    found = fleet.sources(session, org, source)
    if not found:
        raise NotThere(
            "There is no such source; it may be another organisation's. /fleet lists those there are."
        )
    moment, before = fleet.now(session), _before(ask)
    row = found[0] | told(found[0], moment)
    key = credential_of(session, org, source)
    rows = visits(session, org, source, MOST + 1, before)
    shown, more = rows[:MOST], rows[MOST:]
    last = shown[-1] if more else None
    limits = [one for one in budgets(session, org, moment) if _of(one, row)]
    return {
        "now": moment,
        "row": row,
        "key": key,
        "command": mending(key) if key else f"earshot credentials add {row['platform']} ACCOUNT",
        "trust": TRUST in (row["last_error"] or ""),
        "delivered": row["kind"] in NEVER_VISITED,
        "budgets": [(one, budget_words(one)) for one in limits],
        "visits": [visit | {"look": strip.kind_of(visit)} for visit in shown],
        "bars": strip.bars(shown),
        "kinds": strip.summary(shown),
        "box": f"0 0 {strip.SLOTS * strip.WIDE} {strip.HIGH}",
        "bar": strip.BAR,
        "high": strip.HIGH,
        "first": before is None,
        "older": last and "?" + urlencode({"before": f"{last['started_at'].isoformat()}/{last['id']}"}),
    }


def _of(one: Budget, row: dict[str, Any]) -> bool:
    return one.platform == row["platform"] and one.account in (None, row["credential"])


def budget_words(one: Budget) -> dict[str, Any]:
    """{taken, of, uncertain, share, state} of a budget; `share` is in percent, 100 at most."""
    taken = one.spent + one.uncertain
    share = min(100, round(100 * taken / one.amount)) if one.amount else 100
    return {
        "taken": said(one.of, one.spent),
        "of": said(one.of, one.amount),
        "uncertain": said(one.of, one.uncertain) if one.uncertain else "",
        "share": share,
        "state": "bad" if one.left == 0 else "late" if one.runs_out else "ok",
    }


def _before(ask: Ask) -> tuple[datetime, UUID] | None:
    at, _, last = ask.wish("before").partition("/")
    try:
        return (datetime.fromisoformat(at), UUID(last)) if at else None
    except ValueError:
        return None
