"""Support weighs a word and makes a rule milder, each after seeing what that would have done, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests import browser as chromium
from tests.journey import FURIOUS, Journey
from tests.serving import web
from tests.signing_in import PASSWORD, SAM, let_in
from tests.stream_rows import post

pytestmark = pytest.mark.browser


@pytest.fixture
def journey(database: str) -> Iterator[Journey]:
    journey = Journey(database)
    let_in(journey, SAM)
    noon = datetime.now(UTC).replace(hour=12, minute=0) - timedelta(days=1)
    source = journey.source(term="acme", host="https://town.example", escalate_from=noon - timedelta(days=9))
    journey.own("acme@town.example")
    journey.hear(
        source, post("h1", "The zorblax arrived. " * 9, noon, "zoe" * 40), post("h2", FURIOUS, noon, "ann")
    )
    journey.execute("UPDATE social_events SET addressed = true")
    yield journey
    journey.close()


def stands(page: Page) -> None:
    """Nothing is in anybody's way and nothing sticks out, wide and light or narrow and dark."""
    for width, scheme in (("narrow", "dark"), ("wide", "light")):
        wide, high = chromium.WIDTHS[width]
        page.set_viewport_size({"width": wide, "height": high})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        assert chromium.barriers(page) == []
        across = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert across[0] <= across[1]


def test_support_weighs_a_word_and_changes_a_rule_after_seeing_what_that_would_have_done(
    journey: Journey,
) -> None:
    with (
        web(journey.url) as base,
        chromium.browser() as browser,
        chromium.tab(browser, reduced_motion="reduce") as page,
    ):
        page.goto(f"{base}/sign-in?to=/rules")
        page.get_by_label("E-mail address").fill(SAM)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="Lexicon").click()
        page.get_by_label("Word or phrase").fill("zorblax")
        page.get_by_label("weighs").fill("-3")
        page.get_by_role("button", name="What would it change?").click()
        expect(page.locator("#effect")).to_contain_text("1 of 1 score would have changed")
        stands(page)
        page.get_by_role("button", name="Save it").click()
        expect(page.get_by_role("status")).to_contain_text("all workers hear of it within 30 seconds")
        assert journey.value("SELECT weight FROM lexicon_words WHERE until IS NULL") == -3
        page.get_by_label("Rules, words and policy").get_by_role("link", name="Rules").click()
        page.get_by_role("link", name="A complaint to us").click()
        page.get_by_role("link", name="Change everything else").click()
        page.get_by_label("Quiet hours").first.fill("late")
        page.get_by_role("button", name="What would it open?").click()
        expect(page.locator("[aria-invalid]")).to_be_focused()  # it stands below what a telephone shows
        stands(page)
        page.locator("[aria-invalid]").fill("")
        page.get_by_label("Threshold").fill("-0.2")
        page.get_by_role("button", name="What would it open?").click()
        expect(page.locator("svg.tested .here")).to_have_count(1)
        expect(page.locator("svg.tested .now")).to_have_count(1)
        stands(page)
        page.get_by_role("button", name="Save it").click()
        expect(page.get_by_role("status")).to_contain_text("threshold -0.2 from now on")
        assert journey.value("SELECT threshold FROM rules WHERE name = 'A complaint to us'") == -0.2
