"""News as an e-mail says it: a subject and plain text. Pure.

What other people wrote stands in it quoted, without characters that steer a screen or end a header.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

_HAPPENED = {
    "case.opened": "New",
    "case.raised": "Worse",
    "case.reopened": "Open again",
    "case.closed": "Closed",
    "case.merged": "Merged into another",
    "case.split": "Split out of another",
    "incident.opened": "Incident",
    "incident.raised": "Incident, worse",
    "incident.reopened": "Incident, open again",
    "incident.closed": "Incident over",
    "post.noticed": "Noticed",
    "rule.demoted": "A rule only suggests now",
    "test": "A test",
}
LONGEST = 150
"""Characters of a subject."""


def subject(kind: str, body: Mapping[str, Any]) -> str:
    """One line."""
    if kind == "digest":
        return f"[Earshot] {sum(body.get('counts', {}).values())} pieces of news in one"
    ticket = body.get("ticket") or {}
    number = f" ticket {ticket['number']}" if ticket.get("number") else ""
    about = _line(body.get("subject") or body.get("rule") or body.get("said") or "")
    words = f"[Earshot] {_HAPPENED.get(kind, kind)}{number}{': ' if about else ''}{about}"
    return words if len(words) <= LONGEST else words[: LONGEST - 1].rstrip() + "…"


def words(kind: str, body: Mapping[str, Any]) -> str:
    """The text."""
    lines = _digest(body) if kind == "digest" else _one(kind, body)
    return "\n".join(lines) + "\n"


def _one(kind: str, body: Mapping[str, Any]) -> Iterator[str]:
    about = body.get("subject") or body.get("said") or body.get("rule") or kind
    yield f"{_HAPPENED.get(kind, kind)}: {_line(about)}"
    yield ""
    ticket = body.get("ticket") or {}
    if ticket:
        yield f"Ticket:   {ticket.get('number')}, {ticket.get('priority')} priority, {ticket.get('status')}"
    for name in ("account", "contact", "owner", "rule"):
        if body.get(name):
            yield f"{name.capitalize() + ':':<10}{_line(body[name])}"
    for name, key in (("Into", "merged_into"), ("Out of", "out_of")):
        other = (body.get(key) or {}).get("ticket")
        if other:
            yield f"{name + ':':<10}ticket {other}"
    if body.get("score") is not None:
        limit = f" (threshold {body['threshold']:+.2f})" if body.get("threshold") is not None else ""
        yield f"Score:    {body['score']:+.2f}{limit}"
    if body.get("judged"):
        yield f"Verdicts: {body['judged']:,}, {body.get('wrong', 0):,} of them that it was wrong"
    for name, key in (("Opened", "opened_at"), ("Closed", "closed_at")):
        if body.get(key):
            yield f"{name + ':':<10}{_moment(body[key])}"
    post = body.get("post") or {}
    if post:
        yield ""
        yield f"{_line(post.get('author') or 'Somebody')} on {post.get('platform')}, {_moment(post.get('occurred_at'))}:"
        yield from (f"> {_line(line)}" for line in str(post.get("text") or "").splitlines())
        if post.get("url"):
            yield _line(post["url"])
    if body.get("case"):
        yield ""
        yield f"Case {body['case']}"


def _digest(body: Mapping[str, Any]) -> Iterator[str]:
    yield f"More news than this address is to be sent in an hour, from {_moment(body.get('since'))} to {_moment(body.get('until'))}:"
    yield ""
    for kind, number in sorted(body.get("counts", {}).items()):
        yield f"{number:>7,}  {_HAPPENED.get(kind, kind)}"
    yield ""
    for line in body.get("news") or ():
        number = f"ticket {line['ticket']}, " if line.get("ticket") else ""
        happened = _HAPPENED.get(line.get("kind"), line.get("kind"))
        yield f"{_moment(line.get('at'))}  {happened}: {number}{_line(line.get('subject') or line.get('case') or '')}"
    if body.get("more"):
        yield f"... and {body['more']:,} more."


def _moment(told: Any) -> str:
    # PostgreSQL writes a moment in the time zone of whoever made the news
    try:
        moment = datetime.fromisoformat(str(told))
    except ValueError:
        return "unknown"
    moment = moment.astimezone(UTC) if moment.tzinfo else moment
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _line(told: Any) -> str:
    return "".join(c for c in " ".join(str(told).split()) if c.isprintable())
