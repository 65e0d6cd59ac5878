"""Settings are documented where people look for them, and the composed fleet uses only what exists, safely."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from workers._settings import PREFIX, Settings
from workers.app import QUEUES

ROOT = Path(__file__).parent.parent
COMPOSE = (ROOT / "docker-compose.yml").read_text()

FIELDS = {PREFIX + name.upper(): field for name, field in Settings.model_fields.items()}
COMPOSED = {
    "EARSHOT_DB_ADMIN_PASSWORD",
    "EARSHOT_DB_OWNER_PASSWORD",
    "EARSHOT_DB_FLEET_PASSWORD",
    "EARSHOT_BROKER_PASSWORD",
    "EARSHOT_POSTGRES_PORT",
}
IN_TESTS = {"EARSHOT_RECORDINGS", "EARSHOT_TRUTH", "EARSHOT_REAL_SERVERS", "EARSHOT_BLUESKY"}


def names_in(text: str) -> set[str]:
    return set(re.findall(r"\bEARSHOT_[A-Z][A-Z_]*[A-Z]\b", text))


def test_the_readme_says_of_every_setting_the_sentence_that_the_code_says() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    said = {
        name
        for name, field in FIELDS.items()
        if any(name in x and str(field.description) in x for x in lines)
    }
    assert sorted(FIELDS.keys() - said) == []


@pytest.mark.parametrize("setting", sorted(FIELDS))
def test_every_setting_has_a_sentence(setting: str) -> None:
    assert re.fullmatch(r"[A-Z].{10,}\.", FIELDS[setting].description or "")


@pytest.mark.parametrize(
    "document",
    ["README.md", "SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md", "docker-compose.yml", "Dockerfile"],
)
def test_a_setting_that_a_document_names_exists(document: str) -> None:
    assert names_in((ROOT / document).read_text()) <= FIELDS.keys() | COMPOSED | IN_TESTS


def test_no_secret_has_a_default_in_the_composed_fleet() -> None:
    used = re.findall(r"\$\{([A-Z_]+)([^}]*)\}", COMPOSE)
    secrets = [(name, rest) for name, rest in used if re.search(r"PASSWORD|KEY", name)]
    assert {name for name, _ in secrets} == COMPOSED - {"EARSHOT_POSTGRES_PORT"} | {"EARSHOT_ENCRYPTION_KEY"}
    assert [name for name, rest in secrets if not rest.startswith(":?")] == []
    given = re.findall(r"^ +\w*(?:PASSWORD|AUTH|KEY): (.+)$", COMPOSE, re.MULTILINE)
    assert [value for value in given if not value.startswith("${EARSHOT_")] == []


def test_the_composed_fleet_publishes_ports_on_loopback_only() -> None:
    published = re.findall(r"ports: \[(.+)\]", COMPOSE)
    assert published
    assert [port for port in published if not port.startswith('"127.0.0.1:')] == []
    assert COMPOSE.count("ports:") == len(published)


def test_every_queue_is_served_by_a_part_of_the_composed_fleet() -> None:
    served = re.findall(r'-Q, "?([a-z,]+)"?,', COMPOSE)
    assert sorted(queue for part in served for queue in part.strip(",").split(",")) == sorted(QUEUES)


def test_the_image_holds_what_the_fleet_runs_and_nothing_of_the_workshop() -> None:
    wanted = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    front_end = {
        f"requirements/{name}" for name in ("node.txt", "package.json", "package-lock.json", ".npmrc")
    }
    assert wanted == packages | front_end | {".ci/front-end", "requirements/run.txt", "LICENSE"}


def test_the_secrets_for_compose_are_private_fresh_and_never_overwritten(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for file in (first, second):
        subprocess.run([ROOT / ".ci" / "compose-env", file], check=True, capture_output=True)
    kept = first.read_text()
    subprocess.run([ROOT / ".ci" / "compose-env", first], check=True, capture_output=True)
    assert first.read_text() == kept != second.read_text()
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    values = dict(line.split("=", 1) for line in kept.splitlines() if not line.startswith("#"))
    assert values.keys() == COMPOSED - {"EARSHOT_POSTGRES_PORT"} | {"EARSHOT_ENCRYPTION_KEY"}
    assert len(set(values.values())) == len(values)
    assert all(len(value) >= 40 for value in values.values())
    assert (
        Fernet(values["EARSHOT_ENCRYPTION_KEY"]).decrypt(
            Fernet(values["EARSHOT_ENCRYPTION_KEY"]).encrypt(b"told")
        )
        == b"told"
    )


def test_the_secrets_for_compose_cannot_be_committed() -> None:
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
