"""The crisis switch: hold back what would open for a while, see what waits, release it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import sessionmaker
from starlette.responses import Response

from console import fleet
from console.campaigns import newest
from console.crisis import held as waiting
from console.crisis import noted_released, switch_off, switch_on, switches
from console.refusal import CannotDo
from console.rules import rules
from console.web.asked import Ask, NotThere
from console.web.rules.whole import listed
from console.words import counted
from models.vocabulary import PLATFORMS
from workers.release import release

SHOWN = 100
LONGEST = 24 * 14
"""Hours that a switch may be on."""


def on(ask: Ask) -> Response:
    """Turn one on."""
    typed = {name: ask.fields.get(name, "").strip() for name in ("of", "hours", "reason")}
    kind, _, which = typed["of"].partition(":")
    try:
        target = _target(ask, kind, which)
        hours = int(typed["hours"]) if typed["hours"].isdecimal() else 0
        if not 1 <= hours <= LONGEST:
            raise CannotDo(f"Say for how many hours: 1 to {LONGEST}.")
        if not typed["reason"]:
            raise CannotDo("Say why; everybody sees it.")
        until = fleet.now(ask.session) + timedelta(hours=hours)
        reason = " ".join(typed["reason"].split())[:500]
        made = switch_on(
            ask.session,
            ask.who.org,
            until=until,
            reason=reason,
            by=ask.who.email,
            of=kind,
            prolong=ask.fields.get("prolong") == "yes",
            **target,
        )
    except CannotDo as refused:
        return listed(ask, str(refused), typed, 422)
    [one] = [one for one in switches(ask.session, ask.who.org) if one["id"] == made]
    said = f"Nothing opens for {one['what']} for {counted(hours, 'hour')}; what would is kept."
    return ask.done("/rules", "held back", said, of="switch", of_id=made, hours=hours, reason=reason)


def held(ask: Ask) -> Response:
    """What a switch holds back, the worst first."""
    one = _switch(ask)
    values = {"switch": one, "posts": waiting(ask.session, one["id"], SHOWN), "now": fleet.now(ask.session)}
    return ask.shows("rules/held.html", values)


def off(ask: Ask) -> Response:
    """Let escalation go on for what is said from now on."""
    one = _switch(ask)
    switch_off(ask.session, one["id"], ask.who.email)
    more = f" {counted(one['held'], 'post')} still wait to be released." if one["held"] else ""
    return ask.done(
        "/rules", "let go on", f"{one['what']} is not held back any more.{more}", of="switch", of_id=one["id"]
    )


def released(ask: Ask) -> Response:
    """Turn it off and decide about everything that it held, in transactions of its own: they may be thousands."""
    one = _switch(ask)
    bind = ask.session.get_bind()
    assert isinstance(bind, Engine)
    sessions = sessionmaker(bind)
    with sessions() as session, session.begin():
        switch_off(session, one["id"], ask.who.email)
    posts = cases = 0
    for batch in release(sessions, ask.who.org, one["id"]):
        posts, cases = posts + batch.posts, cases + batch.cases
    noted_released(ask.session, one["id"], ask.who.email)
    said = f"Released {counted(posts, 'post')} of {one['what']}: {cases:,} belong to a case now."
    return ask.done("/rules", "released", said, of="switch", of_id=one["id"], posts=posts, cases=cases)


def _target(ask: Ask, kind: str, which: str) -> dict[str, Any]:
    if kind == "platform" and which in PLATFORMS:
        return {"platform": which}
    known = {"campaign": newest, "rule": rules}
    ids = (
        {str(one["id"]): one["id"] for one in known[kind](ask.session, ask.who.org)} if kind in known else {}
    )
    if which not in ids:
        raise CannotDo("Choose what is held back: a platform, a campaign or a rule.")
    return {kind: ids[which]}


def _switch(ask: Ask) -> dict[str, Any]:
    which = ask.name("switch")
    for one in switches(ask.session, ask.who.org):
        if one["id"] == which:
            return one
    raise NotThere("There is no such switch.")
