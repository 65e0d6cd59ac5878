"""`/fleet`: how every source stands, for ops. `/fleet/sources` is the part of it that is asked for again and again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.responses import Response

from console import fleet
from console.web.asked import Ask
from models.vocabulary import NEVER_VISITED, SOURCE_STATES

WORDS = {"active": "active", "paused": "paused", "needs_reauth": "needs a new login", "off": "off"}
ORDER = ("bad", "late", "ok", "rest")
"""What needs somebody stands first."""
LATE = 60.0
"""Seconds of lag from which a source counts as late."""


def whole(ask: Ask) -> Response:
    """The page."""
    return ask.shows("fleet/fleet.html", _found(ask))


def part(ask: Ask) -> Response:
    """What changes on it."""
    return ask.shows("fleet/_sources.html", _found(ask))


def _found(ask: Ask) -> dict[str, Any]:
    session, org = ask.session, ask.who.org
    moment = fleet.now(session)
    rows = [row | _told(row, moment) for row in fleet.sources(session, org)]
    rows.sort(key=lambda row: ORDER.index(row["look"]))  # else by platform, kind and term
    chosen = ask.wish("state")
    chosen = chosen if chosen in (*SOURCE_STATES, "late", "failing") else ""
    waits = fleet.waiting(session, org)
    return {
        "now": moment,
        "chosen": chosen,
        "all": len(rows),
        "counts": _counts(rows),
        "rows": [row for row in rows if not chosen or chosen in row["marks"]],
        "waiting": waits,
        "held": fleet.held(session, org),
        "beat": fleet.beat(session),
    }


def _told(row: dict[str, Any], moment: datetime) -> dict[str, Any]:
    late, failing = row["lag"] >= LATE, bool(row["failures"] or row["state"] == "needs_reauth")
    visited = row["state"] == "active" and row["kind"] not in NEVER_VISITED
    return {
        "marks": {row["state"], *(["late"] if late else []), *(["failing"] if failing else [])},
        "look": "bad" if failing else "late" if late else "ok" if row["state"] == "active" else "rest",
        "words": WORDS[row["state"]] + (", late" if late else "") + (", failing" if row["failures"] else ""),
        "next": (row["due_at"] if row["due_at"] > moment else moment) if visited else None,
    }


def _counts(rows: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    named = {**WORDS, "late": "late", "failing": "failing"}
    counted = [(mark, words, sum(mark in row["marks"] for row in rows)) for mark, words in named.items()]
    return [one for one in counted if one[2]]
