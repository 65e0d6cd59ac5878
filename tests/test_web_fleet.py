"""Ops' pages without a browser: a source and its visits, what is held, what a form does to the database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from uuid import UUID, uuid4

import httpx
import pytest

from tests.journey import Journey, post
from tests.serving import web
from tests.signing_in import OLGA, SAM, Visitor, let_in


@pytest.fixture
def journey(database: str) -> Iterator[Journey]:
    journey = Journey(database)
    let_in(journey, OLGA, SAM)
    yield journey
    journey.close()


@pytest.fixture
def base(journey: Journey) -> Iterator[str]:
    with web(journey.url) as address:
        yield address


@pytest.fixture
def olga(base: str, journey: Journey) -> Visitor:
    olga = Visitor(base)
    assert olga.sign_in(OLGA).status_code == 303
    return olga


def words(answer: httpx.Response) -> str:
    """What a page says, without its markup."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def visit(journey: Journey, source: UUID, minutes: float, **columns: object) -> UUID:
    """A visit that ended so many minutes ago."""
    names = {"org_id": journey.org, "source_id": source, "fence": 0} | columns
    made: UUID = journey.value(
        f"INSERT INTO polls (started_at, finished_at, {', '.join(names)}) VALUES (now() - make_interval(mins => :ago),"
        f" now() - make_interval(mins => :ago), {', '.join(f':{name}' for name in names)}) RETURNING id",
        ago=minutes,
        **names,
    )
    return made


def test_a_source_shows_its_visits_with_what_became_of_each_post(journey: Journey, olga: Visitor) -> None:
    source = journey.source(term="acme")
    journey.hear(source, post("1"), post("2"), post("2"))
    visit(journey, source, 30, error="<b>HTTP 500</b>")
    visit(journey, source, 60, visits=37)
    visit(journey, source, 90, gap="2 h are missing")
    shown = olga.get(f"/fleet/sources/{source}")
    assert re.findall(r'class="when (\w+)"', shown.text) == ["going", "error", "empty", "gap"]
    assert re.findall(r'class="bar (\w+)"><title>', shown.text) == ["gap", "empty", "error", "going"]
    row = shown.text.split('id="visit-')[1]
    assert dict(re.findall(r'data-name="(\w+)">(?:<[^>]+>)?(\d+)', row)) | {"pages": "1"} == {
        "pages": "1", "fetched": "3", "new": "2", "duplicate": "1",
    } | dict.fromkeys(("edited", "filtered", "quarantined", "waiting"), "0")  # fmt: skip
    assert "<b>HTTP" not in shown.text
    assert "37 visits" in words(shown)
    assert "4 visits: 1 brought nothing new, 1 left a gap, 1 failed, 1 under way." in shown.text


def test_visits_page_by_the_last_row_and_end(journey: Journey, olga: Visitor) -> None:
    source = journey.source(term="acme")
    made = [visit(journey, source, 1 + number) for number in range(103)]
    first = olga.get(f"/fleet/sources/{source}")
    [older] = re.findall(r'href="([^"]*before=[^"]*)"', first.text)
    second = olga.get(unescape(older))
    seen = [re.findall(r'id="visit-([0-9a-f-]+)"', page.text) for page in (first, second)]
    assert [len(ids) for ids in seen] == [100, 4]  # 103, and the one that `source` opened
    assert {*seen[0], *seen[1]} >= {str(one) for one in made}
    assert "before=" not in second.text


def test_a_refused_login_says_the_command_that_mends_it(journey: Journey, olga: Visitor) -> None:
    key = journey.value(
        "INSERT INTO credentials (org_id, platform, host, identifier, secret, state) VALUES"
        " (:org, 'mastodon', 'https://town.example', 'acme@town.example', '', 'needs_reauth') RETURNING id",
        org=journey.org,
    )
    source = journey.source(term="acme", state="needs_reauth", credential_id=key, last_error="401")
    shown = olga.get(f"/fleet/sources/{source}")
    assert "<code>earshot credentials add mastodon acme@town.example</code>" in shown.text


def test_a_source_of_another_organisation_is_not_there(journey: Journey, olga: Visitor) -> None:
    other = Journey(journey.url, org="others")
    theirs = other.source(term="theirs")
    other.close()
    for path in (theirs, uuid4(), "nonsense"):
        assert olga.get(f"/fleet/sources/{path}").status_code == 404
    assert "theirs" not in olga.get("/fleet").text
    form = olga.form(olga.get("/fleet"))
    assert olga.post(f"/fleet/sources/{theirs}/pause", {"form": form}).status_code == 404


def test_who_waits_for_a_budget_is_limited_and_says_until_when(journey: Journey, olga: Visitor) -> None:
    journey.execute(
        "WITH q AS ("
        "INSERT INTO quotas (org_id, platform, of, period, amount) VALUES (:org, 'x', 'money', 'month', 2000000))"
        " INSERT INTO spendings (org_id, platform, of, period, starts_on, spent)"
        " VALUES (:org, 'x', 'money', 'month', date_trunc('month', now() AT TIME ZONE 'UTC')::date, 2000000)",
        org=journey.org,
    )
    source = journey.source(*("x", "acme"), last_error="the budget of x waits: $2.00 of $2.00 are taken")
    journey.execute("UPDATE sources SET last_error_at = now(), due_at = now() + interval '3 hours'")
    journey.source(term="fine")
    journey.execute("UPDATE sources SET due_at = now() + interval '1 minute' WHERE platform = 'mastodon'")
    limited = olga.get("/fleet?state=limited")
    assert re.findall(r'id="source-([0-9a-f-]+)"', limited.text) == [str(source)]
    shown = words(olga.get(f"/fleet/sources/{source}"))
    assert "active, limited" in shown
    assert re.search(r"\$2.00 of \$2.00 this month used up until \d{4}-\d\d-01 00:00 UTC", shown)
