"""Sources that bring nothing any more are told to ops, once for a server, and no more when they are heard again."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest

from connectors._base import Denied, Held
from tests.keyed import Keyed, Told, a_key, keys

GOOD = Held()


@pytest.fixture
def keyed(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyed]:
    with keys(monkeypatch, a_key()):
        journey = Keyed(database)
        yield journey
        journey.close()


def fails(
    keyed: Keyed,
    *sources: UUID,
    for_: str = "2 hours",
    last: str = "10 s",
    due: str = "20 s",
    failures: int = 0,
) -> None:
    """As visits write it that are answered with 502, since so long."""
    keyed.execute(
        "UPDATE sources SET last_error = 'town.example answered 502', failures = :failures,"
        f" last_error_at = now() - interval '{last}', last_success_at = now() - interval '{for_}',"
        f" due_at = now() + interval '{due}'"
        " WHERE id = ANY(:ids)",
        ids=list(sources),
        failures=failures,
    )


def heard(keyed: Keyed, *sources: UUID) -> None:
    """As a page is landed."""
    keyed.execute(
        "UPDATE sources SET last_success_at = now(), failures = 0, last_error = NULL, state = 'active'"
        " WHERE id = ANY(:ids)",
        ids=list(sources),
    )


def test_a_server_that_is_away_for_hours_is_told_once_and_done_when_the_last_source_is_heard_again(
    keyed: Keyed,
) -> None:
    one, other = keyed.follows(None, "a", "b")
    fails(keyed, one, other)
    for _ in range(2):
        keyed.sweeps(Told())
    [(status, subject)] = keyed.activities()
    assert status == "planned"
    assert subject.startswith("2 sources on mastodon at https://town.example have brought nothing since 20")
    assert subject.endswith(": town.example answered 502. What to do: earshot doctor")
    heard(keyed, one)
    keyed.sweeps(Told())
    assert [status for status, _ in keyed.activities()] == ["planned"]
    heard(keyed, other)
    keyed.sweeps(Told())
    assert [status for status, _ in keyed.activities()] == ["done"]


def test_what_ops_have_closed_is_told_again_for_new_trouble_only(keyed: Keyed) -> None:
    [one] = keyed.follows(None, "a")
    fails(keyed, one)
    keyed.sweeps(Told())
    keyed.execute("UPDATE activities SET status = 'cancelled'")
    keyed.sweeps(Told())
    assert [status for status, _ in keyed.activities()] == ["cancelled"]
    keyed.execute("UPDATE activities SET created_at = now() - interval '3 hours'")
    keyed.sweeps(Told())
    assert [status for status, _ in keyed.activities()] == ["planned"]


@pytest.mark.parametrize(
    ("so", "told"),
    [
        ({"for_": "50 minutes"}, False),
        ({"last": "20 minutes"}, False),  # it was asked to wait, and it is over just now
        ({"due": "6 hours"}, False),  # its budget is spent
        ({"last": "20 minutes", "failures": 3}, True),
    ],
)
def test_what_passes_or_waits_is_not_told(keyed: Keyed, so: dict[str, str], told: bool) -> None:
    [one] = keyed.follows(None, "a")
    fails(keyed, one, **so)  # type: ignore[arg-type]
    keyed.sweeps(Told())
    assert bool(keyed.activities()) is told


def test_a_source_that_is_refused_while_its_credential_is_good_is_told_until_it_is_heard(
    keyed: Keyed,
) -> None:
    key, platform = keyed.key(), Told(check=[GOOD])
    refused, _ = keyed.follows(key, "a", "b")
    heard(keyed, refused)
    keyed.refuses(refused)
    keyed.sweeps(platform)  # asks
    keyed.sweeps(platform)
    [(status, subject)] = keyed.activities()
    assert (status, subject.partition(" has ")[0]) == (
        "planned",
        "hashtag a on mastodon at https://town.example for acme@town.example",
    )
    heard(keyed, refused)
    keyed.sweeps(platform)
    assert [status for status, _ in keyed.activities()] == ["done"]


def test_what_the_credential_is_to_blame_for_is_told_of_the_credential_alone(keyed: Keyed) -> None:
    key, platform = keyed.key(), Told(check=[Denied("401", refreshable=False)])
    [refused] = keyed.follows(key, "a")
    keyed.refuses(refused)
    for _ in range(3):
        keyed.sweeps(platform)
    [(_, subject)] = keyed.activities()
    assert "earshot credentials add" in subject
