"""Ops looks at the fleet, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests import browser as chromium
from tests.journey import Journey, post
from tests.signing_in import OLGA, PASSWORD, let_in

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.browser() as opened:
        yield opened


@pytest.fixture
def journey(database: str) -> Iterator[Journey]:
    journey = Journey(database)
    let_in(journey, OLGA)
    journey.source(term="acme", host="https://town.example")
    journey.execute(
        "UPDATE sources SET due_at = now() - interval '7 minutes', last_success_at = now() - interval '9 minutes'"
    )
    journey.source(
        *("reddit", "acme coffee"),
        kind="search",
        state="needs_reauth",
        failures=3,
        last_error="the token was refused: sign in again",
    )
    journey.source("feeds", "https://shop.example/very/long/path/to/the/feed/of/everything.xml", kind="feed")
    journey.execute("UPDATE sources SET last_error_at = now() - interval '2 hours' WHERE failures > 0")
    journey.execute(
        "UPDATE sources SET due_at = now() + interval '5 minutes', last_success_at = now() WHERE platform = 'feeds'"
    )
    yield journey
    journey.close()


def enter(page: Page, base: str) -> None:
    page.goto(f"{base}/fleet")
    page.get_by_label("E-mail address").fill(OLGA)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Fleet")).to_be_visible()


def listed(page: Page) -> Locator:
    """The sources that the table lists."""
    return page.get_by_role("table", name="Sources").locator("tbody tr")


def test_ops_signs_in_by_keyboard_and_reads_what_is_wrong_with_which_source(
    browser: Browser, base: str
) -> None:
    with chromium.tab(browser) as page:
        page.goto(base)
        expect(page.get_by_label("E-mail address")).to_be_focused()
        for typed in (OLGA, PASSWORD):
            page.keyboard.type(typed)
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(listed(page)).to_have_count(3)
        row = page.get_by_role("row", name="acme coffee")
        expect(row).to_contain_text("needs a new login, failing")
        expect(row).to_contain_text("the token was refused: sign in again 2 h ago, 3 in a row")
        expect(page.get_by_role("row", name="mastodon")).to_contain_text("active, late")


def test_the_table_follows_the_database_without_a_reload(
    browser: Browser, base: str, journey: Journey
) -> None:
    with chromium.tab(browser) as page:
        enter(page, base)
        page.evaluate("window.stayed = true")
        mine = page.get_by_role("row", name="everything.xml").get_by_role("button")
        mine.focus()
        journey.execute("UPDATE sources SET state = 'paused' WHERE platform = 'mastodon'")
        expect(page.get_by_role("row", name="mastodon")).to_contain_text("paused")
        expect(listed(page).last).to_contain_text("mastodon")
        expect(mine).to_be_focused()
        journey.execute("UPDATE sources SET state = 'paused' WHERE platform = 'feeds'")
        expect(page.get_by_role("row", name="everything.xml")).to_contain_text("paused")
        expect(page.get_by_role("row", name="everything.xml").get_by_role("button")).to_be_focused()
        journey.execute("UPDATE sources SET state = 'active' WHERE platform = 'mastodon'")
        expect(page.get_by_role("row", name="mastodon")).not_to_contain_text("paused")
        page.get_by_role("link", name="paused 1").click()
        expect(listed(page)).to_have_count(1)


def test_ops_finds_the_limited_platform_and_replays_a_quarantined_post(
    browser: Browser, base: str, journey: Journey
) -> None:
    """Six clicks after signing in: the filter, the source, back, what is held, its payload, Replay."""
    source = journey.source(
        "x", "acme", kind="search", last_error="the budget of x waits: $2.00 of $2.00 are taken"
    )
    journey.execute(
        "UPDATE sources SET last_error_at = now(), due_at = now() + interval '3 hours' WHERE platform = 'x'"
    )
    journey.execute(
        "INSERT INTO quarantine (org_id, platform, source_id, page_id, item, stage, external_id, reason, payload)"
        " VALUES (:org, 'x', :source, 1, 0, 'digest', '77', 'DataError: too long', :payload)",
        org=journey.org,
        source=source,
        payload=msgspec.msgpack.encode(post("77", "The lid <b>broke</b>.")),
    )
    with chromium.tab(browser) as page:
        enter(page, base)
        expect(page.locator("p", has_text="x is limited:")).to_contain_text(
            "1 source waits and goes on in 3 h"
        )
        page.get_by_role("link", name="limited 1").click()
        expect(listed(page)).to_have_count(1)
        page.get_by_role("link", name="acme").click()
        expect(page.get_by_text("the budget of x waits")).to_be_visible()
        page.get_by_role("main").get_by_role("link", name="Fleet").click()
        page.get_by_role("link", name="1 held").click()
        page.locator("summary", has_text="Payload").click()
        expect(page.get_by_label("Payload", exact=True)).to_contain_text("The lid <b>broke</b>.")
        page.get_by_role("button", name="Replay 77").click()
        expect(page.get_by_role("status").first).to_have_text("“77” is on its way again.")
        expect(page.get_by_text("Nothing is in quarantine.")).to_be_visible()
        with ThreadPoolExecutor(1) as beside:  # Playwright's loop stands in this thread
            beside.submit(journey.digest).result()
    assert journey.value("SELECT state FROM quarantine") == "replayed"
    assert journey.event("77").text == "The lid <b>broke</b>."
    assert journey.value("SELECT what FROM audits WHERE by = :by", by=OLGA) == "replayed"


def test_a_session_that_ended_leads_to_the_way_in(browser: Browser, base: str, journey: Journey) -> None:
    with chromium.tab(browser) as page:
        enter(page, base)
        journey.execute("DELETE FROM web_sessions")
        journey.execute("UPDATE sources SET state = 'paused' WHERE platform = 'feeds'")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("width", ["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_stands_in_anybodys_way(
    browser: Browser, base: str, journey: Journey, width: str, scheme: str
) -> None:
    source = journey.value("SELECT id FROM sources WHERE platform = 'reddit'")
    journey.execute(
        "UPDATE polls SET finished_at = now(), error = 'HTTP 500',"
        " gap = 'more than it searches back was said from 2026-11-22 10:00:00Z until 2026-11-23 09:30:00Z'"
    )
    journey.execute(
        "INSERT INTO polls (org_id, source_id, fence, gap) VALUES (:org, :source, 9, 'it hides replies')",
        org=journey.org,
        source=source,
    )
    journey.execute(
        "INSERT INTO quarantine (org_id, platform, source_id, page_id, item, stage, reason, trace, payload)"
        " VALUES (:org, 'reddit', :source, 1, 0, 'reject', 'no date', 'Traceback', :payload)",
        org=journey.org,
        source=source,
        payload=b'{"content": "<script>"}',
    )
    with chromium.tab(browser, width=width, color_scheme=scheme) as page:
        page.goto(f"{base}/sign-in")
        assert chromium.barriers(page) == []
        enter(page, base)
        ways = ("quarantine", "gaps", "workers", "sources/new", f"sources/{source}")
        for path in ("/fleet", "/nothing-here", *(f"/fleet/{way}" for way in ways)):
            page.goto(base + path)
            assert chromium.barriers(page) == []
            across = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
            assert across[0] <= across[1], path
