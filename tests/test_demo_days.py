"""Each person's day on the live demo, in a real browser: beat, workers and the simulated world go on meanwhile.

What a page says is held against the database. Nothing is put there for the walks: whoever types `make demo` meets the same.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests import browser as chromium
from tests.command_line import rows
from tests.running import demo
from tests.waiting import eventually
from tests.walking import Walk

pytestmark = [pytest.mark.browser, pytest.mark.fleet, pytest.mark.timeout(900)]

PAGES = (
    *("/fleet", "/fleet/quarantine", "/fleet/sources/new", "/stream", "/stream?span=7d", "/cases", "/cases?show=closed"),
    *("/rules", "/review", "/people", "/me", "/nothing-here"),
)  # fmt: skip


@dataclass(frozen=True)
class Demo:
    """A demo that is up: its console, the password of its people, its database."""

    base: str
    password: str
    database: str

    def rows(self, query: str, **values: Any) -> list[Any]:
        """The rows of a query."""
        return rows(self.database, query, **values)

    def value(self, query: str, **values: Any) -> Any:
        """The first column of its only row; None without one."""
        found = self.rows(query, **values)
        return found[0][0] if found else None

    def until(self, query: str, of: str, **values: Any) -> Any:
        """Wait for the demo's world to have brought this about."""
        return eventually(lambda: self.value(query, **values), within=120, every=0.5, of=of)


@pytest.fixture(scope="module")
def live(shared_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    chromium.chromium()  # skips before anything is started
    home = shared_folder / "days"
    with demo(home, tmp_path_factory.mktemp("days"), "--pace", "2") as (_, base, password):
        told = json.loads((home / "instance.json").read_text())["settings"]
        yield Demo(base, password, told["database_url"])
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def browser(live: Demo) -> Iterator[Browser]:
    with chromium.browser() as opened:
        yield opened


LIMITED = "SELECT count(*) FROM sources WHERE platform = 'feeds' AND last_error IS NOT NULL AND due_at > now() + interval '1 minute'"
SET_ASIDE = "SELECT external_id FROM quarantine WHERE stage = 'digest' AND state = 'held'"


def test_ops_finds_the_limited_platform_and_replays_a_post_that_was_set_aside(
    browser: Browser, live: Demo
) -> None:
    post = live.until(SET_ASIDE, "a post that digest could not read")
    live.until(f"SELECT ({LIMITED}) = 3", "a platform that wants to be left alone")
    assert live.value("SELECT count(*) FROM social_events WHERE external_id = :post", post=post) == 0
    with chromium.tab(browser) as page:
        walk = Walk(page, live.base)
        walk.sign_in("ops@demo.example", live.password)
        walk.sees(
            page.locator(".limit-note"),
            re.compile(r"feeds is limited:\s+3 sources wait and go on in \d+ min"),
        )
        walk.click(page.get_by_role("link", name="limited 3"))
        listed = page.get_by_role("table", name="Sources").locator("tbody tr")
        expect(listed).to_have_count(3)
        terms = {row.term for row in live.rows("SELECT term FROM sources WHERE platform = 'feeds'")}
        assert set(listed.locator("a.term").all_inner_texts()) == terms
        walk.click(listed.locator("a.term").first)
        walk.sees(page.get_by_role("main"), re.compile("answered 429|the budget of 127.0.0.1"))

        walk.click(page.get_by_role("main").get_by_role("link", name="Fleet"))
        walk.click(page.get_by_role("link", name=re.compile(r"\d+ held")))
        one = page.get_by_role("listitem").filter(has_text="every attempt to digest this post failed")
        walk.click(one.get_by_text("Where it failed"))
        walk.sees(one.get_by_label("Traceback"), "The demo's scorer cannot read this post")
        walk.click(one.get_by_role("button", name="Replay"))
        walk.sees(page.get_by_role("status").first, "is on its way again")
    assert live.value("SELECT state FROM quarantine WHERE external_id = :post", post=post) == "replayed"
    found = live.until(
        "SELECT id::text, sentiment FROM social_events WHERE external_id = :post",
        "the post that was replayed",
        post=post,
    )
    assert found
    assert live.value("SELECT by FROM audits WHERE what = 'replayed'") == "ops@demo.example"
    print(walk.told("ops: the limited platform, and a replayed post"))


def test_marketing_finds_what_set_off_a_spike_and_takes_its_posts_along(
    browser: Browser, live: Demo, tmp_path: Path
) -> None:
    thread = "SELECT count(*) >= 40 FROM social_events WHERE text LIKE '%batch 40%' OR reply_to LIKE 'tag:brewtalk%'"
    live.until(thread, "the thread of this morning")
    live.until("SELECT count(*) >= 900 FROM social_events WHERE text LIKE '%#BeanFriday%'", "the storm")
    with chromium.tab(browser, accept_downloads=True) as page:
        walk = Walk(page, live.base)
        walk.sign_in("marketing@demo.example", live.password)
        storm = page.locator(".spike", has_text="#beanfriday")
        walk.sees(storm, re.compile(r"[\d,]+ posts, \d+ (is|are) usual"))
        morning = page.locator(".spike", has_text="belong to one thread")
        walk.sees(morning, "Joy Press recall")
        walk.click(morning.get_by_role("link"))
        walk.sees(page.get_by_role("heading", name="Posts from"), "Posts from")
        with page.expect_download() as loading:
            walk.click(page.get_by_role("button", name="Export as CSV"))
        file = tmp_path / "posts.csv"
        loading.value.save_as(file)
        at = page.locator("h2 time").get_attribute("datetime")
    with file.open(encoding="utf-8-sig", newline="") as opened:
        exported = {(row["id"], row["text"]) for row in csv.DictReader(opened)}
    stored = live.rows(
        "SELECT id::text, text FROM social_events WHERE voice <> 'own'"
        " AND occurred_at >= CAST(:at AS timestamptz) AND occurred_at < CAST(:at AS timestamptz) + interval '1 hour'",
        at=at,
    )
    assert len(stored) >= 10
    assert exported == {tuple(row) for row in stored}
    assert live.value("SELECT by FROM audits WHERE what = 'exported'") == "marketing@demo.example"
    print(walk.told("marketing: what set off a spike, and its posts as CSV"))


CASE = """
    SELECT c.id FROM cases c JOIN social_events e ON e.case_id = c.id
    WHERE e.text LIKE '%driver dumped my broken parcel%' AND c.ticket_id IS NOT NULL
"""


def test_support_takes_a_ticket_undoes_a_wrong_match_and_moves_a_rules_precision_without_a_mouse(
    browser: Browser, live: Demo
) -> None:
    case = live.until(CASE, "the ticket about the driver")
    account = live.value(
        "SELECT a.name FROM cases c JOIN tickets t ON t.id = c.ticket_id JOIN accounts a ON a.id = t.account_id WHERE c.id = :case",
        case=case,
    )
    assert account == "Velmora Hotels"
    with chromium.tab(browser) as page:
        walk = Walk(page, live.base)
        walk.sign_in("support@demo.example", live.password)
        page.wait_for_load_state("load")
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="To the content")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport(ratio=1)
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()

        walk.press("/")
        walk.type("driver dumped")
        walk.press("Enter")
        walk.sees(page.locator("main"), "Words: driver dumped")
        walk.press("j")
        walk.press("Enter")
        walk.sees(page.get_by_role("heading", level=1), "your driver dumped my broken parcel")
        walk.press("a")
        walk.sees(page.get_by_role("status").first, "is Sam's now.")
        walk.tab_to("Undo that it is about Velmora Hotels")
        walk.press("Enter")
        walk.sees(page.get_by_role("status").first, "not tied to the account Velmora Hotels any more")
        walk.tab_to("", "radio")
        while page.evaluate("document.activeElement.value") != "not_a_complaint":
            walk.press("ArrowDown")
        if not page.evaluate("document.activeElement.checked"):
            walk.press("Space")
        walk.tab_to("Say so")
        walk.press("Enter")
        walk.sees(page.get_by_role("status").first, "was right in 0 of 1, before in 0 of 0")
        page.goto(live.base + "/rules")
        rule = page.get_by_role("row", name="A complaint to us")
        walk.sees(rule, "0 of 1")
    told = live.rows(
        "SELECT u.email, t.account_id, c.verdict, c.verdict_by FROM cases c JOIN tickets t ON t.id = c.ticket_id"
        " LEFT JOIN users u ON u.id = t.owner_id WHERE c.id = :case",
        case=case,
    )
    sam = "support@demo.example"
    assert [tuple(row) for row in told] == [(sam, None, "not_a_complaint", sam)]
    match = "SELECT m.state, m.by FROM matches m JOIN social_events e ON e.id = m.event_id WHERE e.case_id = :case AND m.kind = 'account'"
    assert [tuple(row) for row in live.rows(match, case=case)] == [("undone", sam)]
    print(walk.told("support: takes a ticket, undoes a match, not a complaint; by keyboard alone"))


