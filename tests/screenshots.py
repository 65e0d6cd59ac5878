"""`make screenshots`: the pictures of docs/console.md and README.md, taken of the demo in a real browser.

Starts `earshot demo` on a folder of its own, waits until its world has told its story, and takes each page as its reader has
it first. Nothing is drawn or put right by hand.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect

from tests import browser as chromium
from tests.waiting import eventually

ROOT = Path(__file__).parent.parent
TO = ROOT / "docs" / "screenshots"
SIZE = {"width": 1280, "height": 800}
FIRST_LINE = re.compile(r"In a browser: (\S+?)/? as .*password (\S+)")
STORY = 75
"""Seconds after which the demo's world has told its story and all of it is digested."""


@contextmanager
def demo() -> Iterator[tuple[str, str]]:
    """A demo that has told its story: the console's address and the password of its people."""
    with tempfile.TemporaryDirectory(prefix="earshot-pictures-") as folder:
        Path(folder).chmod(0o755)  # whoever runs the servers for root has to reach it
        told = Path(folder) / "told"
        with told.open("w") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "console", "demo", "--plain", "--pace", "4"],
                env={**os.environ, "EARSHOT_HOME": f"{folder}/home"},
                stdout=out,
                stderr=out,
                cwd=ROOT,
            )
        try:
            eventually(
                lambda: _seconds(told.read_text()) > STORY,
                within=300,
                every=1.0,
                of="the end of the world's story",
            )
            found = FIRST_LINE.search(told.read_text())
            assert found
            yield found[1], found[2]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def _seconds(said: str) -> int:
    return max(map(int, re.findall(r"^ *(\d+) s  fetched", said, re.MULTILINE)), default=0)


def sign_in(page: Page, base: str, role: str, password: str) -> None:
    """The way in, as this role's person of the demo."""
    page.goto(f"{base}/sign-in")
    page.get_by_label("E-mail address").fill(f"{role}@demo.example")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def main() -> None:
    """Take them all."""
    TO.mkdir(exist_ok=True)
    with demo() as (base, password), chromium.browser() as opened:
        for role, scheme, names in (
            ("ops", "light", ("fleet",)),
            ("marketing", "light", ("stream",)),
            ("support", "light", ("cases", "case", "review")),
            ("support", "dark", ("rule",)),
        ):
            with chromium.tab(opened, color_scheme=scheme) as page:
                page.set_viewport_size(SIZE)  # type: ignore[arg-type]
                sign_in(page, base, role, password)
                for name in names:
                    _go(page, base, name)
                    page.screenshot(path=TO / f"{name}.png")
                    print(f"docs/screenshots/{name}.png")


def _go(page: Page, base: str, name: str) -> None:
    first = {"case": "/cases", "rule": "/rules"}.get(name, f"/{name}")
    page.goto(base + first)
    if name == "case":
        page.locator("main tbody a[href^='/cases/']").first.click()
    if name == "rule":
        page.get_by_role("link", name="A complaint to us").click()
        expect(page.locator("svg.tested")).to_be_visible(timeout=60_000)
    page.wait_for_load_state("load")
    if name == "stream":
        expect(page.locator(".uplot")).to_be_visible()


if __name__ == "__main__":
    main()
