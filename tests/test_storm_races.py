"""Several processes decide about one thing at the same moment: the numbers are exact, and nobody is left out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.journey import FURIOUS, US, Journey, post
from tests.storming import Crew, crew
from workers.incident import adopt
from workers.release import release
from workers.sweep import sweep


@pytest.fixture(scope="module")
def workers() -> Iterator[Crew]:
    with crew() as made:
        yield made


@pytest.fixture
def journey(database: str) -> Iterator[Journey]:
    journey = Journey(database)
    journey.own(US)
    yield journey
    assert journey.value("SELECT count(*) FROM pages WHERE attempts > 1") == 0
    assert deadlocks(journey) == 0
    journey.close()


def deadlocks(journey: Journey) -> int:
    return int(journey.value("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))


def land(journey: Journey, pages: int, each: int, start: int = 0, **more: Any) -> None:
    """So many pages of furious posts to us, each of a source of its own and by authors of their own."""
    for page in range(pages):
        first = start + page * each
        posts = (post(f"p{n}", FURIOUS, by=f"a{n}", to=US, **more) for n in range(first, first + each))
        journey.land(journey.source(term=f"t{first}"), *posts)


def test_tickets_of_a_burst_are_exactly_as_many_as_the_limit_says(journey: Journey, workers: Crew) -> None:
    journey.execute("INSERT INTO policies (burst_all) VALUES (6)")
    land(journey, pages=24, each=5)
    workers.digest(journey.url, most=5)
    assert journey.value("SELECT count(*) FROM tickets") == 7
    assert journey.value("SELECT count(*) FROM cases WHERE subject LIKE 'burst:%'") == 1
    sweep(journey.sessions, journey.settings)
    assert journey.value("SELECT count(*) FROM cases WHERE parent_id IS NOT NULL") == 120
    assert journey.value("SELECT count(*) FROM social_events WHERE ticket_id IS NULL") == 0


def test_one_post_delivered_twenty_times_to_eight_processes_is_one_event_and_one_ticket(
    journey: Journey, workers: Crew
) -> None:
    for n in range(20):
        journey.land(journey.source(term=f"t{n}"), post("1", FURIOUS, to=US))
    workers.digest(journey.url, processes=8, most=1)
    assert [(case.level, case.posts) for case in journey.cases()] == [("ticket", 1)]
    assert journey.value("SELECT count(*) FROM social_events") == 1
    assert journey.value("SELECT count(*) FROM tickets") == 1
    assert journey.value("SELECT cardinality(sightings) FROM social_events") == 20
    ledger = journey.ledger()
    assert (ledger["new"], ledger["duplicate"], ledger["waiting"]) == (1, 19, 0)


def test_two_posts_of_an_author_in_two_processes_that_cross_three_rules_each_are_one_case(
    journey: Journey, workers: Crew
) -> None:
    rounds, authors = 12, 5
    for n in range(rounds):
        for half in "ab":
            posts = (post(f"{half}{n}.{who}", FURIOUS, by=f"a{n}.{who}", to=US) for who in range(authors))
            journey.land(journey.source(term=f"{half}{n}"), *posts)
    workers.digest(journey.url, processes=2, most=authors)
    assert journey.value("SELECT count(*) FROM cases") == rounds * authors
    assert journey.value("SELECT count(*) FROM tickets") == rounds * authors
    assert {case.posts for case in journey.cases()} == {2}
    assert journey.value("SELECT count(*) FROM case_notes WHERE what = 'rule'") == rounds * authors * 2 * 2


def test_two_customers_of_one_account_in_two_processes_are_two_cases(journey: Journey, workers: Crew) -> None:
    account = journey.account("Velmora Hotels")
    for n in range(8):
        for who in "ab":
            journey.contact(f"{who}{n}@town.example", account=account)
            angry = post(f"{who}{n}", FURIOUS, by=f"{who}{n}", to=US)
            journey.land(journey.source(term=f"{who}{n}"), angry)
    workers.digest(journey.url, processes=2, most=1)
    assert journey.value("SELECT count(*) FROM social_events WHERE account_id = :id", id=account) == 16
    assert [(case.ticket, case.posts) for case in journey.cases()] == [(True, 1)] * 16
    assert journey.value("SELECT count(DISTINCT contact_id) FROM tickets") == 16


def test_a_number_a_day_is_exact_under_four_processes(journey: Journey, workers: Crew) -> None:
    journey.execute("DELETE FROM rules WHERE name <> 'A complaint to us'")
    journey.execute("UPDATE rules SET per_day = 7")
    land(journey, pages=20, each=2)
    workers.digest(journey.url, most=2)
    assert journey.value("SELECT count(*) FROM tickets") == 7
    assert (
        journey.value("SELECT count(*) FROM social_events WHERE held_back LIKE 'the rule''s number%'") == 33
    )


def test_turns_are_fair_under_four_processes(journey: Journey, workers: Crew) -> None:
    journey.execute(
        "INSERT INTO users (name, email) SELECT n, n || '@us.example' FROM unnest('{a,b,c}'::text[]) n"
    )
    journey.execute("UPDATE rules SET assign = 'rotation', assignees = ARRAY(SELECT id FROM users)")
    land(journey, pages=30, each=2)
    workers.digest(journey.url, most=2)
    owners = journey.execute("SELECT count(*) AS n FROM tickets GROUP BY owner_id")
    assert [row.n for row in owners] == [20, 20, 20]


@contextmanager
def meanwhile(*works: Callable[[], None]) -> Iterator[None]:
    """Each of these again and again in a thread of its own; what one raised is raised at the end."""
    over, raised = threading.Event(), []

    def again(work: Callable[[], None]) -> None:
        try:
            while not over.is_set():
                work()
        except Exception as failure:  # noqa: BLE001 - it is raised in the test's own thread
            raised.append(failure)

    threads = [threading.Thread(target=again, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert raised == []


def orphans(journey: Journey) -> int:
    """Open cases without a Ticket of their own whose Incident is closed."""
    return int(
        journey.value(
            "SELECT count(*) FROM cases c JOIN cases i ON i.id = c.parent_id"
            " WHERE c.closed_at IS NULL AND i.closed_at IS NOT NULL AND c.ticket_id = i.ticket_id"
        )
    )


def test_people_who_work_on_tickets_and_a_storm_do_not_lock_each_other_out(
    journey: Journey, workers: Crew
) -> None:
    journey.execute("INSERT INTO policies (burst_all) VALUES (12)")
    land(journey, pages=24, each=5)
    with (
        psycopg.connect(journey.url, autocommit=True) as ann,
        psycopg.connect(journey.url, autocommit=True) as bob,
    ):

        def work(db: psycopg.Connection[Any], status: str) -> None:
            db.execute(
                "UPDATE tickets SET status = %s, priority = 'low' WHERE id = (SELECT id FROM tickets"
                " WHERE subject NOT LIKE 'Incident%%' ORDER BY random() LIMIT 1)",
                (status,),
            )

        def incident() -> None:
            bob.execute(
                "UPDATE tickets SET status = 'closed' WHERE subject LIKE 'Incident%' AND status = 'open'"
            )

        def house() -> None:
            sweep(journey.sessions, journey.settings)

        with meanwhile(lambda: work(ann, "in_progress"), lambda: work(ann, "closed"), incident, house):
            workers.digest(journey.url, most=5)
    sweep(journey.sessions, journey.settings)
    assert orphans(journey) == 0
    assert journey.value("SELECT count(*) FROM social_events WHERE case_id IS NULL OR ticket_id IS NULL") == 0
    assert journey.ledger()["new"] == 120


def test_taking_tickets_into_an_incident_never_waits_for_a_person_crosswise(journey: Journey) -> None:
    journey.execute("INSERT INTO policies (burst_all) VALUES (20)")
    journey.hear(journey.source(), *(post(f"p{n}", FURIOUS, by=f"a{n}", to=US) for n in range(21)))
    tickets = [row.id for row in journey.execute("SELECT id FROM tickets WHERE subject NOT LIKE 'Incident%'")]
    with psycopg.connect(journey.url, autocommit=True) as ann:

        def work() -> None:
            for status in ("closed", "open"):
                with ann.transaction():
                    for ticket in tickets:
                        ann.execute("UPDATE tickets SET status = %s WHERE id = %s", (status, ticket))

        with meanwhile(work):
            for _ in range(60):
                journey.execute(
                    "UPDATE cases SET parent_id = NULL WHERE id IN"
                    " (SELECT id FROM cases WHERE parent_id IS NOT NULL FOR UPDATE SKIP LOCKED)"
                )
                with journey.sessions() as session, session.begin():
                    adopt(session, "main")


def test_an_incident_that_closes_while_posts_join_it_leaves_no_case_open_behind(
    journey: Journey, workers: Crew
) -> None:
    journey.execute("INSERT INTO policies (burst_all) VALUES (2)")
    journey.hear(journey.source(), *(post(f"x{n}", FURIOUS, by=f"x{n}", to=US) for n in range(4)))
    land(journey, pages=30, each=4)

    def close() -> None:
        journey.execute(
            "UPDATE tickets SET status = 'closed' WHERE subject LIKE 'Incident%' AND status = 'open'"
        )

    with meanwhile(close):
        workers.digest(journey.url, most=4)
    sweep(journey.sessions, journey.settings)
    assert orphans(journey) == 0
    assert journey.value("SELECT count(*) FROM social_events WHERE case_id IS NULL") == 0
    assert journey.value("SELECT count(*) FROM case_notes WHERE what = 'summary'") > 1


def test_a_case_that_opens_again_while_a_newer_one_opens_leaves_one_open(
    journey: Journey, workers: Crew
) -> None:
    authors = 40
    journey.hear(journey.source(), *(post(f"p{n}", FURIOUS, by=f"a{n}", to=US) for n in range(authors)))
    journey.execute("UPDATE tickets SET status = 'resolved'")
    for n in range(authors):
        reply = post(f"r{n}", FURIOUS, by=f"a{n}", to=US, reply_to=f"p{n}", verb="comment", minutes=5)
        journey.land(journey.source(term=f"r{n}"), reply)
        journey.land(journey.source(term=f"n{n}"), post(f"n{n}", FURIOUS, by=f"a{n}", to=US, minutes=5))
    workers.digest(journey.url, most=1)
    sweep(journey.sessions, journey.settings)
    assert journey.value("SELECT count(*) FROM case_notes WHERE what = 'reopened'") > 0
    open_ = journey.execute("SELECT subject FROM cases WHERE closed_at IS NULL")
    assert len(open_) == len({row.subject for row in open_}) == authors
    stray = "SELECT count(*) FROM social_events e JOIN cases c ON c.id = e.case_id WHERE c.closed_at IS NOT NULL AND e.external_id NOT LIKE 'p%'"
    assert journey.value(stray) == 0
    assert journey.value("SELECT count(*) FROM social_events WHERE case_id IS NULL") == 0


def test_what_is_released_while_its_authors_go_on_complaining_is_one_case_each(
    journey: Journey, workers: Crew
) -> None:
    switch = journey.value(
        "INSERT INTO holds (of, platform, until, reason, by) VALUES"
        " ('platform', 'mastodon', now() + interval '1 hour', 'outage', 'ann') RETURNING id"
    )
    for page in range(6):
        numbers = range(page * 10, page * 10 + 10)
        journey.hear(
            journey.source(term=f"h{page}"), *(post(f"h{n}", FURIOUS, by=f"a{n}", to=US) for n in numbers)
        )
    assert journey.cases() == []
    journey.execute("UPDATE holds SET lifted_at = now()")
    land(journey, pages=20, each=3)
    workers.start(journey.url, most=3)
    released = sum(done.posts for done in release(journey.sessions, "main", switch))
    workers.wait()
    assert released == 60
    assert journey.value("SELECT count(*) FROM cases") == journey.value("SELECT count(*) FROM tickets") == 60
    assert {case.posts for case in journey.cases()} == {2}
    assert journey.value("SELECT count(*) FROM social_events WHERE hold_id IS NOT NULL") == 0


def test_two_who_release_at_once_decide_each_post_once(journey: Journey) -> None:
    switch = journey.value(
        "INSERT INTO holds (of, platform, until, reason, by) VALUES"
        " ('platform', 'mastodon', now() + interval '1 hour', 'outage', 'ann') RETURNING id"
    )
    source = journey.source()
    journey.hear(source, *(post(f"h{n}", FURIOUS, by=f"a{n}", to=US) for n in range(30)))
    journey.execute("UPDATE holds SET lifted_at = now()")
    journey.execute("DELETE FROM sources WHERE id = :id", id=source)  # who heard it is followed no more
    with ThreadPoolExecutor(4) as pool:
        done = pool.map(lambda _: [one.posts for one in release(journey.sessions, "main", switch)], range(4))
        assert sum(map(sum, done)) == 30
    assert journey.value("SELECT count(*) FROM social_events WHERE case_role = 'opened'") == 30
