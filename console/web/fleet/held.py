"""`/fleet/quarantine`: what was set aside, with its payload and where it failed; replayed and dropped from there."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session
from starlette.responses import Response

from console import fleet
from console.quarantine import drop as give_up
from console.quarantine import replay as land_again
from console.quarantine_page import page, platforms, these
from console.refusal import CannotDo
from console.web.asked import Ask
from console.words import counted, one_line, safe, since

MOST = 25
LONG = 20_000
"""Characters of a payload or a traceback at most; the command shows all."""


def whole(ask: Ask) -> Response:
    """The page."""
    return _shown(ask)


def fresh(ask: Ask) -> Response:
    """How many are held that the page does not show yet: nothing grows under anybody's hands."""
    number = ask.shared("held", lambda: sum(held for _, held in platforms(ask.session, ask.who.org)))
    told = ask.wish("had")
    had = int(told) if told.isdecimal() and len(told) < 10 else 0
    return ask.shows("fleet/_fresh.html", {"number": number, "had": had})


def replay(ask: Ask) -> Response:
    """Take posts through the same steps again."""
    return _settled(ask, land_again, "replayed", "on {its} way again")


def drop(ask: Ask) -> Response:
    """Give them up."""
    return _settled(ask, give_up, "dropped", "dropped")


def _settled(ask: Ask, do: Callable[[Session, UUID], None], what: str, verb: str) -> Response:
    try:
        ids = {UUID(told) for told in ask.fields.getlist("id")}
    except ValueError:
        return _shown(ask, 422, "What is ticked is nothing of this page.")
    rows = these(ask.session, ask.who.org, sorted(ids))
    if not rows:
        return _shown(ask, 422, "Tick what is meant first.")
    done, refused = [], []
    for row in rows:
        try:
            with ask.session.begin_nested():
                do(ask.session, row["id"])
        except CannotDo as why:
            refused.append((row, str(why)))
        else:
            done.append(row)
    if not done:
        meanwhile = all(row["state"] != "held" for row, _ in refused)
        return _shown(ask, 409 if meanwhile else 422, _why(ask, refused))
    its = "its" if len(done) == 1 else "their"
    name = f"“{_name(done[0])}” is" if len(done) == 1 else f"{len(done)} are"
    said = f"{name} {verb.format(its=its)}." + (f" {_why(ask, refused)}" if refused else "")
    only = done[0]["id"] if len(done) == 1 else None
    listed = [str(row["id"]) for row in done]
    to = "/fleet/quarantine"
    if ask.fields.get("platform", "").isalpha():
        to += f"?platform={ask.fields['platform']}"
    return ask.done(to, what, said, of="quarantine", of_id=only, ids=listed)


def _name(row: dict[str, Any]) -> str:
    return one_line(row["external_id"] or row["reason"], 80)


def _why(ask: Ask, refused: list[tuple[dict[str, Any], str]]) -> str:
    row, why = refused[0]
    if row["state"] != "held":
        why = f"It was {row['state']} {since(row['settled_at'], fleet.now(ask.session))} already."
    if len(refused) == 1:
        return f"“{_name(row)}” stays as it is: {why}"
    return f"{counted(len(refused), 'other')} stay as they are; the first, “{_name(row)}”: {why}"


def _shown(ask: Ask, status: int = 200, wrong: str = "") -> Response:
    session, org = ask.session, ask.who.org
    counts = platforms(session, org)
    asked = ask.wish("platform") or ask.fields.get("platform", "")
    chosen = asked if asked in dict(counts) else ""
    try:
        before = UUID(ask.wish("before")) if ask.wish("before") else None
    except ValueError:
        before = None
    rows = page(session, org, MOST + 1, platform=chosen or None, before=before)
    shown = [row | _texts(row) for row in rows[:MOST]]
    values = {
        "now": fleet.now(session),
        "rows": shown,
        "counts": counts,
        "all": sum(number for _, number in counts),
        "chosen": chosen,
        "first": before is None,
        "older": shown[-1]["id"] if len(rows) > MOST else None,
        "wrong": wrong,
        "ticked": set(ask.fields.getlist("id")),
    }
    return ask.shows("fleet/quarantine.html", values, status)


def _texts(row: dict[str, Any]) -> dict[str, Any]:
    shown = row["shown"]
    told = shown if isinstance(shown, str) else json.dumps(shown, indent=2, ensure_ascii=False, default=str)
    return {
        "id": str(row["id"]),
        "name": _name(row),
        "text": None if shown is None else _cut(told),
        "trace": row["trace"] and _cut(row["trace"].rstrip()),
        "post": row["stage"] == "digest",
    }


def _cut(words: str) -> str:
    return safe(words if len(words) <= LONG else words[:LONG] + "\n… cut here")
