"""Support's day in a real browser, held against the database and not only against what the page says."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, Page, expect

from connectors._base import Mention
from console.rules import judged, rules
from tests import browser as chromium
from tests.journey import FURIOUS, post
from tests.reviewing import Reviewing
from tests.signing_in import PASSWORD, SAM, let_in

pytestmark = pytest.mark.browser

US, ACME = "northwind@town.example", "acme@town.example"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.browser() as opened:
        yield opened


@pytest.fixture
def journey(database: str) -> Iterator[Reviewing]:
    """Two complain to us, the first beside a customer whom it is not about; somebody else wrote a novel and a name."""
    journey = Reviewing(database)
    let_in(journey, SAM)
    journey.own(US)
    account = journey.account("Acme")
    journey.alias("handle", ACME, "account", platform="mastodon", account_id=account)
    both = (Mention(handle=US), Mention(handle=ACME))
    heard = (
        post("1", FURIOUS, by="ann", mentions=both, minutes=1, url="https://town.example/@ann/1"),
        post("2", FURIOUS + " ظريف " + "longest" * 40, by="b" * 120, to=US, minutes=2),
    )
    with ThreadPoolExecutor(1) as aside:  # the browser's own event loop stands in this thread
        aside.submit(journey.hear, journey.source(), *heard).result()
    journey.execute(
        "UPDATE tickets t SET created_at = now() - interval '20 hours', number = 700 FROM cases c, social_events e"
        " WHERE c.ticket_id = t.id AND e.case_id = c.id AND e.external_id = '1'"
    )
    yield journey
    journey.close()


def enter(page: Page, base: str) -> None:
    page.goto(base)
    page.get_by_label("E-mail address").fill(SAM)
    page.get_by_label("Password").fill(PASSWORD)
    chromium.press(page, "Enter")
    expect(page.get_by_role("heading", name="Cases")).to_be_visible()


def precision(journey: Reviewing) -> dict[str, float]:
    """The share of each rule that was judged."""
    with journey.session() as session:
        found = rules(session, journey.org)
        judged(session, journey.org, found)
    told = {rule["name"]: rule["precision"] for rule in found}
    return {name: one["share"] for name, one in told.items() if one and one["judged"]}


def test_support_takes_a_ticket_undoes_a_wrong_match_and_says_that_it_is_no_complaint(
    browser: Browser, base: str, journey: Reviewing
) -> None:
    with chromium.tab(browser) as page:
        enter(page, base)
        chromium.press(page, "j")
        chromium.press(page, "Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text("#700")
        chromium.press(page, "a")
        expect(page.get_by_role("status").first).to_have_text("Ticket #700 is Sam's now.")
        owner = "SELECT u.email FROM tickets t JOIN users u ON u.id = t.owner_id WHERE t.number = 700"
        assert journey.value(owner) == SAM

        expect(page.get_by_text("terrible -2.1")).to_be_visible()
        original = page.get_by_role("link", name="Open the original")
        expect(original).to_have_attribute("href", "https://town.example/@ann/1")
        page.get_by_role("button", name="Undo that it is about Acme").click()
        expect(page.get_by_role("status").first).to_contain_text("not tied to the account Acme any more")
        assert journey.execute("SELECT state, by FROM matches WHERE kind = 'account'") == [("undone", SAM)]
        assert journey.value("SELECT account_id FROM tickets WHERE number = 700") is None

        assert precision(journey) == {}
        page.get_by_label("not a complaint").check()
        page.get_by_label("and close it").check()
        page.get_by_role("button", name="Say so").click()
        expect(page.get_by_role("status").first).to_contain_text("was right in 0 of 1, before in 0 of 0")
        assert set(precision(journey).values()) == {0.0}
        assert "A complaint to us" in precision(journey)
        assert journey.value("SELECT status FROM tickets WHERE number = 700") == "resolved"
        assert journey.value("SELECT verdict_by FROM cases WHERE closed_at IS NOT NULL") == SAM
        chromium.press(page, "u")
        expect(page.get_by_role("link", name="closed 1")).to_be_visible()


def test_a_list_that_somebody_works_on_does_not_grow_and_says_what_is_new(
    browser: Browser, base: str, journey: Reviewing
) -> None:
    with chromium.tab(browser) as page:
        enter(page, base)
        chromium.press(page, "j")
        chromium.press(page, "x")
        expect(page.locator("#ticked")).to_have_text("1")
        top = page.get_by_role("row").nth(1).bounding_box()
        journey.execute(
            "WITH t AS (INSERT INTO tickets (subject) VALUES ('Fresh') RETURNING id, subject)"
            " INSERT INTO cases (subject, level, ticket_id) SELECT subject, 'ticket', id FROM t"
        )
        fresh = page.get_by_role("link", name="1 new: show")
        expect(fresh).to_be_visible(timeout=10_000)
        expect(page.get_by_role("row")).to_have_count(3)
        assert page.get_by_role("row").nth(1).bounding_box() == top
        expect(page.locator("#ticked")).to_have_text("1")
        chromium.press(page, "r")
        expect(page.get_by_role("row")).to_have_count(4)


@pytest.mark.parametrize("width", ["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_stands_in_anybodys_way(
    browser: Browser, base: str, journey: Reviewing, width: str, scheme: str
) -> None:
    case = journey.value("SELECT case_id FROM social_events WHERE external_id = '2'")
    with chromium.tab(browser, width=width, color_scheme=scheme, reduced_motion="reduce") as page:
        enter(page, base)
        for path in ("/cases", f"/cases/{case}"):
            page.goto(base + path)
            assert chromium.barriers(page) == []
            across = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
            assert across[0] <= across[1]


def test_what_is_open_or_half_written_stays_while_others_work_and_two_cases_become_one(
    browser: Browser, base: str, journey: Reviewing
) -> None:
    case, other = (
        journey.value("SELECT case_id FROM social_events WHERE external_id = :id", id=name) for name in "12"
    )
    number = journey.value("SELECT number FROM tickets WHERE number <> 700")
    with chromium.tab(browser) as page:
        enter(page, base)
        page.goto(f"{base}/cases/{other}")
        page.wait_for_load_state("load")
        page.get_by_label("A note").fill("She called, and")
        page.get_by_text("Tie to another record").click()
        page.get_by_label("Name, e-mail address or id").first.fill("Acm")
        # the stream of news may not be open yet: somebody else works until the page has heard of it
        status = iter(["waiting", "in_progress"] * 100)
        fresh = page.get_by_text("somebody has changed this case", exact=False)
        for _ in range(60):
            journey.execute("UPDATE tickets SET status = :s WHERE number = :n", s=next(status), n=number)
            page.wait_for_timeout(500)
            if fresh.is_visible():
                break
        expect(fresh).to_be_visible()
        typed = page.get_by_label("Name, e-mail address or id").first
        expect(typed).to_be_focused()
        expect(typed).to_have_value("Acm")
        page.get_by_label("Merge into").fill("#700")
        page.get_by_role("button", name="Merge").click()
        expect(page.get_by_role("alert")).to_contain_text("Status: was open, is")
        expect(page.get_by_label("Merge into")).to_have_value("#700")
        expect(page.get_by_label("A note")).to_have_value("She called, and")
        page.get_by_role("button", name="Merge").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("#700")
        assert journey.value("SELECT parent_id FROM cases WHERE id = :id", id=other) == case
        page.get_by_role("button", name="Split out again").click()
        expect(page.get_by_role("status").first).to_contain_text(f"#{number} is split out of ticket #700")
        assert journey.value("SELECT status FROM tickets WHERE number = :n", n=number) != "closed"
