"""What is owed is delivered: signed, in order, at least once; what a receiver does wrong is its own trouble."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.keyed import a_key, keys
from tests.telling import HANG, OK, Hearing, Owing, answers, hearing


@pytest.fixture
def owing(database: str) -> Iterator[Owing]:
    with pytest.MonkeyPatch.context() as patch, keys(patch, a_key()):
        made = Owing(database)
        yield made
        made.close()


@pytest.fixture
def desk() -> Iterator[Hearing]:
    with hearing() as told:
        yield told


def test_news_of_a_case_is_delivered_signed_once_and_in_order(owing: Owing, desk: Hearing) -> None:
    receiver = owing.receiver(desk)
    case = owing.story("post:mastodon:1")
    assert owing.notifies() == 3
    assert desk.kinds() == ["case.opened", "case.raised", "case.closed"]
    assert [one.verified()["data"]["case"] for one in desk.heard] == [str(case)] * 3
    assert len({one.id for one in desk.heard}) == 3
    assert owing.states() == ["delivered"] * 3
    assert owing.notifies() == 0
    assert len(desk.heard) == 3
    stands = owing.stands(receiver)
    assert (stands.state, stands.failures, stands.lease_until) == ("active", 0, None)
    assert stands.last_success_at is not None


def test_a_piece_that_fails_holds_back_its_own_case_only_and_keeps_its_id(
    owing: Owing, desk: Hearing
) -> None:
    owing.receiver(desk)
    sick, well = owing.opens("post:mastodon:sick"), owing.opens("post:mastodon:well")
    owing.closes(sick)
    owing.closes(well)
    desk.answer = lambda one: answers("500 Oops") if one.body["data"]["case"] == str(sick) else OK
    assert owing.notifies() == 2
    assert [
        (one.body["type"], one.body["data"]["case"])
        for one in desk.heard
        if one.body["data"]["case"] == str(sick)
    ] == [("case.opened", str(sick))]
    assert owing.notifies() == 0  # it waits before it is tried again
    first = desk.heard[0].id
    desk.heard.clear()
    desk.answer = lambda _: OK
    assert owing.notifies(again=True) == 2
    assert desk.kinds() == ["case.opened", "case.closed"]
    assert desk.heard[0].id == first
    assert [row.attempts for row in owing.owed()] == [2, 1, 1, 1]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (HANG, "did not answer within 0.5 s"),
        (answers("302 Found", b"", "location: http://127.0.0.1:1/"), "a redirect, which is not followed"),
        (answers("200 OK", b"<!DOCTYPE html><html>Sign in</html>"), "answered with a web page"),
        (answers("500 Oops", b"x" * 10_000_000), "answered 500"),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab", "did not answer"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 50_000, "no HTTP"),
        (answers("403 Forbidden"), "answered 403"),
    ],
)
def test_a_receiver_that_misbehaves_holds_up_nobody_and_its_owner_hears_of_it_once(
    owing: Owing, desk: Hearing, answer: bytes, said: str
) -> None:
    owner = owing.value("INSERT INTO users (org_id, email) VALUES ('main', 'olga@x.example') RETURNING id")
    bad = owing.receiver(desk, "bad", owner_id=owner)
    desk.answer = lambda _: answer
    with hearing() as fine:
        owing.receiver(fine, "fine")
        owing.story("post:mastodon:1")
        owing.opens("post:mastodon:2")
        assert owing.notifies() == 4
        assert len(fine.heard) == 4
    assert 1 <= len(desk.heard) <= 2
    for _ in range(4):
        assert owing.notifies(again=True) == 0
    stands = owing.stands(bad)
    assert (stands.state, stands.failures) == ("failing", 5)
    assert said in stands.last_error
    assert "key=k" not in stands.last_error
    [told] = owing.activities()
    assert (told.owner_id, told.status) == (owner, "planned")
    assert said in told.subject
    assert "earshot receivers test bad" in told.subject
    desk.answer = lambda _: OK
    assert owing.notifies(again=True) == 4
    assert owing.stands(bad).state == "active"
    assert [one.status for one in owing.activities()] == ["done"]


def test_a_receiver_that_takes_news_and_talks_for_ten_megabytes_took_it(owing: Owing, desk: Hearing) -> None:
    owing.receiver(desk)
    owing.opens("post:mastodon:1")
    desk.answer = lambda _: answers("200 OK", b"x" * 10_000_000)
    assert owing.notifies() == 1
    assert owing.states() == ["delivered"]
