"""What marketing says of a post's sentiment. The number stays; the correction stands beside it."""

from __future__ import annotations

from typing import cast
from urllib.parse import parse_qsl

from sqlalchemy import text
from starlette.responses import Response

from console import corrections
from console.refusal import CannotDo
from console.web.asked import Ask, NotThere
from console.web.stream import whole
from console.web.stream.address import read
from console.words import one_line
from models.vocabulary import SENTIMENTS

_THERE = text("SELECT text FROM social_events WHERE org_id = :org AND id = :id FOR KEY SHARE")


def correct(ask: Ask) -> Response:
    """Say that a post is negative, neutral or positive, or take the last correction back."""
    event, org, by = ask.name("event"), ask.who.org, ask.who.email
    words = ask.session.execute(_THERE, {"org": org, "id": event}).scalar()
    if words is None:
        raise NotThere("There is no such post any more. The stream of everything is at /stream.")
    address = read(dict(parse_qsl(ask.fields.get("address", "")[:2000])))
    was = corrections.standing(corrections.corrections_of(ask.session, event))
    if ask.fields.get("was", "") != (str(was["label"]) if was else ""):
        meanwhile = (
            f"{was['by'] or 'somebody'} called it {was['label']}" if was else "the correction was taken back"
        )
        return whole.shown(
            ask, address, 409, stale=f"Nothing was changed: meanwhile {meanwhile} (“{one_line(words, 60)}”)."
        )
    label = ask.fields.get("label", "")
    about = f"“{one_line(words, 60)}”"
    before = was["label"] if was else None
    if label == "undo":
        _, now = corrections.undo(ask.session, org, event)
        said = f"{about} is {now['label']} again." if now else f"{about} is what its score says again."
        return ask.done(address.to(), "took back", said, of="social_event", of_id=event, was=before)
    if label not in SENTIMENTS:
        raise CannotDo("A post is negative, neutral or positive.")
    corrections.correct(ask.session, org, event, cast("corrections.Label", label), by)
    return ask.done(
        address.to(),
        "corrected",
        f"{about} is {label}.",
        of="social_event",
        of_id=event,
        was=before,
        now=label,
    )
