"""The workshop keeps its word: what the documents name exists, and what is locked, listed or forbidden stays so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
LOCKS = [ROOT / "requirements" / "run.txt", ROOT / "requirements" / "dev.txt"]


@cache
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def package_folders() -> list[str]:
    return sorted(path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name != "tests")


def targets() -> dict[str, str]:
    """Every target of the Makefile that describes itself, with its description."""
    return dict(re.findall(r"^([a-z][a-z-]*):.*## (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))


def code_in(document: str) -> str:
    """What a Markdown text sets as code: spans, fenced and indented blocks."""
    fences = re.findall(r"^```.*?^```", document, re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^(?: {4}|\t).+$", document, re.MULTILINE)
    return "\n".join([*fences, *indented, *re.findall(r"`[^`\n]+`", document)])


def locked(path: Path) -> list[str]:
    """The requirements of a lock file, one logical line each."""
    lines = path.read_text().replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_make_target_that_a_document_names_exists(document: Path) -> None:
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", code_in(document.read_text())))
    assert named <= targets().keys()


def test_make_lists_every_target_with_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = set(re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[0].split())
    assert phony == targets().keys()
    told = subprocess.run(["make", "-C", ROOT, "help"], capture_output=True, text=True, check=True).stdout
    assert [line for line in targets().values() if line not in told] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_link_to_a_file_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text())
    here = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in here if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_locked_requirement_has_one_version_and_a_hash(lock: Path) -> None:
    lines = locked(lock)
    assert len(lines) > 20
    assert [line for line in lines if not re.match(r"[\w.-]+(\[[\w,-]+\])?==[\w.]+ ", line)] == []
    assert [line for line in lines if "--hash=sha256:" not in line] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_the_locks_name_no_address_to_download_from(lock: Path) -> None:
    assert re.findall(r"\w+://\S*|--(?:extra-)?index-url.*|--find-links.*| @ .*", lock.read_text()) == []


@pytest.mark.parametrize(("lock", "extras"), [("run.txt", []), ("dev.txt", ["dev"])])
def test_what_pyproject_asks_for_is_locked(lock: str, extras: list[str]) -> None:
    project = pyproject()["project"]
    wanted = [*project["dependencies"], *(r for e in extras for r in project["optional-dependencies"][e])]
    names = {normal(re.split(r"[\[<>=~!; ]", line)[0]) for line in locked(ROOT / "requirements" / lock)}
    assert {normal(re.split(r"[\[<>=~!; ]", line)[0]) for line in wanted} <= names


IMPORT_ALL = """
import importlib, json, pkgutil, sys
import kombu.transport.redis
for package in sys.argv[1:]:
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        if not module.name.endswith("__main__") and ".versions." not in module.name and not module.name.endswith(".env"):
            importlib.import_module(module.name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_what_the_fleet_imports_is_locked_for_the_fleet_and_not_only_for_the_tests() -> None:
    packages = [name for name in package_folders() if name != "bench"]
    environment = {**os.environ, "EARSHOT_BROKER_URL": "redis://127.0.0.1:1/0"}
    told = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *packages],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    owners = packages_distributions()
    imported = {normal(owner) for module in json.loads(told.stdout) for owner in owners.get(module, [])}
    names = {normal(re.split(r"[\[<>=~!; ]", line)[0]) for line in locked(ROOT / "requirements" / "run.txt")}
    assert imported - names - {"earshot", "setuptools", "pip"} == set()


def test_a_step_does_not_know_how_it_was_called() -> None:
    knows = re.compile(r"^\s*(?:from|import) (?:celery|kombu|billiard)\b", re.MULTILINE)
    steps = {path.name for path in (ROOT / "workers").glob("*.py") if knows.search(path.read_text())}
    assert "app.py" in steps
    assert steps <= {"app.py", "tasks.py", "_loop.py"}


