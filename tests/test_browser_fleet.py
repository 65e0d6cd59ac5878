"""Ops looks at the fleet, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import browser as chromium
from tests.journey import Journey
from tests.serving import web
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


@pytest.fixture
def base(journey: Journey) -> Iterator[str]:
    with web(journey.url) as address:
        yield address


def enter(page: Page, base: str) -> None:
    page.goto(f"{base}/fleet")
    page.get_by_label("E-mail address").fill(OLGA)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Fleet")).to_be_visible()


def test_ops_signs_in_by_keyboard_and_reads_what_is_wrong_with_which_source(
    browser: Browser, base: str
) -> None:
    with chromium.tab(browser) as page:
        page.goto(base)
        for typed in (OLGA, PASSWORD):  # the first field has the focus
            page.keyboard.type(typed)
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("row")).to_have_count(4)
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
        journey.execute("UPDATE sources SET state = 'paused' WHERE platform = 'feeds'")
        expect(page.get_by_role("row", name="everything.xml")).to_contain_text("paused", timeout=10_000)
        page.get_by_role("link", name="paused 1").click()
        expect(page.get_by_role("row")).to_have_count(2)


def test_a_session_that_ended_leads_to_the_way_in(browser: Browser, base: str, journey: Journey) -> None:
    with chromium.tab(browser) as page:
        enter(page, base)
        journey.execute("DELETE FROM web_sessions")
        journey.execute("UPDATE sources SET state = 'paused' WHERE platform = 'feeds'")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=10_000)


@pytest.mark.parametrize("width", ["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_stands_in_anybodys_way(browser: Browser, base: str, width: str, scheme: str) -> None:
    with chromium.tab(browser, width=width, color_scheme=scheme) as page:
        page.goto(f"{base}/sign-in")
        assert chromium.barriers(page) == []
        enter(page, base)
        assert chromium.barriers(page) == []
        across = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert across[0] <= across[1]
