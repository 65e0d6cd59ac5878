"""`/fleet/sources/new`: follow something more. The platform is asked first what it would bring and take; only what was asked
about within the hour, and is not too broad, is followed.

Asking may take seconds and money, so it is written down as what it is: the note's id is what the second form brings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import text
from starlette.responses import Response

from connectors import connectors
from connectors._base import ConnectorError
from console import audit, fleet
from console.following import Wanted, add_source, campaign_of, check, refuse_inside
from console.inbound import INBOUND
from console.keys import credentials
from console.mentions import record
from console.own import own_app
from console.preview import Outlook, preview
from console.refusal import CannotDo
from console.web.asked import Ask
from console.words import counted, one_line
from workers._settings import BadSetting, settings
from workers.quotas import said

TERM = 500
POSTS = 8
"""Posts of its first page that are shown."""
# who asked, and what it was about, has to be the same as what is followed now
_ASKED = text("""
    SELECT detail FROM audits
    WHERE id = :id AND org_id = :org AND by = :by AND what = 'previewed' AND at > now() - interval '1 hour'
""")
_CAMPAIGNS = text(
    "SELECT name FROM campaigns WHERE org_id = :org ORDER BY created_at DESC, id DESC LIMIT 200"
)
FIELDS = ("watch", "term", "host", "credential", "every", "exclude", "campaign")


def new(ask: Ask) -> Response:
    """The form, with what the address says in its fields."""
    return _form(ask, {name: ask.wish(name)[:TERM].replace("\0", "") for name in FIELDS})


def outlook(ask: Ask) -> Response:
    """What it would bring and take, asked of the platform now. Nothing is stored but that it was asked."""
    typed = _typed(ask)
    try:
        wanted, _ = _wanted(ask, typed)
    except _Wrong as wrong:
        return _form(ask, typed, wrong.field, str(wrong))
    found, trouble = None, ""
    try:
        found = preview(ask.who.org, wanted)
    except (ConnectorError, BadSetting) as error:
        trouble = one_line(str(error), 400)
    most = settings().most_a_day
    broad = found is not None and found.too_broad(most)
    what = f"{wanted.platform} {wanted.kind} {wanted.term}"
    told = f"{wanted.platform} was asked what {wanted.kind} {one_line(wanted.term, 100)} would bring."
    asked = audit.note(
        *(ask.session, ask.who.org, ask.who.email, "previewed", told),
        of="source",
        wanted=_detail(wanted),
        broad=broad,
        posts_a_day=found.posts_a_day if found else None,
    )
    values = {
        "now": fleet.now(ask.session),
        "wanted": wanted,
        "what": what,
        "typed": typed,
        "asked": asked,
        "trouble": trouble,
        "figures": _figures(wanted, found) if found else None,
        "posts": found.page.posts[:POSTS] if found and found.page else (),
        "counted_posts": found.page and len(found.page.posts) if found else None,
        "broad": broad,
        "most": most,
    }
    return ask.shows("fleet/outlook.html", values)


def follow(ask: Ask) -> Response:
    """Follow it from now on."""
    typed = _typed(ask)
    try:
        wanted, campaign = _wanted(ask, typed)
        detail = _asked(ask)
        if detail is None or detail["wanted"] != _detail(wanted):
            return _form(
                ask, typed, "term", "Ask first what it would bring: this was not asked within the hour."
            )
        if detail["broad"]:
            raise _Wrong("term", f"It is too broad: about {detail['posts_a_day']:,.0f} posts a day.")
        exclude = [word for word in typed["exclude"].split(",") if word.strip()]
        try:
            with ask.session.begin_nested():
                made = add_source(ask.session, ask.who.org, wanted, exclude=exclude, campaign=campaign)
        except CannotDo as wrong:
            raise _Wrong("exclude", str(wrong)) from None
    except _Wrong as wrong:
        return _form(ask, typed, wrong.field, str(wrong))
    if made is None:
        return _form(ask, typed, "term", "It is followed already; nothing was changed.", 409)
    app = own_app(ask.session, ask.who.org, wanted.platform, wanted.term)
    told = f"{wanted.platform} {wanted.kind} {one_line(wanted.term, 100)} is followed from now on, every {wanted.every:g} s"
    told += f", for {campaign_of(ask.session, campaign)}." if campaign else "."
    if app is not None and not app[1]:
        told += f" For its reviews to be addressed to us: earshot own add {wanted.platform} {app[0]}"
    return ask.done(
        f"/fleet/sources/{made}",
        "followed",
        told,
        of="source",
        of_id=made,
        wanted=_detail(wanted),
        exclude=exclude,
    )


class _Wrong(Exception):
    """What is wrong with a field of the form, beside which it is said."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


