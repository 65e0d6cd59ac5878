"""`earshot status`: how the fleet stands, on a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from console.cli import _options
from console.cli._options import as_json, chosen_org

if TYPE_CHECKING:
    from datetime import datetime


WIDE = 100
"""Characters of a line of words at most, a file's and a pipe's too."""


def width() -> int:
    """Characters of a line of words here."""
    from console.cli import _print

    return min(WIDE, _print.console().width) if _print.console().is_terminal else WIDE


def status(org: chosen_org = None, json: as_json = False) -> None:
    """Sources, what waits, who is awake, open cases, and the ledger that adds up.

    Example: earshot status --json | jq .ledger
    """
    import redis

    from console import fleet
    from console.cli import _print
    from console.cli.budget import as_row, forecast
    from console.database import opened
    from console.failures import sentence
    from console.owed import standing
    from console.receivers import receivers
    from console.spending import budgets
    from console.words import counted, in_lines, since, span
    from console.workers_alive import queues
    from workers._settings import BadSetting
    from workers.quotas import said

    chosen = _options.org()
    with opened() as session:
        moment, unknown = fleet.now(session), fleet.unknown(session, chosen)
        found: dict[str, Any] = {
            "org": chosen,
            "sources": fleet.sources(session, chosen),
            "waiting": fleet.waiting(session, chosen),
            "beat": fleet.beat(session),
            "cases": fleet.case_counts(session, chosen),
            "quarantined": fleet.held(session, chosen),
            "owed": standing(session, chosen),
            "receivers": receivers(session, chosen),
            "suggestions": fleet.suggestions(session, chosen),
            "leads_held_back": fleet.leads_held_back(session, chosen),
            "ledger": fleet.ledger(session, chosen),
        }
        limits = budgets(session, chosen, moment)
        found["budgets"] = [as_row(one) for one in limits]
    away = ""
    try:
        found["workers"] = dict(queues())
    except (redis.RedisError, BadSetting) as error:
        found["workers"], away = None, sentence(error) or str(error)
    if unknown:
        _print.said(unknown)
    if json:
        _print.as_json(found)
        return
    _print.table(*source_rows(found["sources"], moment))
    waits = found["waiting"]
    oldest = f", the oldest for {span((moment - waits['oldest']).total_seconds())}" if waits["oldest"] else ""
    beat = found["beat"]
    awake = f"awake (term {beat['term']})" if beat and beat["awake"] else "none awake"
    if beat and not beat["awake"]:
        awake += f", the last one until {since(beat['until'], moment)}"
    cases = found["cases"]
    lines = {
        "beat": awake,
        "workers": away
        or "; ".join(f"{name}: {', '.join(names)}" for name, names in found["workers"].items())
        or "none answers",
        "waiting": f"{waits['pages']:,} pages, {waits['posts']:,} posts{oldest}",
        "cases": f"{cases['open']:,} open ({cases['tickets']:,} tickets, {cases['activities']:,} activities),"
        f" {cases['closed']:,} closed",
        "quarantine": f"{found['quarantined']:,} held, each once (the ledger counts every time one was met)",
    }
    if found["receivers"]:
        lines["owed"] = _owed(found, moment)
    if found["suggestions"]:
        verb = "waits" if found["suggestions"] == 1 else "wait"
        lines["review"] = f"{counted(found['suggestions'], 'suggestion')} {verb}: earshot review"
    else:
        lines["review"] = "nothing waits for a decision"
    if found["leads_held_back"]:
        held = counted(found["leads_held_back"], "lead")
        lines["leads"] = f"{held} held back in the last 24 hours: earshot leads --held-back"
    if limits:
        lines["budget"] = "; ".join(
            f"{one.platform}{f' ({one.account})' if one.account else ''}: "
            f"{said(one.of, one.spent)} of {said(one.of, one.amount)} this {one.period}"
            f"{f', {said(one.of, one.uncertain)} uncertain' if one.uncertain else ''}, {forecast(one, moment)}"
            for one in limits
        )
    across = width()
    for name, words in lines.items():
        _print.line(in_lines(f"{name:<11}{words}", across, 11))
    for row in [*found["ledger"], {"platform": "all", **fleet.total(found["ledger"])}]:
        wrong = "" if fleet.adds_up(row) else "   DOES NOT ADD UP"
        _print.line(in_lines(f"{row['platform']:<11}{fleet.sentence(row)}{wrong}", across, 11))


def _owed(found: dict[str, Any], moment: datetime) -> str:
    from console.words import counted, span

    owed = found["owed"]
    age = f", the oldest for {span((moment - owed['oldest']).total_seconds())}" if owed["oldest"] else ""
    bad = [f"{row['name']} is {row['state']}" for row in found["receivers"] if row["state"] != "active"]
    given_up = [f"{owed['failed']:,} given up"] if owed["failed"] else []
    to = counted(len(found["receivers"]), "receiver")
    return "; ".join([f"{counted(owed['waiting'], 'piece')} of news to {to}{age}", *given_up, *bad])


def source_rows(
    found: Sequence[dict[str, Any]], moment: datetime
) -> tuple[list[str], list[Sequence[object]], str]:
    """A table of sources: columns, rows, and what to say when there are none."""
    from console.words import one_line, since, span

    columns = [
        "id",
        "platform",
        "kind",
        "~term",
        "state",
        ">last success",
        ">next visit",
        ">lag",
        "~last error",
    ]
    rows: list[Sequence[object]] = [
        (
            str(one["id"])[-8:],
            one["platform"],
            one["kind"],
            one_line(one["term"] + (f" (for {one['campaign']})" if one["campaign"] else ""), 90),
            one["state"],
            since(one["last_success_at"], moment),
            _next(one, moment),
            span(one["lag"]) if one["lag"] >= 1 else "–",
            one_line(_error(one, moment), 90),
        )
        for one in found
    ]
    return columns, rows, "Nothing is followed yet: earshot sources add PLATFORM KIND TERM."


def _next(one: dict[str, Any], moment: datetime) -> str:
    from console.words import since
    from models.vocabulary import NEVER_VISITED

    if one["state"] != "active" or one["kind"] in NEVER_VISITED:
        return "–"
    return "under way" if one["visiting"] else since(max(one["due_at"], moment), moment)


def _error(one: dict[str, Any], moment: datetime) -> str:
    from console.words import since

    if not one["last_error"]:
        return ""
    failures = f", {one['failures']} in a row" if one["failures"] > 1 else ""
    return f"{one['last_error']} ({since(one['last_error_at'], moment)}{failures})"
