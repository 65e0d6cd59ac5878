"""Marketing finds what set off a spike and takes its posts along, in a real browser."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import browser as chromium
from tests import workbook
from tests.journey import Journey
from tests.signing_in import MAX, PASSWORD, let_in
from tests.stream_rows import Morning, stream

pytestmark = pytest.mark.browser


@pytest.fixture
def journey(database: str) -> Iterator[Journey]:
    journey = Journey(database)
    let_in(journey, MAX)
    yield journey
    journey.close()


@pytest.fixture
def morning(journey: Journey) -> Morning:
    """Digested before a browser stands in this thread."""
    return stream(journey)


@pytest.fixture
def browser(morning: Morning) -> Iterator[Browser]:
    with chromium.browser() as opened:
        yield opened


def enter(page: Page, base: str) -> None:
    page.goto(base)
    page.get_by_label("E-mail address").fill(MAX)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Stream")).to_be_visible()


def test_marketing_finds_what_set_off_a_spike_takes_its_posts_along_and_corrects_one(
    browser: Browser, base: str, journey: Journey, morning: Morning, tmp_path: Path
) -> None:
    with chromium.tab(browser, accept_downloads=True) as page:
        enter(page, base)
        spike = page.locator(".spike")
        expect(spike).to_have_count(1)
        expect(spike).to_contain_text(
            f"{morning.n} posts, 2 are usual. 41 belong to one thread, newsdesk@town.example"
        )
        expect(page.locator("#sample")).to_contain_text("furious@town.example")
        # the chart's highest point, and the sentence's link, show the same posts
        at = page.evaluate("""() => {
            const over = document.querySelector("#chart .u-over").getBoundingClientRect();
            const told = JSON.parse(document.getElementById("chart").dataset.chart);
            const i = told.n.indexOf(Math.max(...told.n));
            return [over.x + (over.width * i) / (told.n.length - 1), over.y + over.height / 2];
        }""")
        page.mouse.move(*at)
        expect(page.locator("#point")).to_contain_text(f": {morning.n} posts, 2 usual, ")
        page.mouse.click(*at)
        expect(page.get_by_role("heading", name="Posts from")).to_be_visible()
        shown = page.url
        page.goto(base)
        page.locator(".spike a").click()
        assert page.url == shown
        with page.expect_download() as loading:
            page.get_by_role("button", name="Export as CSV").click()
        file = tmp_path / "posts.csv"
        loading.value.save_as(file)
        with file.open(encoding="utf-8-sig", newline="") as opened:
            rows = {row["id"]: row for row in csv.DictReader(opened)}
        stored = journey.execute(
            "SELECT id::text, text, sentiment, url FROM social_events"
            " WHERE occurred_at >= :at AND occurred_at < :at + interval '1 hour'",
            at=morning.at,
        )
        assert len(stored) == morning.n
        assert {(row["id"], row["text"], float(row["sentiment"]), row["url"]) for row in rows.values()} == {
            tuple(row) for row in stored
        }
        with page.expect_download() as loading:
            chromium.press(page, "x")
        loading.value.save_as(file)
        assert {row["id"].said for row in workbook.table(file.read_bytes())} == rows.keys()
        first = page.locator(".post").first
        first.get_by_text("Correct").click()
        first.get_by_role("button", name="neutral").click()
        expect(page.get_by_role("status").first).to_contain_text("is neutral.")
        [(label, by)] = journey.execute("SELECT label, by FROM corrections")
        assert (label, by) == ("neutral", MAX)
        assert journey.value("SELECT count(*) FROM audits") == 3


def test_new_posts_are_told_and_shown_when_asked_and_the_chart_follows_by_itself(
    journey: Journey, morning: Morning, base: str, browser: Browser
) -> None:
    with chromium.tab(browser) as page:
        enter(page, base)
        page.evaluate("window.stayed = document.querySelector('#chart canvas')")
        page.locator("#steps summary").click()
        before = page.locator(".post").first.get_attribute("id")
        journey.execute(
            """
            INSERT INTO social_events (org_id, platform, external_id, text, occurred_at)
            VALUES ('main', 'mastodon', 'fresh', 'Just now.', now());
            UPDATE hours SET n = n + 100 WHERE scope = 'all' AND hour = (SELECT max(hour) FROM hours)
            """
        )
        expect(page.get_by_role("link", name="1 new post: show")).to_be_visible(timeout=10_000)
        assert page.locator(".post").first.get_attribute("id") == before
        expect(page.locator(".figures")).to_contain_text(re.compile("1[89]\\d"))
        assert page.evaluate("window.stayed === document.querySelector('#chart canvas')")
        assert page.evaluate("document.getElementById('steps').open")
        chromium.press(page, "n")
        expect(page.locator(".post").first).to_contain_text("Just now.")


def test_nothing_stands_in_anybodys_way(journey: Journey, base: str) -> None:
    stream(journey, every=8, angry=12)
    with chromium.browser() as browser:
        for width, scheme in product(("wide", "narrow"), ("light", "dark")):
            with chromium.tab(browser, width=width, color_scheme=scheme) as page:
                enter(page, base)
                expect(page.locator(".spike")).to_have_count(1)
                expect(page.locator("#sample")).to_contain_text("Words")
                page.locator("#steps summary").click()
                page.locator(".correct summary").first.click()
                assert chromium.barriers(page) == []
                across = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
                assert across[0] <= across[1]
                assert page.locator("#chart canvas").count() == 1


def test_without_scripts_the_hours_are_a_table_of_links_and_the_words_are_a_link(
    browser: Browser, base: str, morning: Morning
) -> None:
    with chromium.tab(browser, java_script_enabled=False) as page:
        enter(page, base)
        page.get_by_role("link", name="Top authors and words").click()
        expect(page.locator("#sample")).to_contain_text("grinder")
        page.locator("#steps summary").click()
        page.get_by_role("row", name="spike").get_by_role("link").click()
        expect(page.locator(".post")).to_have_count(40)