def test_who_may_not_change_something_is_not_offered_it(browser: Browser, live: Demo) -> None:
    case = live.until("SELECT id FROM cases LIMIT 1", "a case")
    for email, path, name in (
        ("marketing@demo.example", f"/cases/{case}", "Take it"),
        ("support@demo.example", "/fleet", "Pause"),
        ("ops@demo.example", f"/cases/{case}", "Take it"),
    ):
        with chromium.tab(browser) as page:
            Walk(page, live.base).sign_in(email, live.password)
            page.goto(live.base + path)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            expect(page.get_by_role("button", name=name)).to_have_count(0)


def test_nothing_moves_for_those_who_want_it_so_and_no_script_complains(browser: Browser, live: Demo) -> None:
    live.until("SELECT count(*) >= 900 FROM social_events", "the storm")
    source, case, rule = (
        live.value(f"SELECT id FROM {table} ORDER BY id LIMIT 1") for table in ("sources", "cases", "rules")
    )
    own = (f"/fleet/sources/{source}", f"/cases/{case}", f"/rules/{rule}")
    with chromium.tab(browser, reduced_motion="reduce") as page:
        Walk(page, live.base).sign_in("admin@demo.example", live.password)
        for path in (*PAGES, *own):
            page.goto(live.base + path)
            page.wait_for_load_state("load")
            page.locator("a, button").filter(visible=True).last.hover()
            assert page.evaluate("document.getAnimations().length") == 0, path
