"""The way into the console: who gets in, who does not, and what a page that is asked from elsewhere gets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from uuid import uuid4

import httpx
import psycopg
import pytest
from sqlalchemy import make_url

from console.web.sessions import TRIES
from tests.command_line import earshot
from tests.journey import Journey
from tests.serving import web
from tests.signing_in import MAX, OLGA, PASSWORD, SAM, Visitor, let_in


@contextmanager
def away(journey: Journey, owner: str) -> Iterator[None]:
    """Nobody gets a connection to the database, and those there were are cut."""
    name = make_url(owner).database
    with psycopg.connect(
        make_url(owner).set(drivername="postgresql", database="postgres").render_as_string(False),
        autocommit=True,
    ) as db:
        db.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            journey.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = current_user AND datname = current_database() AND pid <> pg_backend_pid()"
            )
            yield
        finally:
            db.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


def test_who_signs_in_gets_to_where_they_wanted_and_out_again(journey: Journey, base: str) -> None:
    let_in(journey, OLGA)
    olga = Visitor(base)
    sent = olga.get("/fleet")
    assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in?to=/fleet")
    opened = olga.sign_in(f" {OLGA.upper()} ", to="/fleet")
    assert (opened.status_code, opened.headers["location"]) == (303, "/fleet")
    flags = opened.headers["set-cookie"]
    assert flags.startswith("__Host-earshot=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(re.split("; ", flags))
    fleet = olga.get("/fleet")
    assert "Nothing is followed yet" in fleet.text
    kept = dict(olga.cookies)
    assert olga.post("/sign-out", {"form": olga.form(fleet)}).headers["location"] == "/sign-in"
    olga.cookies = kept
    assert olga.get("/fleet").status_code == 303
    assert journey.value("SELECT count(*) FROM web_sessions") == 0


def test_a_wrong_password_and_an_unknown_address_are_answered_alike(journey: Journey, base: str) -> None:
    let_in(journey, OLGA)
    answers = [Visitor(base).sign_in(email, "a wrong password") for email in (OLGA, "nobody@acme.example")]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert all("Address and password do not belong together." in answer.text for answer in answers)


def test_whoever_guesses_is_stopped_and_the_right_password_waits_as_well(journey: Journey, base: str) -> None:
    let_in(journey, OLGA, SAM)
    guesser = Visitor(base)
    assert [guesser.sign_in(OLGA, "guess").status_code for _ in range(TRIES + 1)] == [401] * TRIES + [429]
    assert guesser.sign_in(OLGA).status_code == 429
    assert guesser.sign_in(SAM).status_code == 303
    journey.execute("UPDATE sign_in_attempts SET at = at - interval '16 minutes'")
    assert guesser.sign_in(OLGA).status_code == 303
    assert journey.value("SELECT count(*) FROM sign_in_attempts") == 0


def test_a_form_from_elsewhere_does_nothing(journey: Journey, base: str) -> None:
    let_in(journey, OLGA, SAM)
    olga, sam = Visitor(base), Visitor(base)
    assert olga.sign_in(OLGA).status_code == sam.sign_in(SAM).status_code == 303
    hers, his = (who.form(who.get("/fleet")) for who in (olga, sam))
    assert hers != his
    for fields, headers in (
        ({}, {}),
        ({"form": his}, {}),
        ({"form": hers}, {"origin": "https://evil.example"}),
        ({"form": hers}, {"sec-fetch-site": "cross-site"}),
    ):
        assert olga.post("/sign-out", fields, **headers).status_code == 403
    assert olga.get("/fleet").status_code == 200
    fields = {"email": OLGA, "password": PASSWORD}
    assert Visitor(base).post("/sign-in", fields | {"form": "made up"}).status_code == 403


@pytest.mark.parametrize("to", ["https://evil.example", "//evil.example", "/\\evil.example", "/a\nb"])
def test_nobody_is_sent_elsewhere_after_signing_in(journey: Journey, base: str, to: str) -> None:
    let_in(journey, OLGA)
    assert Visitor(base).sign_in(OLGA, to=to).headers["location"] == "/"


def test_another_role_may_look_and_change_nothing_and_a_role_that_changes_holds_at_once(
    journey: Journey, base: str
) -> None:
    let_in(journey, MAX)
    source = journey.source(term="acme", host="https://town.example")
    visitor = Visitor(base)
    visitor.sign_in(MAX)
    form = {"form": visitor.form(visitor.get("/fleet"))}
    assert "Pause" not in visitor.get("/fleet").text
    assert visitor.post(f"/fleet/sources/{source}/pause", form).status_code == 403
    assert journey.value("SELECT state FROM sources") == "active"
    journey.execute("UPDATE sign_ins SET role = 'admin'")
    assert visitor.post(f"/fleet/sources/{source}/pause", form).status_code == 303
    assert journey.value("SELECT state FROM sources") == "paused"
    journey.execute("UPDATE sign_ins SET disabled_at = now()")
    assert visitor.get("/fleet").status_code == 303


def test_what_somebody_changes_is_written_down_and_said_on_the_next_page(journey: Journey, base: str) -> None:
    let_in(journey, OLGA)
    source = journey.source(term="acme", host="https://town.example")
    olga = Visitor(base)
    olga.sign_in(OLGA)
    form = {"form": olga.form(olga.get("/fleet"))}
    told = olga.post(f"/fleet/sources/{source}/pause", form)
    [row] = journey.execute("SELECT by, what, of, of_id, said, detail FROM audits")
    assert tuple(row)[:4] == (OLGA, "paused", "source", source)
    assert row.said in olga.get(told.headers["location"]).text
    assert olga.post(f"/fleet/sources/{uuid4()}/pause", form).status_code == 404


def test_while_the_database_is_away_a_page_is_shown_as_it_was_to_whoever_saw_it(
    journey: Journey, base: str, owner_database: str
) -> None:
    let_in(journey, OLGA, MAX)
    journey.source(term="acme", host="https://town.example")
    olga, max_ = Visitor(base), Visitor(base)
    for visitor, email in ((olga, OLGA), (max_, MAX)):
        visitor.sign_in(email)
    assert "acme" in olga.get("/fleet").text
    with away(journey, owner_database):
        then = olga.get("/fleet")
        assert then.status_code == 503
        assert "This is how the page was" in then.text
        assert "acme" in then.text
        for visitor, path in ((max_, "/fleet"), (olga, "/fleet?state=paused")):
            answer = visitor.get(path)
            assert answer.status_code == 503
            assert "acme" not in answer.text
        stream = olga.get("/live")  # a browser comes back to a stream that ended, and to no other answer
        assert (stream.status_code, stream.text) == (200, "retry: 2000\n\n")


def test_a_session_ends_when_it_was_not_used_or_is_old(journey: Journey, base: str) -> None:
    let_in(journey, OLGA)
    for ended in ("seen_at = now() - interval '13 hours'", "until = now()"):
        visitor = Visitor(base)
        visitor.sign_in(OLGA)
        assert visitor.get("/fleet").status_code == 200
        journey.execute(f"UPDATE web_sessions SET {ended}")
        assert visitor.get("/fleet").status_code == 303


def test_a_dump_of_the_database_signs_nobody_in(journey: Journey, base: str) -> None:
    let_in(journey, OLGA)
    visitor = Visitor(base)
    visitor.sign_in(OLGA)
    secret = visitor.cookies["__Host-earshot"].partition(".")[2]
    dump = str(journey.execute("SELECT w::text, s::text FROM web_sessions w, sign_ins s"))
    assert secret not in dump
    assert PASSWORD not in dump
    assert "$argon2id$" in dump


def test_organisations_see_their_own_sources(journey: Journey, base: str) -> None:
    let_in(journey, OLGA)
    let_in(journey, SAM, org="other")
    journey.execute("UPDATE sign_ins SET role = 'ops'")
    journey.source(term="ours")
    journey.source(term="theirs", org_id="other")
    pages = {}
    for email in (OLGA, SAM):
        visitor = Visitor(base)
        visitor.sign_in(email)
        pages[email] = visitor.get("/fleet").text
    assert ("ours" in pages[OLGA], "theirs" in pages[OLGA]) == (True, False)
    assert ("ours" in pages[SAM], "theirs" in pages[SAM]) == (False, True)


def test_a_strangers_words_are_never_markup(journey: Journey, base: str) -> None:
    let_in(journey, OLGA)
    journey.source(
        term="<img src=x onerror=alert(1)>", last_error="</td><script>alert(2)</script>", failures=2
    )
    visitor = Visitor(base)
    visitor.sign_in(OLGA)
    text = visitor.get("/fleet").text
    assert "<img src=x" not in text
    assert "<script>" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text


def test_every_answer_allows_nothing_from_elsewhere(journey: Journey, base: str) -> None:
    let_in(journey, OLGA)
    visitor = Visitor(base)
    visitor.sign_in(OLGA)
    for path in (
        "/",
        "/sign-in",
        "/fleet",
        "/fleet/sources",
        "/nowhere",
        "/static/earshot.css",
        "/static/none",
    ):
        headers = visitor.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';"), path
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_a_short_answer_is_sent_at_once_and_does_not_wait_for_an_acknowledgement(base: str) -> None:
    with httpx.Client(base_url=base) as kept:
        kept.get("/static/mark.svg")
        took = []
        for _ in range(9):
            began = monotonic()
            kept.get("/static/mark.svg")
            took.append(monotonic() - began)
    assert min(took) < 0.035


def test_without_a_database_a_page_says_so() -> None:
    with web("postgresql://nobody@127.0.0.1:1/none") as base:
        answer = httpx.get(f"{base}/sign-in")
    assert answer.status_code == 503
    assert "The database does not answer" in answer.text


def test_people_are_let_in_at_the_terminal(journey: Journey, base: str, home: object) -> None:
    cli = earshot(home, database_url=journey.url)  # type: ignore[arg-type]
    assert "Nobody may sign in yet" in cli.done("users", "list").out
    assert "12 characters" in cli.refused("users", "add", OLGA, "--role", "ops", code=2)
    for bad in ("boss", "Ops"):
        cli.refused("users", "add", OLGA, "--role", bad, code=2)
    said = cli("users", "add", OLGA, "--role", "ops", "--name", "Olga", stdin=PASSWORD + "\n")
    assert said.out.strip() == f"{OLGA} may sign in as ops."
    visitor = Visitor(base)
    assert visitor.sign_in(OLGA).status_code == 303
    cli("users", "add", OLGA, "--role", "admin", stdin="another-password-here")
    assert visitor.get("/fleet").status_code == 303
    assert Visitor(base).sign_in(OLGA).status_code == 401
    assert OLGA in cli.done("users", "list").out
