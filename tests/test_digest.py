"""What holds whatever the workers do at once: fences, leases, keys, the account of every item."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from connectors._base import Post, Reject
from tests.journey import CALM, FURIOUS, MILD, US, Journey, post
from tests.waiting import eventually
from workers._settings import Settings
from workers.digest import digest, score_texts
from workers.directory import Directories, Directory
from workers.folding import addresses_in, ticket_numbers_in
from workers.land import StaleFence
from workers.pages import Candidate, choose, claim
from workers.score import Sentiment, Unscored
from workers.sweep import sweep
from workers.tokens import hashes_of

Texts = Sequence[tuple[str, str | None]]


def many(count: int, start: int = 0, **words: object) -> list[Post]:
    return [post(f"p{n}", f"{CALM} {n}", by=f"u{n % 7}", **words) for n in range(start, start + count)]


def test_a_page_and_its_cursor_land_together(journey: Journey) -> None:
    source = journey.source()
    journey.land(source, *many(3), cursor="after three")
    assert journey.value("SELECT cursor FROM sources") == "after three"
    assert journey.value("SELECT fetched FROM pages") == 3
    assert journey.ledger()["waiting"] == 3


def test_a_page_under_an_old_fence_is_refused_whole(journey: Journey) -> None:
    source = journey.source()
    journey.execute("UPDATE sources SET fence = 1")
    with pytest.raises(StaleFence):
        journey.land(source, *many(3), fence=0, cursor="too late")
    assert journey.value("SELECT count(*) FROM pages") == 0
    assert journey.value("SELECT cursor FROM sources") is None


def test_a_worker_that_wakes_after_its_lease_ended_writes_nothing(journey: Journey) -> None:
    source = journey.source()
    journey.land(source, *many(3))
    slept = claim(journey.sessions, journey.settings)
    journey.execute("UPDATE pages SET lease_until = now() - interval '1 second'")
    journey.digest()
    assert journey.ledger()["new"] == 3
    digest(journey.sessions, slept, Directories(), score_texts)
    assert journey.ledger() == {**dict.fromkeys(journey.ledger(), 0), "fetched": 3, "new": 3}


def test_a_digested_page_cannot_be_written_by_a_worker_with_an_older_fence(journey: Journey) -> None:
    source = journey.source()
    journey.land(source, post("1", FURIOUS, to=US))
    slept = claim(journey.sessions, journey.settings)
    journey.execute("UPDATE pages SET fence = fence + 1")
    digest(journey.sessions, slept, Directories(), score_texts)
    assert journey.value("SELECT count(*) FROM social_events") == 0
    assert journey.value("SELECT count(*) FROM tickets") == 0


def test_the_same_posts_by_eight_workers_are_stored_once_and_open_one_case(journey: Journey) -> None:
    posts = [*many(20), post("angry", FURIOUS, to=US)]
    for n in range(8):
        journey.land(journey.source(term=f"t{n}"), *posts)
    together = threading.Barrier(8)

    def work(_: int) -> None:
        pages = claim(journey.sessions, taking(journey, 21))
        together.wait()
        digest(journey.sessions, pages, Directories(), score_texts)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert journey.value("SELECT count(*) FROM social_events") == 21
    assert len(journey.cases()) == 1
    assert journey.value("SELECT count(*) FROM tickets") == 1
    ledger = journey.ledger()
    assert (ledger["new"], ledger["duplicate"], ledger["waiting"]) == (21, 21 * 7, 0)
    assert journey.value("SELECT cardinality(sightings) FROM social_events WHERE external_id = 'p0'") == 8


def taking(journey: Journey, most: int) -> Settings:
    """The settings of a worker whose batches hold at most so many posts."""
    return journey.settings.model_copy(update={"digest_posts": most})


def test_two_authors_new_to_eight_workers_are_two_identities(journey: Journey) -> None:
    for n in range(8):
        source = journey.source(term=f"t{n}")
        journey.land(source, post(f"a{n}", by="ann"), post(f"b{n}", by="bob"))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: journey.digest(), range(8)))
    journey.digest()
    assert journey.value("SELECT count(*) FROM identities") == 2
    assert journey.value("SELECT count(*) FROM social_events WHERE identity_id IS NULL") == 0


def test_mild_and_furious_by_one_author_in_two_workers_make_one_case(journey: Journey) -> None:
    for n in range(6):
        journey.land(
            journey.source(term=f"t{n}"), post(f"m{n}", FURIOUS if n % 2 else MILD, to=US, minutes=n)
        )
    together = threading.Barrier(6)

    def work(_: int) -> None:
        pages = claim(journey.sessions, taking(journey, 1))
        together.wait()
        digest(journey.sessions, pages, Directories(), score_texts)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    [case] = journey.cases()
    assert (case.level, case.posts) == ("ticket", 6)
    assert journey.value("SELECT count(*) FROM tickets") == 1
    assert journey.value("SELECT count(*) FROM activities") <= 1
    assert journey.value("SELECT count(*) FROM social_events WHERE ticket_id IS NULL") == 0


def test_two_workers_never_digest_one_source_at_once(journey: Journey) -> None:
    source, other = journey.source(), journey.source(term="other")
    journey.land(source, *many(3))
    journey.land(source, *many(3, start=3))
    journey.land(other, *many(3, start=6))
    one = taking(journey, 3)
    first, second = claim(journey.sessions, one), claim(journey.sessions, one)
    assert [page.source for page in first] == [source]
    assert [page.source for page in second] == [other]
    assert claim(journey.sessions, one) == []


def test_a_lease_ends_with_the_database_session_that_took_it(journey: Journey) -> None:
    source = journey.source()
    journey.land(source, *many(3))
    other = Journey(journey.url)
    assert len(claim(other.sessions, journey.settings)) == 1
    assert claim(journey.sessions, journey.settings) == []
    other.close()
    assert len(claim(journey.sessions, journey.settings)) == 1


def test_a_post_that_raises_each_time_ends_alone_in_quarantine(journey: Journey) -> None:
    source = journey.source()
    journey.land(source, *many(9), post("poison", "poison"), *many(9, start=9))

    def picky(directory: Directory, texts: Texts) -> list[Sentiment | Unscored]:
        if any(words == "poison" for words, _ in texts):
            raise RuntimeError("this text cannot be scored")
        return score_texts(directory, texts)

    while journey.digest(score=picky):
        pass
    [held] = journey.execute("SELECT * FROM quarantine")
    assert held.external_id == "poison"
    assert "this text cannot be scored" in held.trace
    ledger = journey.ledger()
    assert (ledger["new"], ledger["quarantined"], ledger["waiting"]) == (18, 1, 0)


def test_several_posts_that_raise_are_all_in_quarantine_and_none_is_lost(journey: Journey) -> None:
    source = journey.source()
    bad = {"p0", "p1", "p4"}
    journey.land(source, *many(8))

    def picky(directory: Directory, texts: Texts) -> list[Sentiment | Unscored]:
        if any(words.split()[-1] in {"0", "1", "4"} for words, _ in texts):
            raise RuntimeError("this text cannot be scored")
        return score_texts(directory, texts)

    while journey.digest(score=picky):
        pass
    assert {row.external_id for row in journey.execute("SELECT external_id FROM quarantine")} == bad
    ledger = journey.ledger()
    assert (ledger["new"], ledger["quarantined"], ledger["waiting"]) == (5, 3, 0)


def test_a_batch_takes_the_same_number_of_statements_whatever_its_size(journey: Journey) -> None:
    def statements(count: int, start: int) -> int:
        journey.land(
            journey.source(term=f"t{start}"),
            *many(count, start=start),
            *(post(f"angry{start + n}", FURIOUS, by=f"a{start + n}", to=US) for n in range(count // 10)),
            *(
                post(f"reply{start + n}", CALM, by="r", reply_to=f"p{start + n}", verb="comment")
                for n in range(count // 10)
            ),
        )
        said: list[str] = []
        with counting(journey, said):
            pages = claim(journey.sessions, journey.settings)
            digest(journey.sessions, pages, directories, score_texts)
        return len(said)

    directories = Directories()
    directories.of(journey.sessions, "main")

    assert statements(20, 0) == statements(300, 1000) <= 24


@contextmanager
def counting(journey: Journey, said: list[str]) -> Iterator[None]:
    """Collects the statements that reach the database."""

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    event.listen(journey.engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(journey.engine, "before_cursor_execute", note)


def test_the_later_of_two_texts_without_a_stamp_wins_within_a_batch(journey: Journey) -> None:
    source = journey.source()
    journey.land(source, post("1", "first"))
    journey.land(source, post("1", "second"))
    journey.digest()
    assert journey.event("1").text == "second"


def test_no_text_makes_the_search_for_names_slow() -> None:
    for words in ("ticket" + " " * 60_000 + "x", "@" + "a" * 65_000, "ticket no" * 7000, "a.b@" * 16_000):
        before = time.process_time()
        ticket_numbers_in(words)
        addresses_in(words)
        assert time.process_time() - before < 0.25


def test_rejects_are_quarantined_and_the_page_goes_on(journey: Journey) -> None:
    source = journey.source()
    journey.land(source, *many(2), rejects=(Reject(raw='{"id": 7}', reason="no text"),))
    journey.digest()
    [held] = journey.execute("SELECT * FROM quarantine")
    assert (held.reason, bytes(held.payload), held.stage) == ("no text", b'{"id": 7}', "reject")
    assert journey.ledger()["quarantined"] == 1


def test_one_post_twice_in_a_page_and_in_two_pages_is_new_once(journey: Journey) -> None:
    source, other = journey.source(), journey.source(term="other")
    journey.land(source, post("1"), post("1"))
    journey.land(other, post("1"))
    journey.digest()
    ledger = journey.ledger()
    assert (ledger["new"], ledger["duplicate"], ledger["waiting"]) == (1, 2, 0)


def test_private_posts_and_excluded_words_are_filtered_by_name(journey: Journey) -> None:
    source = journey.source(exclude=["jobs"])
    journey.hear(source, post("1", visibility="direct"), post("2", "Great JOBS here"), post("3"))
    assert journey.value("SELECT filtered FROM pages") == {"private": 1, "excluded word": 1}
    assert journey.ledger()["new"] == 1


def test_hours_count_what_is_stored_and_follow_an_edit(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("1", FURIOUS), post("2", CALM), post("3", "Das ist gut so", lang="de"))
    journey.hear(source, post("1", "All good now, thank you!", edited_at=post("x", minutes=9).posted_at))
    counted = journey.execute(
        "SELECT sum(n) AS n, sum(scored) AS scored, sum(sum) AS sum, sum(negative) AS negative,"
        " sum(unscored) AS unscored FROM hours WHERE scope = 'all'"
    )
    stored = journey.execute(
        "SELECT count(*), count(sentiment), sum(sentiment), count(*) FILTER (WHERE sentiment <= -0.05),"
        " count(*) FILTER (WHERE sentiment IS NULL) FROM social_events"
    )
    assert [float(value) for value in counted[0]] == pytest.approx([float(value) for value in stored[0]])


def test_a_batch_is_one_organisation_in_landing_order_and_failures_go_alone() -> None:
    page = Candidate(1, "a", None, 100, 0, None, None)  # type: ignore[arg-type]
    pages = [replace(page, id=n) for n in range(1, 9)]
    assert [p.id for p in choose(pages, 500)] == [1, 2, 3, 4, 5]
    assert [p.id for p in choose([replace(page, fetched=900), *pages], 500)] == [1]
    mixed = [pages[0], replace(pages[1], org_id="b"), pages[2]]
    assert [p.id for p in choose(mixed, 500)] == [1]
    there = uuid4()
    failed = [pages[0], replace(pages[1], attempts=1, source_id=there), pages[2]]
    assert [p.id for p in choose(failed, 500)] == [1, 3]
    assert [p.id for p in choose(failed[1:], 500)] == [2]
    behind = [*failed, replace(pages[3], source_id=there)]
    assert [p.id for p in choose(behind, 500)] == [1, 3]


def test_an_item_that_cannot_be_read_at_every_visit_is_held_once(journey: Journey) -> None:
    source = journey.source()
    broken, other = Reject(raw='{"id": 7}', reason="no text"), Reject(raw='{"id": 8}', reason="no text")
    for _ in range(3):
        journey.land(source, post("1"), rejects=(broken, other, broken))
        journey.digest()
    assert journey.value("SELECT count(*) FROM quarantine") == 3
    ledger = journey.ledger()
    assert (ledger["fetched"], ledger["quarantined"], ledger["waiting"]) == (12, 9, 0)


def test_a_worker_that_failed_late_does_not_end_the_lease_of_the_next(journey: Journey) -> None:
    source = journey.source()
    journey.land(source, *many(3))
    slept = claim(journey.sessions, journey.settings)
    journey.execute("UPDATE pages SET lease_until = now() - interval '1 second'")
    other = Journey(journey.url)
    assert len(claim(other.sessions, journey.settings)) == 1

    def broken(directory: Directory, texts: Texts) -> list[Sentiment | Unscored]:
        raise RuntimeError("too late")

    digest(journey.sessions, slept, Directories(), broken)
    assert claim(journey.sessions, journey.settings) == []
    other.close()


def test_a_page_that_cannot_be_unpacked_holds_nobody_up(journey: Journey) -> None:
    journey.land(journey.source(), *many(2))
    journey.execute("UPDATE pages SET body = decode('07aabb', 'hex')")
    journey.land(journey.source(term="other"), *many(2, start=2))
    journey.digest()
    assert journey.ledger()["new"] == 2
    assert journey.value("SELECT count(*) FROM pages WHERE state = 'landed'") == 1


def test_a_page_of_a_refused_batch_does_not_wait_for_its_lease_to_end(journey: Journey) -> None:
    journey.land(journey.source(), *many(2))
    journey.land(journey.source(term="other"), *many(2, start=2))
    slept = claim(journey.sessions, journey.settings)
    journey.execute("UPDATE pages SET fence = fence + 1 WHERE id = :id", id=slept[0].id)
    digest(journey.sessions, slept, Directories(), score_texts)
    assert [page.id for page in claim(journey.sessions, journey.settings)] == [slept[1].id]


def test_a_change_of_names_or_rules_is_heard_at_the_next_look_and_nothing_else_is_read_anew(
    journey: Journey,
) -> None:
    directories = Directories()

    def now() -> Directory:
        for held in directories._held.values():
            held.looked = 0.0
        return directories.of(journey.sessions, "main")

    first = now()
    assert now() is first
    account = journey.account("Brightwell")
    assert now() is first
    assert _may_be(first, "brightwell")
    assert not _may_be(first, "osterly")
    journey.execute("UPDATE accounts SET name = 'Osterly' WHERE id = :id", id=account)
    assert now() is first
    assert _may_be(first, "osterly")
    assert journey.value("SELECT array_agg(key) FROM names WHERE kind = 'name'") == ["osterly"]
    journey.execute("DELETE FROM accounts")
    now()
    assert journey.value("SELECT count(*) FROM names WHERE owner = 'account'") == 0
    journey.own("another@town.example")
    assert now() is not first


def _may_be(directory: Directory, name: str) -> bool:
    """Does the gate let a name of one word through?"""
    return len(directory.gate.openings(hashes_of([name]))[0]) == 1


def test_a_deadlock_is_tried_again_and_costs_the_page_nothing(journey: Journey) -> None:
    journey.hear(journey.source(), post("a"), post("b"))
    journey.land(journey.source(term="other"), post("a"), post("b", edited_at=post("x", minutes=9).posted_at))
    pages = claim(journey.sessions, journey.settings)
    with journey.engine.connect() as rival, ThreadPoolExecutor(1) as pool:
        # the rival holds b and will want a; the digest takes a and waits for b: one of the two is turned away
        rival.exec_driver_sql("SELECT 1 FROM social_events WHERE external_id = 'b' FOR UPDATE")
        working = pool.submit(digest, journey.sessions, pages, Directories(), score_texts)
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"
        eventually(lambda: journey.value(waits), within=10)
        with suppress(OperationalError):
            rival.exec_driver_sql("SELECT 1 FROM social_events WHERE external_id = 'a' FOR UPDATE")
        rival.rollback()
        working.result(20)
    assert journey.ledger()["waiting"] == 0
    assert journey.value("SELECT max(attempts) FROM pages") == 1


def test_the_sweep_finds_what_a_killed_worker_left_unjoined(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, to=US), post("2", CALM, by="passer", reply_to="1", minutes=2))
    journey.execute("UPDATE social_events SET case_id = NULL, ticket_id = NULL WHERE external_id = '2'")
    sweep(journey.sessions, journey.settings)
    assert journey.event("2").case_id == journey.event("1").case_id
    assert journey.event("2").ticket_id == journey.event("1").ticket_id


def test_organisations_whose_pages_alternate_do_not_wait_for_each_other(journey: Journey) -> None:
    other = Journey(journey.url, org="other")
    here, there = journey.source(), other.source()
    for n in range(4):
        journey.land(here, *many(2, start=10 * n))
        other.land(there, *many(2, start=10 * n))
    journey.digest()
    assert (journey.ledger()["new"], other.ledger()["new"]) == (8, 8)
    other.close()
