"""A step of a person and a digest, or two persons, at the same moment: what a person decided is never written over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from connectors._base import Author
from console import identities, review
from console.again import tried
from console.failures import sentence
from console.own import add_own, remove_own
from console.records import Record
from console.refusal import CannotDo
from tests.journey import CALM, FURIOUS, US, at, post
from tests.reviewing import Reviewing
from tests.waiting import eventually


@pytest.fixture
def journey(database: str) -> Iterator[Reviewing]:
    journey = Reviewing(database)
    journey.own(US)
    yield journey
    journey.execute("UPDATE followings SET due_at = now()")
    assert journey.broken() == []
    journey.close()


WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


def _while(
    journey: Reviewing,
    step: Callable[[Session], Any],
    work: Callable[[], Any],
    look: Callable[[Session], Any] | None = None,
) -> Any:
    """`work` in another thread while `step` is made and not committed yet; what `work` gave or raised. `look` is done
    once `work` waits for a lock."""
    with ThreadPoolExecutor(1) as pool:
        with journey.session() as session:
            step(session)
            told: Future[Any] = pool.submit(work)
            eventually(lambda: told.done() or journey.value(WAITING), of="a wait for a lock, or the end")
            if look is not None:
                assert not told.done()
                look(session)
        return told.exception(30) or told.result()


def _zoe(number: str, minutes: int, name: str | None = "Zoe X", **more: Any) -> Any:
    author = Author(id="https://town.example/users/zoe", handle="zoe@town.example", name=name)
    return replace(post(number, FURIOUS, minutes=minutes, **more), author=author)


def test_a_digest_does_not_link_again_whom_a_person_unlinked_meanwhile(journey: Reviewing) -> None:
    source, contact = journey.source(), journey.contact("zoe@town.example")
    journey.hear(source, post("1"))
    zoe = journey.who("zoe@town.example")
    assert zoe.contact_id == contact
    journey.land(source, _zoe("2", 2))
    _while(journey, lambda s: identities.unlink(s, journey.org, zoe.id, "sam"), journey.digest)
    zoe = journey.who("zoe@town.example")
    assert (zoe.contact_id, zoe.decided, zoe.name) == (None, True, "Zoe X")
    assert journey.event("2").contact_id is None
    assert not {match for match in journey.matches("2") if match[0] == "contact"}


def test_a_digest_does_not_link_by_itself_whom_a_person_merged_meanwhile(journey: Reviewing) -> None:
    toot, skeet = journey.source(), journey.source("bluesky")
    kim = journey.person("Kim")
    journey.hear(toot, post("1"))
    author = Author(id="did:plc:zoe", handle="old.example")
    journey.hear(skeet, replace(post("2"), author=author))
    zoe, child = journey.who("zoe@town.example"), journey.who("old.example", "bluesky")
    journey.link(zoe, "contact", kim)
    other = journey.contact("new.example", platform="bluesky")
    journey.land(skeet, replace(post("3", minutes=3), author=Author(id="did:plc:zoe", handle="new.example")))
    _while(journey, lambda s: identities.merge(s, journey.org, zoe.id, child.id, "sam"), journey.digest)
    child = journey.who("new.example", "bluesky")
    assert (child.merged_into, child.contact_id) == (zoe.id, None)
    assert journey.event("3").contact_id == kim
    assert other not in {match[1] for match in journey.matches("3") if match[4]}


def test_a_digest_does_not_make_ours_again_what_was_ours_by_mistake(journey: Reviewing) -> None:
    source = journey.source()
    with journey.session() as session:
        add_own(session, journey.org, "handle", "zoe@town.example", "mastodon")
    journey.hear(source, post("1"))
    journey.land(source, _zoe("2", 2, to=US))
    _while(
        journey,
        lambda s: remove_own(s, journey.org, "handle", "zoe@town.example", "mastodon"),
        journey.digest,
    )
    assert not journey.who("zoe@town.example").ours
    assert journey.event("2").voice == "earned"
    assert len(journey.cases()) == 1


def test_two_workers_who_hear_a_new_author_at_once_write_one_who_is_linked(journey: Reviewing) -> None:
    sources = journey.source(), journey.source(term="other")
    contact = journey.contact("zoe@town.example")
    for number, source in enumerate(sources, 1):
        journey.land(source, post(str(number)))
    threads = [threading.Thread(target=journey.digest) for _ in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    journey.digest()
    assert [journey.event(number).contact_id for number in "12"] == [contact, contact]


@pytest.mark.parametrize("author", [False, True])
@pytest.mark.parametrize("first", ["accept", "reject"])
def test_of_two_who_decide_a_suggestion_at_once_the_second_is_told(
    journey: Reviewing, first: str, author: bool
) -> None:
    journey.hear(journey.source(), post("1", CALM))
    account = journey.account("Quimbly")
    one = journey.suggest(journey.event("1").id, "account", account, "Quimby", author=author)
    decide, other = (review.accept, journey.reject) if first == "accept" else (review.reject, journey.accept)
    told = _while(journey, lambda s: decide(s, journey.org, one, "ann"), lambda: other(one))
    assert isinstance(told, CannotDo)
    assert [row.action for row in journey.execute("SELECT action FROM reviews")] == [first]
    journey.link(journey.event("1").id, "campaign", journey.campaign("Any"))  # others follow on
    assert (journey.event("1").account_id == account) == (first == "accept")
    assert journey.value("SELECT count(*) FROM refusals") == (first == "reject")


def test_what_is_accepted_of_authors_who_are_one_person_is_said_once(journey: Reviewing) -> None:
    journey.hear(journey.source(), post("1", CALM), post("2", CALM, by="max"))
    journey.hear(journey.source("bluesky"), post("3", CALM, by="kim"))
    journey.merge(journey.who("zoe@town.example"), journey.who("kim@town.example", "bluesky"))
    ann = journey.person("Ann")
    ones = [journey.suggest(journey.event(number).id, "contact", ann, "Ann", author=True) for number in "123"]
    steps = journey.accept(ones[2], alike=True)
    assert len(steps) == 2
    assert [journey.event(number).contact_id for number in "123"] == [ann, ann, ann]
    for step in reversed(steps):
        journey.undo(step)
    assert journey.value("SELECT count(*) FROM matches WHERE state = 'suggested'") == 3


def test_whoever_waits_for_an_author_holds_none_of_the_posts(journey: Reviewing) -> None:
    """A digest holds the author and then wants the post: the other way round the two would wait for each other."""
    journey.hear(journey.source(), post("1", CALM))
    event, zoe, ann = journey.event("1").id, journey.who("zoe@town.example"), journey.person("Ann")

    _while(
        journey,
        lambda s: s.execute(text("SELECT FROM identities WHERE id = :id FOR NO KEY UPDATE"), {"id": zoe.id}),
        lambda: journey.link(event, "contact", ann),
        lambda s: s.execute(
            text("SELECT FROM social_events WHERE id = :id FOR UPDATE NOWAIT"), {"id": event}
        ),
    )
    assert journey.event("1").contact_id == ann


def test_a_step_of_a_person_does_not_wait_for_a_digest_that_writes_other_posts_of_the_author(
    journey: Reviewing,
) -> None:
    journey.hear(journey.source(), post("1", CALM))
    zoe, ann = journey.who("zoe@town.example"), journey.person("Ann")
    with journey.session() as digest, journey.session() as person:
        digest.execute(
            text("INSERT INTO social_events (org_id, identity_id) VALUES (:org, :zoe)"),
            {"org": journey.org, "zoe": zoe.id},
        )
        person.execute(text("SET LOCAL lock_timeout = '2s'"))
        identities.link(person, journey.org, zoe.id, Record("contact", ann, "Ann"), "sam")
    assert journey.who("zoe@town.example").contact_id == ann


def _conflict() -> DBAPIError:
    return DBAPIError("UPDATE", {}, psycopg.errors.DeadlockDetected("deadlock detected"))


def test_a_step_that_met_a_deadlock_is_tried_again_and_then_said_as_what_it_is(journey: Reviewing) -> None:
    left = [_conflict(), _conflict()]

    def work(session: Session) -> int:
        if left:
            raise left.pop()
        return int(session.execute(text("SELECT 7")).scalar_one())

    assert tried(work, within=journey.session) == 7
    left = [_conflict() for _ in range(9)]
    with pytest.raises(DBAPIError) as raised:
        tried(work, within=journey.session)
    said = sentence(raised.value)
    assert said is not None
    assert "at the same moment" in said
    assert "answer" not in said
    with pytest.raises(ZeroDivisionError):
        tried(lambda _: 1 // 0, within=journey.session)


def test_what_a_person_untied_while_its_edit_was_being_digested_stays_untied(journey: Reviewing) -> None:
    source, account = journey.source(), journey.account("Velmora Hotels")
    journey.hear(source, post("1", "We stay with Velmora Hotels."))
    event = journey.event("1").id
    journey.land(source, post("1", "We stay with Velmora Hotels again.", edited_at=at(5)))
    step = Record("account", account, "it")
    _while(journey, lambda s: review.unlink(s, journey.org, event, step, "sam"), journey.digest)
    assert journey.event("1").account_id is None
