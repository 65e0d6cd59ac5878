"""Cases that people merge and split: a later post of a merged author joins the merged case, taking out gives back what was,
what makes no sense is refused with the reason, and whatever the order, the doctor's invariants hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any
from uuid import UUID

import pytest

from console import merging, splitting
from console.inbox import times
from console.refusal import CannotDo
from tests.backtesting import backtested, opened
from tests.journey import CALM, FURIOUS, MILD, US, at, post
from tests.reviewing import Reviewing
from workers.gather import gather_late

PEOPLE = ("ann", "ben", "cem", "dee")


class Matters(Reviewing):
    """A Reviewing in which Sam merges and splits."""

    def complains(self, *people: str, text: str = FURIOUS) -> list[UUID]:
        """The cases of people who each write a post of their name to us."""
        source = self.source(term=people[0])
        for number, by in enumerate(people):
            self.hear(source, post(by, text, by=by, to=US, minutes=number))
        return [self.case(by) for by in people]

    def case(self, name: str) -> UUID:
        """The case of a post."""
        case: UUID = self.event(name).case_id
        return case

    def merge_cases(self, case: UUID, into: UUID) -> UUID:
        with self.session() as session:
            return merging.merge(session, self.org, case, into, "sam")[0]

    def merged(self, case: UUID, into: UUID) -> str:
        """What is said of a merge."""
        with self.session() as session:
            return merging.merge(session, self.org, case, into, "sam")[1]

    def take_out(self, case: UUID) -> None:
        with self.session() as session:
            merging.take_out(session, self.org, case, "sam")

    def split(self, name: str, what: splitting.What = "post") -> UUID:
        """Where a post went that was split out of its case."""
        event = self.event(name)
        with self.session() as session:
            return splitting.split(session, self.org, event.case_id, event.id, what, "sam").case

    def number(self, case: UUID) -> int | None:
        number: int | None = self.value(
            "SELECT t.number FROM cases c LEFT JOIN tickets t ON t.id = c.ticket_id WHERE c.id = :id", id=case
        )
        return number

    def work(self) -> list[Any]:
        """Every ticket and activity with its status, and every case with what it has: what people see of it."""
        return self.execute(
            "SELECT 't', t.id, t.status, t.parent_id::text, NULL::uuid FROM tickets t WHERE org_id = :org"
            " UNION ALL SELECT 'a', id, status, ticket_id::text, NULL FROM activities WHERE org_id = :org"
            " UNION ALL SELECT 'c', id, level, coalesce(ticket_id, activity_id)::text, parent_id FROM cases WHERE org_id = :org"
            " UNION ALL SELECT 'e', id, case_role, case_id::text, ticket_id FROM social_events WHERE org_id = :org ORDER BY 1, 2",
            org=self.org,
        )


@pytest.fixture
def journey(database: str) -> Iterator[Matters]:
    journey = Matters(database)
    journey.own(US)
    yield journey
    journey.close()


def test_what_was_split_out_stays_in_its_own_case_when_it_is_edited_open_or_closed(journey: Matters) -> None:
    """An edit brought it back into its author's case: a person had said that it is another matter."""
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, to=US), post("2", MILD, to=US, minutes=1))
    both = journey.case("1")
    own = journey.split("2")
    assert (journey.case("1"), journey.case("2") == own != both) == (both, True)
    journey.hear(source, post("2", f"{MILD} Really.", to=US, minutes=1, edited_at=at(9)))
    assert journey.case("2") == own
    journey.execute(
        "UPDATE tickets SET status = 'closed' WHERE id = (SELECT ticket_id FROM cases WHERE id = :id)", id=own
    )
    journey.hear(source, post("2", FURIOUS, to=US, minutes=1, edited_at=at(10)))
    assert journey.case("2") == own
    assert [(case.open, case.posts) for case in journey.cases()] == [(True, 1), (True, 1)]
    journey.hear(source, post("3", FURIOUS, to=US, minutes=2))
    assert journey.case("3") == both
    journey.execute("UPDATE identities SET blocked = true")
    journey.hear(source, post("2", f"{FURIOUS} Really.", to=US, minutes=1, edited_at=at(11)))
    assert (journey.case("2"), journey.event("2").held_back) == (own, "its author is blocked")
    assert journey.broken() == []


def test_one_matter_has_the_higher_priority_of_two_while_they_are_one_and_is_answered_in_either(
    journey: Matters,
) -> None:
    journey.complains("ann", "ben")
    journey.execute("UPDATE tickets SET priority = 'urgent' WHERE subject LIKE '%ann%'")
    journey.execute("UPDATE tickets SET priority = 'normal' WHERE subject LIKE '%ben%'")
    priorities = "SELECT string_agg(priority, ' ' ORDER BY subject) FROM tickets"
    journey.merge_cases(journey.case("ann"), journey.case("ben"))
    assert journey.value(priorities) == "urgent urgent"
    journey.take_out(journey.case("ann"))
    assert journey.value(priorities) == "urgent normal"
    assert "urgent now" in journey.merged(journey.case("ann"), journey.case("ben"))
    answer = post("ours", CALM, by="northwind", reply_to="ann", verb="comment", minutes=5)
    journey.hear(journey.source(term="us"), answer)
    journey.execute("UPDATE tickets SET status = 'resolved' WHERE status = 'open'")
    with journey.session() as session:
        told = times(session, "main")
    assert (told["closed"], told["answered"]) == (1, 1)


