"""`/cases`: what is open, the one that is due first at the top. `/cases/fresh` is the part that follows the database.

The list itself does not grow under anybody's hands: the part says how many are new, and whoever wants them asks.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast, get_args
from urllib.parse import urlencode
from uuid import UUID

from starlette.responses import RedirectResponse, Response

from console import casework, fleet, inbox
from console.inbox import Place, Show
from console.policy import due_times, in_words
from console.records import called
from console.web.asked import Ask
from console.web.pages import HEADERS

TITLES: dict[Show, str] = {
    "mine": "mine",
    "unassigned": "unassigned",
    "all": "all open",
    "tickets": "tickets",
    "incidents": "incidents",
    "activities": "activities",
    "closed": "closed",
}
EMPTY: dict[Show, str] = {
    "mine": "Nothing is yours. Take something from the unassigned.",
    "unassigned": "Everything has an owner.",
    "all": "Nothing is open. Cases open by themselves when a post crosses a rule.",
    "tickets": "No ticket is open.",
    "incidents": "No incident is open. One opens by itself when many complain about the same within an hour.",
    "activities": "No activity is open.",
    "closed": "Nothing was closed yet.",
}
MOST_WORDS = 120
MINUTE = timedelta(minutes=1)


def whole(ask: Ask) -> Response:
    """The page; a number that is searched for opens its ticket."""
    words = ask.wish("q")[:MOST_WORDS].replace("\0", "")
    if words and (found := inbox.numbered(ask.session, ask.who.org, words)):
        return RedirectResponse(f"/cases/{found}", 303, HEADERS)
    now, me = fleet.now(ask.session), casework.me(ask.session, ask.who.org, ask.who.email)
    show, account = _show(ask), _id(ask.wish("account"))
    rows, more = inbox.listed(
        ask.session, ask.who.org, show, me, account=account, words=words, after=_place(ask.wish("after"))
    )
    kept = {"show": show, "account": account or "", "q": words}
    values = _part(ask, now, show, now) | {
        "rows": [row | _told(row, now) for row in rows],
        "words": words,
        "account": account and called(ask.session, ask.who.org, "account", account),
        "next": more and _address(kept | {"after": f"{more.at.isoformat()}~{more.case}"}),
        "further": bool(ask.wish("after")),
        "back": _address(kept),
        "people": casework.people(ask.session, ask.who.org) if ask.may else [],
        "me": me,
        "empty": EMPTY[show],
        "nothing_fits": f"Nothing among {TITLES[show]} fits." if words or account else "",
    }
    return ask.shows("cases/inbox.html", values)


def part(ask: Ask) -> Response:
    """What changes above the list."""
    now = fleet.now(ask.session)
    return ask.shows("cases/_above.html", _part(ask, now, _show(ask), _moment(ask.wish("since")) or now))


def _part(ask: Ask, now: datetime, show: Show, since: datetime) -> dict[str, Any]:
    session, org = ask.session, ask.who.org
    numbers = dict(ask.shared("cases", lambda: inbox.counts(session, org)))
    numbers["mine"] = inbox.mine(session, org, casework.me(session, org, ask.who.email))
    return {
        "now": now,
        "shown_at": since,
        "show": show,
        "counts": [(name, title, upto(numbers[name])) for name, title in TITLES.items()],
        "times": ask.shared("times", lambda: inbox.times(session, org)),
        "dues": [(name, in_words(span // MINUTE)) for name, span in due_times(session, org).items()],
        "incidents": inbox.incidents(session, org, since),
        "fresh": upto(fresh) if (fresh := inbox.fresh(session, org, since)) else "",
        "again": _address(
            {"show": show, "account": _id(ask.wish("account")) or "", "q": ask.wish("q")[:MOST_WORDS]}
        ),
    }


def upto(number: int) -> str:
    """A count that is not counted to its end."""
    return f"{inbox.COUNTED:,}+" if number > inbox.COUNTED else f"{number:,}"


def _told(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    parts = (
        row["number"],
        row["status"],
        row["priority"],
        row["owner_id"],
        row["verdict"],
        row["account_id"],
    )
    late = row["due"] is not None and row["due"] < now and row["status"] in ("open", "planned")
    return {
        "late": late,
        "version": casework.version(*parts),
        "name": f"#{row['number']}" if row["number"] else "activity",
        "status": (row["status"] or "nothing left").replace("_", " "),
    }


def _show(ask: Ask) -> Show:
    told = ask.wish("show")
    return cast(Show, told) if told in get_args(Show) else "all"


def _id(told: str) -> UUID | None:
    try:
        return UUID(told)
    except ValueError:
        return None


def _moment(told: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(told)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _place(told: str) -> Place | None:
    at, _, case = told.partition("~")
    moment, which = _moment(at), _id(case)
    return Place(moment, which) if moment and which else None


def _address(wishes: dict[str, Any]) -> str:
    told = {name: str(value) for name, value in wishes.items() if value and (name, value) != ("show", "all")}
    return "/cases" + (f"?{urlencode(told)}" if told else "")
