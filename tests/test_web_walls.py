"""What every address of the console holds to, by walking all of its routes: nothing of another organisation, no form that is not
ours, no change without the role, the same headers on every answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from sqlalchemy import create_engine, text
from starlette.routing import Route

from console.web.app import application
from console.web.pages import HEADERS
from console.web.roles import AREAS, may
from models import Base
from tests.journey import FURIOUS, US, post
from tests.reviewing import Reviewing
from tests.signing_in import ADA, MAX, OLGA, SAM, Visitor, let_in
from workers._settings import Settings

MARK = "Unheardof"
"""Stands in every name and text of the other organisation."""
EVERYBODY = {OLGA: "ops", MAX: "marketing", SAM: "support", ADA: "admin"}
OPEN = ("/static/{name}", "/sign-in")


@pytest.fixture
def journey(database: str) -> Iterator[Reviewing]:
    journey = Reviewing(database)
    journey.own(US)
    let_in(journey, *EVERYBODY)
    yield journey
    journey.close()


def routes(journey: Reviewing) -> list[Route]:
    """All that the console answers to, but for what is live and what is delivered."""
    app = application(Settings(database_url=journey.url), lambda: None, nullcontext())
    found = [one for one in app.routes if isinstance(one, Route)]
    return [one for one in found if one.path not in (*OPEN, "/live", "/in/{source}")]


def filled(one: Reviewing, mark: str) -> dict[str, str]:
    """One record of each kind, by what routes and forms call it."""
    source = one.source(term=mark.lower())
    one.own(US) if one.org != "main" else None
    account, campaign = one.account(f"{mark} Ltd"), one.campaign(f"{mark} sale")
    contact = one.person(f"{mark} Ann", account)
    one.hear(source, post("p1", f"{FURIOUS} {mark}", by=f"{mark.lower()}1", to=US))
    one.hear(source, post("p2", f"{FURIOUS} {mark}", by=f"{mark.lower()}2", to=US))
    event, other = one.event("p1"), one.event("p2")
    one.suggest(event.id, "account", account, f"{mark} Limited")
    step = one.accept(one.suggest(other.id, "account", account, f"{mark} Inc"))[0]
    rule = one.value(
        "UPDATE rules SET name = :mark || ' rule' WHERE id = :id RETURNING id", mark=mark, id=event.rule_id
    )
    switch = one.value(
        "INSERT INTO holds (org_id, of, rule_id, until, reason, by) VALUES (:org, 'rule', :rule, now() + interval '1 h', :mark, 'x')"
        " RETURNING id",
        org=one.org,
        rule=rule,
        mark=mark,
    )
    held = one.value(
        "INSERT INTO quarantine (org_id, platform, source_id, page_id, item, stage, reason, payload)"
        " VALUES (:org, 'mastodon', :source, 1, 0, 'reject', :mark, 'x') RETURNING id",
        org=one.org,
        source=source,
        mark=mark,
    )
    note = one.value(
        "INSERT INTO audits (org_id, by, what, of, said) VALUES (:org, :by, 'did', 'x', :mark) RETURNING id",
        org=one.org,
        by=ADA,
        mark=mark,
    )
    user = one.value(
        "INSERT INTO users (org_id, name, email) VALUES (:org, :mark, :mark || '@x.example') RETURNING id",
        org=one.org,
        mark=mark,
    )
    person = one.value(
        "INSERT INTO sign_ins (org_id, user_id, email, password, role) VALUES (:org, :user, :mark || '@x.example', 'x', 'ops')"
        " RETURNING id",
        org=one.org,
        user=user,
        mark=mark.lower(),
    )
    suggestion = one.value("SELECT id FROM matches WHERE org_id = :org AND state = 'suggested'", org=one.org)
    ticket = one.value("SELECT number FROM tickets WHERE id = :id", id=event.ticket_id)
    found = {
        "source": source, "case": event.case_id, "child": other.case_id, "event": event.id, "suggestion": suggestion,
        "step": step.id, "rule": rule, "switch": switch, "person": person, "account": account, "campaign": campaign,
        "contact": contact, "author": event.identity_id, "held": held, "note": note, "user": user, "ticket": ticket,
    }  # fmt: skip
    return {name: str(value) for name, value in found.items()}


def everything(journey: Reviewing, org: str) -> dict[str, Any]:
    """A fingerprint of each table's rows of an organisation."""
    of = [table.name for table in Base.metadata.sorted_tables if "org_id" in table.c]
    return {
        name: journey.value(
            f"SELECT md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM {name} t WHERE org_id = :org",
            org=org,
        )
        for name in of
        if name not in ("changes", "web_sessions")
    }