def test_a_later_post_of_a_merged_author_joins_the_merged_case_and_taking_out_gives_back_what_was(
    journey: Matters,
) -> None:
    ann, ben = journey.complains("ann", "ben")
    before, number = journey.work(), journey.number(ann)
    assert journey.merge_cases(ann, ben) == ben
    assert journey.value("SELECT status FROM tickets WHERE number = :n", n=number) == "closed"
    journey.hear(journey.source(term="later"), post("more", FURIOUS, by="ann", to=US, minutes=9))
    assert (journey.case("more"), journey.number(ann)) == (ann, journey.number(ben))
    assert journey.value("SELECT count(*) FROM social_events WHERE ticket_id = (SELECT ticket_id FROM cases WHERE id = :b)", b=ben) == 3  # fmt: skip
    assert journey.broken() == []
    journey.execute("UPDATE tickets SET status = 'resolved' WHERE number = :n", n=journey.number(ben))
    assert {case.open for case in journey.cases()} == {False}
    journey.execute("UPDATE tickets SET status = 'open' WHERE number = :n", n=journey.number(ben))
    journey.take_out(ann)
    assert set(before) <= set(journey.work())
    assert journey.event("more").ticket_id == journey.event("ann").ticket_id
    assert journey.broken() == []


def test_a_crossing_answer_opens_the_merged_matter_again_and_what_joined_beside_the_merge_finds_its_ticket(
    journey: Matters,
) -> None:
    ann, ben = journey.complains("ann", "ben")
    former = journey.event("ann").ticket_id
    journey.merge_cases(ann, ben)
    journey.execute("UPDATE social_events SET ticket_id = :t WHERE external_id = 'ann'", t=former)
    with journey.session() as session:
        gather_late(session, journey.org)
    assert journey.broken() == []
    journey.execute("UPDATE tickets SET status = 'closed'")
    answer = post("again", FURIOUS, by="ann", to=US, reply_to="ann", verb="comment", minutes=9)
    journey.hear(journey.source(term="again"), answer)
    assert journey.case("again") == ann
    assert [case.open for case in journey.cases()] == [True, True]
    with journey.sessions() as session:
        both = [
            {(one.subject, one.is_open) for one in told} for told in (opened(session), backtested(session))
        ]
    assert both[0] == both[1]


def test_two_activities_that_are_one_matter_become_a_ticket_and_come_apart_again(journey: Matters) -> None:
    ann, ben = journey.complains("ann", "ben", text=MILD)
    journey.execute("INSERT INTO receivers (name, kind, address) VALUES ('desk', 'email', 'd@acme.example')")
    assert journey.merge_cases(ann, ben) == ben
    assert journey.number(ann) == journey.number(ben) is not None
    journey.take_out(ann)
    assert journey.execute("SELECT status, ticket_id FROM activities WHERE status = 'planned' ORDER BY ticket_id NULLS LAST")[1] == ("planned", None)  # fmt: skip
    told = journey.execute("SELECT case_id, kind FROM owed ORDER BY id")
    assert told == [(ben, "case.raised"), (ann, "case.merged"), (ann, "case.split")]
    [mild] = journey.complains("cem", text=MILD)
    [furious] = journey.complains("dee")
    assert (
        journey.merge_cases(furious, mild) == furious
    )  # the ticket takes the activity in, not the other way round
    assert journey.broken() == []


def test_what_others_said_goes_into_a_case_of_their_own_and_a_single_post_into_one_that_is_its(
    journey: Matters,
) -> None:
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, by="ann", to=US), post("2", FURIOUS, by="ann", to=US, minutes=2))
    answers = [
        post("3", "Me too, and a parcel.", by="ben", reply_to="1", verb="comment", minutes=3),
        post("4", CALM, by="ben", reply_to="3", verb="comment", minutes=4),
        post("5", "We look into it.", by="northwind", reply_to="4", verb="comment", minutes=5),
    ]
    journey.hear(source, *answers)
    ann = journey.case("1")
    assert {journey.case(name) for name in "2345"} == {ann}
    bens = journey.split("3", "author")
    assert [journey.case(name) == bens for name in "2345"] == [False, True, True, True]
    alone = journey.split("2")
    assert journey.event("2").ticket_id not in (journey.event("1").ticket_id, journey.event("3").ticket_id)
    journey.hear(source, post("6", FURIOUS, by="ben", to=US, minutes=6))
    journey.hear(source, post("7", FURIOUS, by="ann", to=US, minutes=7))
    assert (journey.case("6"), journey.case("7")) == (bens, ann)
    for case in (bens, alone):
        assert journey.merge_cases(case, ann) == ann
    assert journey.split("2") == alone  # what was split, merged and split again is the case that it was
    assert journey.broken() == []


