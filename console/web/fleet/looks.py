"""How a source looks to ops: one word for what needs somebody, and the marks that it is found by."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from models.vocabulary import NEVER_VISITED

WORDS = {"active": "active", "paused": "paused", "needs_reauth": "needs a new login", "off": "off"}
ORDER = ("bad", "limit", "late", "ok", "rest")
"""What needs somebody stands first."""
LATE = 60.0
"""Seconds of lag from which a source counts as late."""
SHORT = 60.0
"""Seconds that a platform may ask to wait for without its source counting as limited."""
MARKS = {**WORDS, "limited": "limited", "late": "late", "failing": "failing"}
_BUDGETS = ("the budget of ", "no money is set aside ")


def limited(row: dict[str, Any], moment: datetime) -> bool:
    """Does it wait for a budget, or longer than usual because its platform asked for that?"""
    if row["state"] != "active" or row["failures"] or not row["last_error_at"] or row["due_at"] <= moment:
        return False
    if not row["last_error"] or (row["last_success_at"] and row["last_success_at"] > row["last_error_at"]):
        return False
    asked = (row["due_at"] - row["last_error_at"]).total_seconds()
    return bool(row["last_error"].startswith(_BUDGETS) or asked > max(SHORT, 1.2 * row["every"]))


def told(row: dict[str, Any], moment: datetime) -> dict[str, Any]:
    """{marks, look, words, next} of a row of `console.fleet.sources`."""
    late, failing = row["lag"] >= LATE, bool(row["failures"] or row["state"] == "needs_reauth")
    waits = limited(row, moment)
    visited = row["state"] == "active" and row["kind"] not in NEVER_VISITED
    look = "bad" if failing or row["state"] == "off" else "limit" if waits else "late" if late else ""
    said = [word for word, so in (("late", late), ("failing", row["failures"]), ("limited", waits)) if so]
    marks = {row["state"], *said, *(["failing"] if failing else [])}
    return {
        "marks": marks,
        "look": look or ("ok" if row["state"] == "active" else "rest"),
        "words": ", ".join([WORDS[row["state"]], *said]),
        "next": (row["due_at"] if row["due_at"] > moment else moment) if visited else None,
    }
