"""What is owed is delivered: signed, in order, at least once; what a receiver does wrong is its own trouble."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest
from sqlalchemy import text

from tests.keyed import a_key, keys
from tests.telling import HANG, OK, SECRET, Hearing, Owing, answers, hearing, now
from tests.waiting import eventually
from workers.telling import Told, news_waits, receiver_waits
from workers.undelivered import forget, give_up
from workers.webhook_out import Answered, judged


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


MISBEHAVES = {
    "hangs": (HANG, "did not answer within 0.5 s"),
    "redirects": (
        answers("302 Found", b"", "location: http://127.0.0.1:1/"),
        "a redirect, which is not followed",
    ),
    "page": (answers("200 OK", b"<!DOCTYPE html><html>Sign in</html>"), "answered with a web page"),
    "shouts": (answers("500 Oops", b"x" * 10_000_000), "answered 500"),
    "other": (b"SSH-2.0-OpenSSH_9\r\n\r\n", "no HTTP"),
    "stops": (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab", "did not answer"),
    "headers": (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 50_000, "no HTTP"),
    "forbids": (answers("403 Forbidden"), "answered 403"),
    "continues": (b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000, "had no end"),
    "extends": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        + (b"1;" + b"a" * 4000 + b"\r\nx\r\n") * 1000,
        "had no end",
    ),
}


def test_a_receiver_that_misbehaves_holds_up_nobody_and_its_owner_hears_of_it_once(
    owing: Owing, desk: Hearing
) -> None:
    owner = owing.value("INSERT INTO users (org_id, email) VALUES ('main', 'olga@x.example') RETURNING id")
    owing.receiver(desk, "fine")
    with ExitStack() as stack:
        bad = {name: stack.enter_context(hearing()) for name in MISBEHAVES}
        rows = {name: owing.receiver(hears, name, owner_id=owner) for name, hears in bad.items()}
        for name, hears in bad.items():
            hears.answer = lambda _, answer=MISBEHAVES[name][0]: answer
        owing.story("post:mastodon:1")
        owing.opens("post:mastodon:2")
        assert owing.notifies() == 4
        assert len(desk.heard) == 4
        assert all(1 <= len(hears.heard) <= 2 for hears in bad.values())  # its first of each case
        for _ in range(4):
            assert owing.notifies(again=True) == 0
        assert {
            n: len(hears.heard) for n, hears in bad.items() if len(hears.heard) > 6
        } == {}  # one piece shows whether it is well again
        for name, (_, said) in MISBEHAVES.items():
            stands = owing.stands(rows[name])
            assert (stands.state, stands.failures) == ("failing", 5), name
            assert said in stands.last_error
            assert "key=k" not in stands.last_error
            [told] = [one for one in owing.activities() if one.subject.startswith(f"{name} ")]
            assert (told.owner_id, told.status) == (owner, "planned")
            assert said in told.subject
            assert f"earshot receivers test {name}" in told.subject
            bad[name].answer = lambda _: OK
        assert owing.notifies(again=True) == 4 * len(bad)
        assert {owing.stands(row).state for row in rows.values()} == {"active"}
        assert [one.status for one in owing.activities()] == ["done"] * len(bad)


PAGE, SAID = "text/html; charset=utf-8", "application/json"


@pytest.mark.parametrize(
    ("kind", "body", "taken"),
    [
        (PAGE, b"<!-- hello --><!DOCTYPE html><html>", False),
        (PAGE, b"\n\n<body>", False),
        (PAGE, b"\xef\xbb\xbf <script>location='/login'</script>", False),
        (PAGE, "<!DOCTYPE html>".encode("utf-16"), False),
        ("Application/XHTML+XML", b"<?xml version='1.0'?><html/>", False),
        (PAGE, b"ok", True),
        (PAGE, b"", True),
        (SAID, b"<!doctype HTML>", False),
        (SAID, b'{"said": "<p>"}', True),
        ("text/xml", b"<?xml version='1.0'?><response/>", True),
    ],
)
def test_a_page_is_a_no_and_what_is_only_called_one_is_not(kind: str, body: bytes, taken: bool) -> None:
    told = judged("desk.example", Answered(200, {"content-type": kind}, body))
    assert (told.why is None) == taken


def test_an_error_of_the_database_ends_the_visit_that_met_it_and_no_other(
    owing: Owing, desk: Hearing
) -> None:
    owing.receiver(desk, "fine")
    with hearing() as second, hearing() as third:
        sick = owing.receiver(second, "sick")
        owing.receiver(third, "cannot be left", failures=2147483647)
        third.answer = lambda _: answers("500 Oops")
        for number in range(3):
            owing.opens(f"post:mastodon:{number}")
        owing.execute("UPDATE owed SET attempts = 2147483647 WHERE receiver_id = :sick", sick=sick)
        assert owing.notifies() == 3
        assert (len(second.heard), len(third.heard)) == (3, 1)
    assert len(desk.heard) == 3
    stands = owing.stands(sick)
    assert (stands.failures, stands.lease_until) == (1, None)


def test_a_receiver_is_owed_the_news_of_its_own_organisation_only(owing: Owing) -> None:
    for org in ("main", "theirs"):
        owing.receiver(name=org, address=f"https://{org}.example", org_id=org)
    owing.story("post:mastodon:1")
    owing.org = "theirs"
    owing.story("post:mastodon:1")
    told = owing.execute(
        "SELECT o.org_id, r.org_id AS receiver, c.org_id AS of, o.kind FROM owed o"
        " JOIN receivers r ON r.id = o.receiver_id JOIN cases c ON c.id = o.case_id ORDER BY o.id"
    )
    kinds = ("case.opened", "case.raised", "case.closed")
    assert told == [(org, org, org, kind) for org in ("main", "theirs") for kind in kinds]


def test_who_opens_and_closes_cases_while_a_receiver_is_removed_neither_waits_nor_fails(
    owing: Owing, desk: Hearing
) -> None:
    going = owing.receiver(desk)
    stays = owing.receiver(desk, "stays")
    case = owing.opens("post:mastodon:1")
    with owing.sessions() as removal, removal.begin():
        removal.execute(text("DELETE FROM receivers WHERE id = :id"), {"id": going})
        with owing.sessions() as session, session.begin():
            session.execute(text("SET LOCAL lock_timeout = '5s'"))
            session.execute(text("UPDATE cases SET closed_at = now()"))
            session.execute(text("INSERT INTO cases (subject, level) VALUES ('post:mastodon:2', 'activity')"))
    told = [(row.receiver_id, row.kind) for row in owing.owed()]
    assert told == [(stays, kind) for kind in ("case.opened", "case.closed", "case.opened")]
    assert owing.owed()[0].case_id == case


def test_a_receiver_that_takes_news_and_talks_for_ten_megabytes_took_it(owing: Owing, desk: Hearing) -> None:
    owing.receiver(desk)
    owing.opens("post:mastodon:1")
    desk.answer = lambda _: answers("200 OK", b"x" * 10_000_000)
    assert owing.notifies() == 1
    assert owing.states() == ["delivered"]


def test_what_is_beyond_the_budget_of_an_hour_becomes_one_digest_and_nothing_vanishes(
    owing: Owing, desk: Hearing
) -> None:
    receiver = owing.receiver(desk, per_hour=5)
    stories = [owing.story(f"post:mastodon:{n}") for n in range(100)]
    assert owing.notifies() == 5
    assert desk.kinds()[4] == "digest"
    digest = desk.heard[4].verified()["data"]
    assert sum(digest["counts"].values()) == 296
    assert len(digest["news"]) == 200
    assert digest["more"] == 96
    by_itself = [one.body["data"]["case"] for one in desk.heard[:4]]
    assert sorted(by_itself) == sorted([str(stories[0])] * 3 + [str(stories[1])])
    folded = [row for row in owing.owed() if row.state == "folded"]
    assert len(folded) == 296
    assert {row.folded_into for row in folded} == {owing.owed()[-1].id}
    owing.opens("post:mastodon:late")
    assert owing.notifies() == 0  # the hour's places are taken
    assert owing.stands(receiver).due_at > now() + timedelta(minutes=50)
    owing.execute("UPDATE owed SET delivered_at = delivered_at - interval '61 minutes'")
    assert owing.notifies(again=True) == 1
    assert desk.kinds()[5:] == ["case.opened"]


def test_a_case_whose_news_waits_for_quiet_hours_stays_out_of_the_digest(owing: Owing, desk: Hearing) -> None:
    owing.receiver(desk, per_hour=1)
    quiet = owing.opens("post:mastodon:quiet")
    owing.execute("UPDATE owed SET due_at = now() + interval '1 hour'")
    owing.closes(quiet)
    for number in range(3):
        owing.opens(f"post:mastodon:{number}")
    assert owing.notifies() == 1
    assert desk.heard[0].body["data"]["counts"] == {"case.opened": 3}
    owing.execute("UPDATE owed SET due_at = now()")
    owing.execute("UPDATE receivers SET per_hour = NULL")
    assert owing.notifies(again=True) == 2
    assert desk.kinds()[1:] == ["case.opened", "case.closed"]


def test_a_digest_that_is_not_taken_holds_back_what_follows_about_its_cases_only(
    owing: Owing, desk: Hearing
) -> None:
    owing.receiver(desk, per_hour=1)
    cases = [owing.opens(f"post:mastodon:{n}") for n in range(3)]
    desk.answer = lambda one: answers("500 Oops") if one.body["type"] == "digest" else OK
    assert owing.notifies() == 0
    assert desk.kinds() == ["digest"]
    owing.closes(cases[0])
    owing.opens("post:mastodon:other")
    owing.execute("UPDATE receivers SET per_hour = NULL, due_at = now()")
    assert owing.notifies() == 1
    desk.answer = lambda _: OK
    assert owing.notifies(again=True) == 2
    assert desk.kinds()[-3:] == ["case.opened", "digest", "case.closed"]


def test_news_waits_for_the_end_of_quiet_hours_and_holds_back_its_case_until_then(
    owing: Owing, desk: Hearing
) -> None:
    owing.receiver(desk)
    quiet = owing.opens("post:mastodon:quiet")
    owing.execute("UPDATE owed SET due_at = now() + interval '1 hour'")
    owing.closes(quiet)
    owing.opens("post:mastodon:other")
    assert owing.notifies() == 1
    owing.execute("UPDATE owed SET due_at = now()")
    assert owing.notifies(again=True) == 2
    assert desk.kinds() == ["case.opened", "case.opened", "case.closed"]


def test_a_receiver_that_is_gone_is_paused_and_one_that_asks_for_time_is_given_it(
    owing: Owing, desk: Hearing
) -> None:
    busy = owing.receiver(desk)
    owing.opens("post:mastodon:1")
    desk.answer = lambda _: answers("429 Slow", b"", "retry-after: 300")
    owing.notifies()
    assert owing.stands(busy).due_at > now() + timedelta(seconds=280)
    assert owing.owed()[0].due_at > now() + timedelta(seconds=280)
    desk.answer = lambda _: answers("410 Gone")
    owing.notifies(again=True)
    assert owing.stands(busy).state == "paused"
    [told] = owing.activities()
    assert "it wants no more news" in told.subject
    assert "earshot receivers resume desk" in told.subject
    owing.opens("post:mastodon:2")
    assert owing.notifies(again=True) == 0
    assert owing.states() == ["owed", "owed"]


def test_who_was_away_longer_than_its_lease_writes_nothing_down(owing: Owing, desk: Hearing) -> None:
    receiver = owing.receiver(desk)
    owing.opens("post:mastodon:1")

    def overtaken(_: object) -> bytes:
        owing.execute("UPDATE receivers SET fence = fence + 1")
        return answers("500 Oops")

    desk.answer = overtaken
    assert owing.notifies() == 0
    [row] = owing.owed()
    assert (row.state, row.attempts) == ("owed", 0)
    stands = owing.stands(receiver)
    assert stands.failures == 0
    assert stands.lease_until is not None  # it is the other's to give back


def test_what_is_under_way_when_its_time_is_over_is_not_given_up(owing: Owing, desk: Hearing) -> None:
    owing.receiver(desk)
    owing.opens("post:mastodon:1")

    def late(_: object) -> bytes:
        owing.execute("UPDATE owed SET until = now() - interval '1 second'")
        assert give_up(owing.sessions) == 0
        return OK

    desk.answer = late
    assert owing.notifies() == 1
    assert owing.states() == ["delivered"]
    assert owing.activities() == []


def test_who_gives_up_holds_no_news_while_it_waits_for_the_receiver(owing: Owing, desk: Hearing) -> None:
    owing.receiver(desk)
    owing.opens("post:mastodon:1")
    owing.execute("UPDATE owed SET until = now() - interval '1 second'")
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with ThreadPoolExecutor(1) as sweep:
        with owing.sessions() as teller, teller.begin():
            teller.execute(text("SET LOCAL lock_timeout = '5s'"))
            teller.execute(text("SELECT FROM receivers FOR NO KEY UPDATE"))
            given_up = sweep.submit(give_up, owing.sessions)
            eventually(lambda: owing.value(waiting) == 1, 10)
            teller.execute(text("UPDATE owed SET attempts = attempts + 1"))
        assert given_up.result(10) == 1


def test_a_lease_ends_with_the_session_that_took_it(owing: Owing, desk: Hearing) -> None:
    owing.receiver(desk)
    owing.opens("post:mastodon:1")
    owing.execute(
        "UPDATE receivers SET lease_until = now() + interval '1 hour', lease_pid = 1, lease_started = now()"
    )
    assert owing.notifies() == 1


def test_old_news_is_forgotten_and_what_is_owed_never(owing: Owing, desk: Hearing) -> None:
    owing.receiver(desk)
    owing.receiver(name="away", address="https://desk.example", state="paused")
    owing.opens("post:mastodon:1")
    owing.opens("post:mastodon:2")
    owing.notifies()
    owing.execute("UPDATE owed SET created_at = created_at - interval '31 days'")
    owing.execute("UPDATE owed SET delivered_at = delivered_at - interval '31 days' WHERE case_id = :id",
                  id=owing.owed()[0].case_id)  # fmt: skip
    forget(owing.sessions, owing.settings)
    assert sorted(owing.states()) == ["delivered", "owed", "owed"]


def test_waits_grow_are_jittered_and_bounded_and_are_never_shorter_than_what_is_asked_for() -> None:
    refused, away = Told("no", alive=True), Told("away")
    waits = [news_waits(n, refused, 1.0) for n in range(20)]
    assert waits[:3] == [5.0, 15.0, 45.0]
    assert waits == sorted(waits)
    assert waits[-1] == 10_800.0
    assert receiver_waits(20, refused, 1.2) == 72.0
    assert receiver_waits(20, away, 1.0) == 1800.0
    assert receiver_waits(1, Told("busy", after=900.0), 1.0) == 900.0
    assert receiver_waits(1, Told("away"), 0.8) == 4.0


def test_two_workers_at_once_tell_a_receiver_each_piece_once(owing: Owing, desk: Hearing) -> None:
    owing.receiver(desk)
    for number in range(60):
        owing.story(f"post:mastodon:{number}")
    with ThreadPoolExecutor(3) as workers:
        took = list(workers.map(lambda _: owing.notifies(), range(3)))
    assert sum(took) == len(desk.heard) == len({one.id for one in desk.heard}) == 180


def test_a_secret_is_in_no_log_error_or_repr(
    owing: Owing, desk: Hearing, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    receiver = owing.receiver(desk)
    owing.story("post:mastodon:1")
    for answer in (answers("500 Oops"), b"junk\r\n\r\n", answers("302 Found"), OK):
        desk.answer = lambda _, answer=answer: answer
        owing.notifies(again=True)
    with pytest.MonkeyPatch.context() as patch, keys(patch, a_key("o")):
        owing.opens("post:mastodon:2")
        owing.notifies(again=True)
    assert "does not open" in owing.stands(receiver).last_error
    said = f"{caplog.text} {[repr(row) for row in owing.owed()]} {owing.activities()} {owing.stands(receiver).last_error}"
    assert SECRET.removeprefix("whsec_") not in said
    assert "key=k" not in said.replace(desk.url, "")