def test_what_makes_no_sense_is_refused_with_the_reason(journey: Matters) -> None:
    journey.execute("INSERT INTO policies (burst_all) VALUES (3)")
    ann, ben, cem, dee = journey.complains("ann", "ben", "cem", "dee")
    incident = journey.value("SELECT id FROM cases WHERE subject LIKE 'burst:%'")

    def refused(reason: str, case: UUID, into: UUID) -> None:
        with pytest.raises(CannotDo, match=reason):
            journey.merge_cases(case, into)

    refused("That is this case", ann, ann)
    refused("takes cases in; it is merged into none", incident, ann)
    refused("taken in by an incident and has ticket", dee, ann)
    journey.merge_cases(ann, ben)
    refused("is merged into it already", ben, ann)
    refused("is merged into another and has ticket", ann, cem)
    with pytest.raises(CannotDo, match="Nothing would be left"):
        journey.split("cem")
    with pytest.raises(CannotDo, match=r"is @ben@town\.example's own"):
        journey.split("ben", "author")
    journey.execute("UPDATE tickets SET status = 'closed' WHERE id = (SELECT ticket_id FROM cases WHERE id = :c)", c=cem)  # fmt: skip
    refused("Ticket #[0-9]+ is closed. Open it again", cem, ben)
    refused("Ticket #[0-9]+ is closed. Open it again", ben, cem)
    other = Matters(journey.url, "other")
    with other.session() as session, pytest.raises(CannotDo, match="no such case"):
        merging.merge(session, "other", ann, ben, "sam")
    other.close()
    assert (
        journey.merge_cases(ben, incident) == incident
    )  # a person may say that a case belongs to an incident
    assert journey.broken() == []


class Sequence:
    """People complain and answer; Sam merges, splits, closes and opens, in whatever order the seed says."""

    def __init__(self, journey: Matters, seed: int) -> None:
        self.journey, self.random, self.done = journey, Random(seed), Counter[str]()
        self.source = journey.source()
        self.posts = [f"{who}0" for who in PEOPLE]
        texts = (FURIOUS, MILD, FURIOUS, MILD)
        both = zip(self.posts, texts, strict=True)
        journey.hear(self.source, *(post(name, words, by=name[:3], to=US) for name, words in both))

    def one(self, which: str) -> UUID | None:
        found = self.journey.execute(
            f"SELECT c.id FROM cases c LEFT JOIN cases p ON p.id = c.parent_id WHERE {which} ORDER BY c.id"
        )
        return self.random.choice(found)[0] if found else None

    def step(self) -> None:
        """One of them, whether it is refused or not."""
        do = self.random.choice(("says", "merge", "merge", "take out", "post", "author", "status"))
        try:
            done = getattr(self, do.replace(" ", "_"))()
        except CannotDo:
            done = False
        self.done[do] += done is not False

    def says(self) -> None:
        name, reply = (
            f"{self.random.choice(PEOPLE)}{len(self.posts)}",
            self.random.choice([*self.posts, None]),
        )
        words = self.random.choice((FURIOUS, MILD, CALM))
        verb = "comment" if reply else "post"
        said = post(name, words, by=name[:3], to=US, minutes=len(self.posts), reply_to=reply, verb=verb)
        self.journey.hear(self.source, said)
        self.posts.append(name)

    def merge(self) -> bool:
        both = [self.one("c.closed_at IS NULL") for _ in range(2)]
        found = [one for one in both if one]
        return len(found) == 2 and bool(self.journey.merge_cases(*found))

    def take_out(self) -> bool | None:
        one = self.one("c.ticket_id = p.ticket_id")
        return self.journey.take_out(one) if one else False

    def post(self) -> bool:
        name = self.random.choice(self.posts)
        return bool(self.journey.event(name).case_id and self.journey.split(name, "post"))

    def author(self) -> bool:
        elsewhere = self.journey.execute(
            "SELECT e.external_id FROM social_events e JOIN cases c ON c.id = e.case_id"
            " WHERE c.subject <> 'identity:' || e.identity_id ORDER BY e.id"
        )
        return bool(elsewhere and self.journey.split(self.random.choice(elsewhere)[0], "author"))

    def status(self) -> None:
        one, word = self.one("true"), self.random.choice(("open", "waiting", "resolved"))
        self.journey.execute(
            "UPDATE tickets SET status = :word WHERE id = (SELECT ticket_id FROM cases WHERE id = :one)",
            word=word,
            one=one,
        )


def test_merges_and_splits_in_whatever_order_leave_every_invariant(journey: Matters) -> None:
    sequence = Sequence(journey, 7)
    for number in range(60):
        sequence.step()
        if number % 5 == 4:
            with journey.session() as session:
                gather_late(session, journey.org)
            assert journey.broken() == []
            # nothing that is open hangs on a ticket that is closed
            hanging = (
                "SELECT count(*) FROM cases c JOIN tickets t ON t.id = c.ticket_id WHERE c.closed_at IS NULL"
            )
            assert journey.value(f"{hanging} AND t.status IN ('resolved', 'closed')") == 0
    assert min(sequence.done[what] for what in ("says", "merge", "take out", "post", "author")) > 0, (
        sequence.done
    )