def test_every_package_is_named_wherever_packages_are_listed() -> None:
    tool = pyproject()["tool"]
    assert tool["hatch"]["build"]["targets"]["wheel"]["packages"] == package_folders()
    assert tool["mypy"]["packages"] == package_folders()
    assert tool["importlinter"]["root_packages"] == package_folders()


def test_no_folder_of_the_tests_shadows_a_package() -> None:
    assert {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()} & {*package_folders()} == set()


def test_the_checks_include_the_import_rules_the_types_and_the_format() -> None:
    recipe = re.search(r"^check:.*\n((?:\t.+\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    for tool in ("ruff check .", "ruff format --check .", "mypy", "lint-imports"):
        assert tool in recipe[1]
    assert pyproject()["tool"]["mypy"]["strict"] is True


def test_ci_sets_up_anew_and_runs_both_checks_and_tests() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    steps = re.findall(r"^step \w+ (.+)$", script.read_text(), re.MULTILINE)
    assert steps == ["make setup", '.ci/browser "$VENV"', "make check", "make test"]
    assert "export CI=true" in script.read_text()


def test_decisions_are_numbered_without_a_gap_and_say_how_they_are_enforced() -> None:
    assert [path.name[:5] for path in DECISIONS] == [f"{n:04}-" for n in range(1, len(DECISIONS) + 1)]
    for path in DECISIONS:
        headings = [heading.lower() for heading in re.findall(r"^## (.+)$", path.read_text(), re.MULTILINE)]
        assert headings == ["context", "decision", "consequences", "how it is enforced"], path.name


def test_no_name_says_less_than_the_job() -> None:
    vague = re.compile(r"(^|_)(utils?|helpers?|manager|handler|processor|misc|common)(_|$)")
    files = [path for package in package_folders() for path in (ROOT / package).rglob("*.py")]
    assert files
    assert [str(path.relative_to(ROOT)) for path in files if vague.search(path.stem)] == []


def test_no_file_holds_more_than_one_job() -> None:
    files = [path for folder in [*package_folders(), "tests"] for path in (ROOT / folder).rglob("*.py")]
    # a migration is one change of the schema, however many tables that is, and is never edited again
    ours = [path for path in files if path.parent.name != "versions"]
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in ours}
    assert {name: lines for name, lines in long.items() if lines > 450} == {}


def test_the_licence_is_the_one_that_pyproject_names() -> None:
    assert pyproject()["project"]["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert "END OF TERMS AND CONDITIONS" in (ROOT / "LICENSE").read_text()


@pytest.fixture
def bare_machine(tmp_path: Path) -> Path:
    """A PATH that has what a shell script needs, and no Python at all."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("dirname", "bash"):
        found = subprocess.run(["which", tool], capture_output=True, text=True, check=True).stdout.strip()
        (tools / tool).symlink_to(found)
    (tools / "id").write_text("#!/bin/sh\necho 1000\n")
    (tools / "id").chmod(0o755)
    return tools


def set_up(tools: Path, python: Path | str) -> subprocess.CompletedProcess[str]:
    command = ["/bin/bash", ROOT / ".ci" / "setup", tools.parent / "venv", python]
    return subprocess.run(command, env={"PATH": str(tools)}, capture_output=True, text=True)


def test_setup_without_a_usable_python_says_which_one_is_needed(bare_machine: Path) -> None:
    answer = set_up(bare_machine, "python3")
    assert answer.returncode == 1
    assert "Python 3.11 or newer is needed" in answer.stderr
    assert "PYTHON=" in answer.stderr


def test_setup_without_the_venv_module_names_the_package_to_an_ordinary_user(bare_machine: Path) -> None:
    python = bare_machine / "python3"
    python.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; *print*) echo 3.11;; esac\n')
    python.chmod(0o755)
    answer = set_up(bare_machine, "python3")
    assert answer.returncode == 1
    assert "apt-get install python3-venv" in answer.stderr
    assert not (bare_machine.parent / "venv").exists()