def path_of(route: Route, ids: dict[str, str]) -> str:
    return re.sub(r"{(\w+)}", lambda part: ids[part[1]], route.path)


def sent(theirs: dict[str, str]) -> dict[str, str | list[str]]:
    """Whatever a form may bring, naming their records."""
    version = "2026-01-01 00:00:00+00:00"
    return {
        "owner": theirs["user"], "status": "closed", "priority": "low", "verdict": "spam", "note": "ours now", "close": "yes",
        "into": theirs["ticket"], "what": "post", "step": theirs["step"], "kind": "account", "named": f"{MARK} Ltd",
        "record": theirs["account"], "do": "take", "case": [f"{theirs['case']} {version}"], "version": version,
        "id": [theirs["held"]], "of": f"rule:{theirs['rule']}", "hours": "3", "reason": "why", "threshold": "-0.9",
        "was": "-0.42", "on": "no", "seen": "", "label": "positive", "role": "ops", "password": "plum-orchard-at-dusk",
        "off": "yes", "address": f"scope=account:{theirs['account']}", "campaign": theirs["campaign"],
    }  # fmt: skip


def guarded(answer: httpx.Response, at: str) -> None:
    """The headers of every answer."""
    missing = [
        name
        for name, value in HEADERS.items()
        if name != "cache-control" and answer.headers.get(name) != value
    ]
    assert missing == [], at
    assert answer.headers["cache-control"] == "no-store", at


def test_no_address_and_no_form_shows_or_changes_anything_of_another_organisation(
    journey: Reviewing, base: str
) -> None:
    others = Reviewing(journey.url, "theirs")
    theirs, ours = filled(others, MARK), filled(journey, "Ourown")
    others.close()
    ada = Visitor(base)
    ada.sign_in(ADA)
    form = ada.form(ada.get("/me"))
    before = everything(journey, "theirs")
    walked = 0
    for route in routes(journey):
        names = re.findall(r"{(\w+)}", route.path)
        if not names:
            continue
        # all of theirs, and each one of theirs below what is ours
        for mixed in {
            tuple(name in foreign for name in names) for foreign in [set(names), *({n} for n in names)]
        }:
            ids = {name: (theirs if alien else ours)[name] for name, alien in zip(names, mixed, strict=True)}
            for method in sorted(route.methods or ()):
                if method == "HEAD":
                    continue
                path = path_of(route, ids)
                told = {**sent(theirs), "form": form}
                answer = ada.get(path) if method == "GET" else ada.post(path, told)
                at = f"{method} {route.path} {mixed}: {answer.status_code}"
                # below our own record a form that is too old may be told so first
                assert answer.status_code in ((404,) if all(mixed) else (404, 409)), at
                assert MARK.lower() not in answer.text.lower(), at
                guarded(answer, at)
                walked += 1
    assert walked >= 50
    for route in routes(journey):  # what takes their ids in a field
        if "POST" in (route.methods or ()) and route.path != "/sign-out":
            answer = ada.post(path_of(route, ours), {**sent(theirs), "form": form})
            assert answer.status_code < 500, route.path
            if answer.status_code != 303:
                shown = answer.text.replace(f"{MARK} Ltd", "")  # what was typed stays in its field
                assert MARK.lower() not in shown.lower(), route.path
    queries = [
        ("/stream", {"scope": f"account:{theirs['account']}"}), ("/stream", {"scope": f"campaign:{theirs['campaign']}"}),
        ("/stream", {"author": theirs["author"]}), ("/stream", {"words": "terrible"}), ("/cases", {"account": theirs["account"]}),
        ("/stream/measured", {"scope": f"account:{theirs['account']}"}), ("/stream/sample", {"author": theirs["author"]}),
        ("/cases", {"q": f"#{theirs['ticket']}"}), ("/cases", {"q": FURIOUS}), ("/fleet", {"done": theirs["note"]}),
        ("/people/log", {"by": ADA}), ("/rules/lexicon", {"word": "terrible", "weight": "1"}),
        ("/rules/lexicon/effect", {"word": "terrible", "weight": "1"}), ("/fleet/quarantine", {"before": theirs["held"]}),
    ]  # fmt: skip
    for path, query in queries:
        assert MARK.lower() not in ada.get(f"{path}?{urlencode(query)}").text.lower(), (path, query)
    assert everything(journey, "theirs") == before


