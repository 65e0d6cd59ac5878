"""A person's walk through the console in a real browser: what they click, what they press, how long they wait.

A tab that somebody walks in says at its end what it took; docs/console.md has these figures.
"""

from __future__ import annotations

import re
from time import monotonic

from playwright.sync_api import Locator, Page, expect

from tests.browser import press

_AT = """() => {
    const at = document.activeElement;
    const style = getComputedStyle(at);
    return {
        name: (at.labels?.[0]?.innerText || at.innerText || at.getAttribute("aria-label") || "").trim().replace(/\\s+/g, " "),
        type: at.type || at.tagName.toLowerCase(),
        seen: at.matches(":focus-visible") && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    };
}"""
MOST_TABS = 80


class Walk:
    """One person's walk. Whatever is typed into a field counts as one key."""

    def __init__(self, page: Page, base: str) -> None:
        self.page, self.base = page, base
        self.clicks = self.keys = 0
        self.waited = 0.0

    def sign_in(self, email: str, password: str) -> None:
        """By keyboard; what it takes is not counted."""
        self.page.goto(self.base)
        expect(self.page.get_by_label("E-mail address")).to_be_focused()
        self.page.keyboard.type(email)
        self.page.keyboard.press("Tab")
        self.page.keyboard.type(password)
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()

    def click(self, what: Locator) -> None:
        """Click, and wait as a person does until something has come of it."""
        self.clicks += 1
        began = monotonic()
        what.click()
        self.page.wait_for_load_state("load")
        self.waited += monotonic() - began

    def press(self, key: str) -> None:
        """Press one key."""
        self.keys += 1
        began = monotonic()
        press(self.page, key)
        self.page.wait_for_load_state("load")
        self.waited += monotonic() - began

    def type(self, words: str) -> None:
        """Type into what has the focus."""
        self.keys += 1
        self.page.keyboard.type(words)

    def sees(self, what: Locator, words: str | re.Pattern[str]) -> None:
        """Wait until this can be read there."""
        began = monotonic()
        expect(what).to_contain_text(words)
        self.waited += monotonic() - began

    def tab_to(self, name: str, kind: str = "") -> None:
        """Press Tab until what has this name has the focus; that has to be seen at every stop."""
        self.page.wait_for_load_state("load")
        met = []
        for _ in range(MOST_TABS):
            self.keys += 1
            self.page.keyboard.press("Tab")
            at = self.page.evaluate(_AT)
            assert at["seen"] or at["type"] == "body", f"nobody sees that the focus is on {at}"
            if name in at["name"] and kind in at["type"]:
                return
            met.append(at["name"])
        raise AssertionError(f"no way by Tab to {name!r}: {met}")

    def told(self, task: str) -> str:
        """What it took, for docs/console.md."""
        return f"{task}: {self.clicks} clicks, {self.keys} keys, {self.waited:.1f} s of waiting"
