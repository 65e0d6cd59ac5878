"""A real browser for a test: the Chromium that is here, driven by Playwright, which downloads none.

Where there is none the tests are skipped aloud; with CI set that is a failure, since `.ci/browser` brings one. Playwright's
own event loop stands in the thread that starts it, so a test that also digests (`Journey.digest`) does so before.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

AXE = Path(sys.prefix) / "share" / "earshot" / "node_modules" / "axe-core" / "axe.min.js"
NAMES = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome")
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),  # Chromium refuses its sandbox to root
)
expect.set_options(timeout=30_000)  # two cores may be busy with a whole fleet
WIDTHS = {"wide": (1280, 800), "narrow": (390, 844)}


def chromium() -> str:
    """Its path; without one the test is skipped."""
    beside = Path(sys.prefix) / "bin"
    for folder in (str(beside), None):
        for name in NAMES:
            if found := shutil.which(name, path=folder):
                return found
    missing = "no Chromium here: .ci/browser VENV brings one"
    if os.environ.get("CI"):
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)


@contextmanager
def browser() -> Iterator[Browser]:
    """One browser; pages of it are cheap."""
    path = chromium()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield opened
        opened.close()


@contextmanager
def tab(opened: Browser, **wishes: Any) -> Iterator[Page]:
    """A fresh profile with one page in it. What its scripts complain of fails the test, and so does what the policy of
    the page's headers blocks."""
    size = WIDTHS[wishes.pop("width", "wide")]
    context = opened.new_context(viewport={"width": size[0], "height": size[1]}, **wishes)
    page = context.new_page()
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        # an answer of 401 is one line there as well, and is what some tests are about
        if message.type in ("error", "warning") and "the server responded with a status" not in message.text:
            complaints.append(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def press(page: Page, key: str) -> None:
    """Press a key once the page's scripts, which listen for it, are there."""
    page.wait_for_load_state("load")
    page.keyboard.press(key)


def barriers(page: Page) -> list[str]:
    """What axe-core finds on the page that is serious or worse, by WCAG 2.2 AA: `rule: the elements`."""
    # by the debugging protocol: the page's own policy lets no such script in
    page.evaluate(AXE.read_text())
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate("tags => axe.run({runOnly: tags})", tags)
    assert len(found["passes"]) > 10
    return [
        f"{one['id']}: {', '.join(node['target'][0] for node in one['nodes'])}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
