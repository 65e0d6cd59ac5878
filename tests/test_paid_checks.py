"""A platform that takes money is asked about a credential where there is a doubt, not daily, and within the cap."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors import connectors
from connectors._base import Held, Spend, TryLater, Watch
from tests.keyed import Keyed, Told, a_key, a_session, keys
from workers.renew import _costs_money


@pytest.fixture
def keyed(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyed]:
    with keys(monkeypatch, a_key()):
        journey = Keyed(database)
        yield journey
        journey.close()


def test_of_the_platforms_only_x_takes_money() -> None:
    assert [name for name, one in connectors().items() if _costs_money(one)] == ["x"]


def allow(keyed: Keyed, money: int) -> None:
    keyed.execute(
        f"INSERT INTO quotas (platform, of, period, amount) VALUES ('mastodon', 'money', 'month', {money})"
    )


class Paid(Told):
    """Each look at a credential costs a cent."""

    def check_cost(self, watch: Watch) -> Spend:
        return Spend(money=10_000)


def test_a_look_at_a_credential_is_paid_from_the_cap_and_refused_by_it_in_the_same_words(
    keyed: Keyed,
) -> None:
    key, paid = keyed.key(), Paid(check=[Held(), TryLater("no answer", uncertain=True), Held()])
    told = "SELECT spent, held FROM spendings WHERE of = 'money'"
    assert "no money is set aside for mastodon: earshot budget set mastodon 20 usd" in (
        keyed.asks(key, paid).said or ""
    )
    allow(keyed, 25_000)
    assert keyed.asks(key, paid).answer == "good"
    assert tuple(keyed.execute(told)[0]) == (10_000, 0)
    assert keyed.asks(key, paid).answer == "unanswered"
    assert tuple(keyed.execute(told)[0]) == (10_000, 10_000)
    refused = keyed.asks(key, paid)
    assert refused.answer == "unanswered"
    assert "the budget of mastodon waits: $0.02 of $0.03 are taken this month" in (refused.said or "")
    assert paid.count("check") == 2


def test_who_takes_money_is_asked_in_doubt_and_not_by_the_day(keyed: Keyed) -> None:
    key = keyed.key()
    [source] = keyed.follows(key, "acme")
    paid = Told(check=[Held()])
    paid.money = 5_000
    keyed.sweeps(paid)
    assert paid.count("check") == 0
    keyed.refuses(source)
    allow(keyed, 1_000_000)
    for _ in range(2):
        keyed.sweeps(paid)
    assert paid.count("check") == 1


def test_whose_a_session_is_that_does_not_say_is_asked_once_within_the_cap_and_kept(keyed: Keyed) -> None:
    key = keyed.key()
    paid = Paid(check=[Held(account_id="77")], sign_in=[a_session(f"a{n}", account_id="") for n in range(3)])
    paid.money = 5_000
    first = keyed.session_of(key, paid)
    assert first.account_id == ""
    keyed.sweeps(paid)
    assert paid.count("check") == 0
    allow(keyed, 1_000_000)
    for _ in range(2):
        keyed.sweeps(paid)
        assert keyed.session_of(key, paid).account_id == "77"
    assert keyed.session_of(key, paid, refused=first).account_id == "77"
    assert keyed.credential().me == "77"
    assert paid.count("check") == 1


def test_a_source_that_was_refused_while_its_credential_is_good_is_tried_again(keyed: Keyed) -> None:
    """After an hour, when it has been so for long after a day, and as soon as somebody has the credential checked."""
    key, good = keyed.key(), Told(check=[Held()])
    [source] = keyed.follows(key, "acme")
    for ago, lately, state in (
        ("50 min", "1 hour", "needs_reauth"),
        ("70 min", "1 hour", "active"),
        ("70 min", "1 week", "needs_reauth"),
        ("25 hours", "1 week", "active"),
    ):
        keyed.refuses(source)
        keyed.execute(
            f"UPDATE sources SET last_error_at = now() - interval '{ago}',"
            f" last_success_at = now() - interval '{lately}'"
        )
        keyed.sweeps(good)
        assert keyed.states() == [state], (ago, lately)
    assert keyed.value("SELECT cursor FROM sources") == "here"
    keyed.refuses(source)
    keyed.asks(key, good, anyway=False)
    assert keyed.states() == ["needs_reauth"]
    keyed.asks(key, good)
    assert keyed.states() == ["active"]
