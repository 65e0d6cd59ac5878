"""A platform that takes money is asked about a credential where there is a doubt, not daily."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors import connectors
from connectors._base import Held
from tests.keyed import Keyed, Told, a_key, keys
from workers.renew import _costs_money


@pytest.fixture
def keyed(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyed]:
    with keys(monkeypatch, a_key()):
        journey = Keyed(database)
        yield journey
        journey.close()


def test_of_the_platforms_only_x_takes_money() -> None:
    assert [name for name, one in connectors().items() if _costs_money(one)] == ["x"]


def test_who_takes_money_is_asked_in_doubt_and_not_by_the_day(keyed: Keyed) -> None:
    key = keyed.key()
    [source] = keyed.follows(key, "acme")
    paid = Told(check=[Held()])
    paid.money = 5_000
    keyed.sweeps(paid)
    assert paid.count("check") == 0
    keyed.refuses(source)
    for _ in range(2):
        keyed.sweeps(paid)
    assert paid.count("check") == 1