def _typed(ask: Ask) -> dict[str, str]:
    return {name: ask.fields.get(name, "").strip().replace("\0", "") for name in FIELDS}


def _wanted(ask: Ask, typed: Mapping[str, str]) -> tuple[Wanted, UUID | None]:
    platform, _, kind = typed["watch"].partition(" ")
    if (platform, kind) not in {(one, name) for one, name, _ in _watches()}:
        raise _Wrong("watch", "Choose what is to be followed.")
    try:
        every = float(typed["every"]) if typed["every"] else None
    except ValueError:
        raise _Wrong("every", f"“{one_line(typed['every'], 40)}” is no number of seconds.") from None
    if every is not None and not 1 <= every <= 86_400 * 30:
        raise _Wrong(
            "every", "A source is visited every second at most and every 30 days (2,592,000 s) at least."
        )
    session, org = ask.session, ask.who.org
    try:
        campaign = record(session, org, "campaign", typed["campaign"] or None)
    except CannotDo as wrong:
        raise _Wrong("campaign", str(wrong)) from None
    need = connectors()[platform].watches[kind]
    given = {
        "term": None if kind == "mentions" else typed["term"],
        "host": typed["host"] or None,
        "credential": typed["credential"] or None if need.credential != "none" else None,
    }
    try:
        wanted = check(session, org, platform, kind, every=every, **given)
        refuse_inside(wanted, settings().trusted_hosts)
    except CannotDo as wrong:
        raise _beside(str(wrong)) from None
    return wanted, campaign


def _beside(words: str) -> _Wrong:
    """A refusal of `check` beside the field that it is about, without the command's options."""
    if "server" in words:
        return _Wrong("host", f"{words.partition('?')[0]}?" if "--host" in words else words)
    if "credential" in words:
        return _Wrong("credential", words.replace("say which with --credential", "choose one"))
    return _Wrong("term", words)


def _asked(ask: Ask) -> dict[str, Any] | None:
    try:
        given = {"id": UUID(ask.fields.get("asked", "")), "org": ask.who.org, "by": ask.who.email}
    except ValueError:
        return None
    return ask.session.execute(_ASKED, given).scalar()


def _detail(wanted: Wanted) -> dict[str, Any]:
    """What is followed, as a note keeps it."""
    return asdict(wanted) | {"credential": wanted.credential and str(wanted.credential)}


def _figures(wanted: Wanted, found: Outlook) -> list[tuple[str, str, str]]:
    """What it would bring and take: (of what, how much, how that is known)."""
    if found.posts_a_day is None:
        posts = ("Posts a day", "not known", "too little is there to tell")
    else:
        amount = f"{found.posts_a_day:,.0f}" if found.posts_a_day >= 10 else f"{found.posts_a_day:.1f}"
        how = "counted by the platform" if found.counted else "as those of the newest page came"
        posts = ("Posts a day", f"about {amount}", how)
    takes = [
        posts,
        ("Visits a day", f"{max(1, round(86_400 / wanted.every)):,}", f"every {wanted.every:g} s"),
    ]
    if found.a_day.money:
        month = said("money", 30 * found.a_day.money)
        takes.append(("Money a day", f"about {said('money', found.a_day.money)}", f"{month} in 30 days"))
    if found.a_day.units:
        takes.append(("Quota a day", f"about {counted(found.a_day.units, 'unit')}", "of the platform's own"))
    if not found.a_day.money and not found.a_day.units:
        takes.append(("Cost", "none", "neither money nor quota is counted"))
    return takes


def _watches() -> list[tuple[str, str, str]]:
    """What can be followed by asking for it: (platform, kind, what its term is)."""
    return [
        (platform, kind, need.term if kind == "mentions" else f"{need.term}, such as {need.example}")
        for platform, connector in connectors().items()
        for kind, need in connector.watches.items()
        if kind != INBOUND
    ]


def _form(
    ask: Ask, typed: Mapping[str, str], field: str = "", wrong: str = "", status: int = 422
) -> Response:
    watches: dict[str, list[tuple[str, str]]] = {}
    for platform, kind, words in _watches():
        watches.setdefault(platform, []).append((kind, words))
    values = {
        "typed": typed,
        "wrong": {field: wrong} if field else {},
        "more": any(typed[name] for name in ("every", "exclude", "campaign")),
        "watches": watches,
        "keys": sorted(
            {(key["identifier"], key["platform"]) for key in credentials(ask.session, ask.who.org)}
        ),
        "campaigns": list(ask.session.scalars(_CAMPAIGNS, {"org": ask.who.org})),
        "longest": TERM,
    }
    return ask.shows("fleet/new.html", values, status if field else 200)