def test_every_form_wants_a_session_our_own_page_and_the_role_and_every_answer_has_the_headers(
    journey: Reviewing, base: str
) -> None:
    ours = filled(journey, "Ourown")
    people = {email: Visitor(base) for email in EVERYBODY}
    forms = {}
    for email, who in people.items():
        who.sign_in(email)
        forms[email] = who.form(who.get("/me"))
    before = everything(journey, "main")
    nobody = Visitor(base)
    for route in routes(journey):
        path, area = path_of(route, ours), route.path.split("/")[1]
        ada, form = people[ADA], forms[ADA]
        if "GET" in (route.methods or ()) and route.path != "/fleet/workers":  # that one asks the broker
            guarded(ada.get(path), path)
            sent_away = nobody.get(path)
            assert sent_away.headers["location"].startswith("/sign-in"), path
            guarded(sent_away, path)
        if "POST" in (route.methods or ()):
            assert nobody.post(path, {}).headers["location"].startswith("/sign-in"), path
            for fields, headers in (
                ({}, {}),
                ({"form": forms[SAM]}, {}),
                ({"form": form}, {"origin": "https://evil.example"}),
            ):
                refused = ada.post(path, fields, **headers)
                assert (refused.status_code, "too old" in refused.text) == (403, True), path
                guarded(refused, path)
            for email in EVERYBODY:
                if area in AREAS and not may(EVERYBODY[email], area):
                    refused = people[email].post(path, {"form": forms[email]})
                    assert (refused.status_code, "Not for your role" in refused.text) == (403, True), path
    refused = people[ADA].post("/fleet", {"form": forms[ADA]})
    assert (refused.status_code, set(refused.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})
    guarded(refused, "a page that takes no form")
    guarded(people[ADA].get("/cases/bulk"), "no id")
    guarded(people[ADA].post("/stream/export", {"form": forms[ADA]}), "a file")
    journey.execute("DELETE FROM audits WHERE what = 'exported'")
    assert everything(journey, "main") == before


@pytest.mark.parametrize(("email", "told"), [(OLGA, False), (SAM, True)])
def test_how_something_is_changed_is_told_only_to_whoever_may_change_it(
    journey: Reviewing, base: str, email: str, told: bool
) -> None:
    filled(journey, "Ourown")
    who = Visitor(base)
    who.sign_in(email)
    review, lexicon = who.get("/review").text, who.get("/rules/lexicon?q=unheardof").text
    assert "Does it mean the account" in review
    assert "No word of ours or the profile contains" in lexicon
    for page, hint in (
        (review, "<kbd>a</kbd> yes"),
        (review, "which can be taken back"),
        (lexicon, "say above what it shall weigh"),
        (who.get("/rules/lexicon?of=ours").text, "Say above what a word shall weigh"),
    ):
        assert (hint in page) is told, hint


def test_a_page_that_breaks_tells_nothing_of_why_and_has_changed_nothing(
    journey: Reviewing, base: str, owner_database: str
) -> None:
    source = filled(journey, "Ourown")["source"]
    ada = Visitor(base)
    ada.sign_in(ADA)
    form = {"form": ada.form(ada.get("/me"))}
    before = everything(journey, "main")
    owner = create_engine(owner_database)
    with owner.begin() as db:  # what is written down last cannot be
        db.execute(text("ALTER TABLE audits RENAME COLUMN said TO mislaid"))
    try:
        broke = ada.post(f"/fleet/sources/{source}/pause", form)
        unread = ada.get("/people/log")
    finally:
        with owner.begin() as db:
            db.execute(text("ALTER TABLE audits RENAME COLUMN mislaid TO said"))
        owner.dispose()
    for answer in (broke, unread):
        assert answer.status_code == 500
        assert "This page broke" in answer.text
        assert not re.search("said|Error|Traceback|audits", answer.text)
        guarded(answer, "a page that broke")
    assert everything(journey, "main") == before
    assert ada.get("/people/log").status_code == 200
