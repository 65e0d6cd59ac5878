"""What is deleted, what was ours by mistake, what was refused: the posts follow, and a person is told what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from uuid_utils import uuid7

from console import identities
from console.naming import remove_alias
from console.own import add_own, remove_own
from console.refusal import CannotDo
from console.steps import hold_to_undo
from tests.command_line import earshot
from tests.journey import CALM, FURIOUS, US, post
from tests.reviewing import Reviewing
from workers.follow import follow_waiting


@pytest.fixture
def journey(database: str) -> Iterator[Reviewing]:
    journey = Reviewing(database)
    journey.own(US)
    yield journey
    journey.execute("UPDATE followings SET due_at = now()")
    follow_waiting(journey.sessions)
    journey.execute("UPDATE followings SET due_at = now()")
    follow_waiting(journey.sessions)
    assert journey.broken() == []
    journey.close()


# --- deleted by the neighbour


def test_a_case_that_lost_its_ticket_leaves_its_posts_the_one_that_they_name(journey: Reviewing) -> None:
    named = journey.ticket()
    number = journey.value("UPDATE tickets SET number = 4321 RETURNING number")
    source = journey.source()
    journey.hear(
        source, post("1", FURIOUS + f" See ticket #{number}", to=US), post("2", FURIOUS, to=US, by="max")
    )
    theirs = journey.event("1").ticket_id
    assert theirs not in (None, named)
    journey.execute("DELETE FROM tickets WHERE id = :id", id=theirs)
    assert journey.event("1").ticket_id == named
    assert journey.event("2").ticket_id is not None
    assert journey.broken() == []
    journey.execute("DELETE FROM tickets")
    assert {row[2] for row in journey.projection().values()} == {None}
    assert journey.broken() == []


def test_the_posts_of_whom_nobody_knows_any_more_follow(journey: Reviewing) -> None:
    account = journey.account("Acme")
    contact = journey.contact("zoe@town.example", account=account)
    journey.hear(journey.source(), post("1"), post("2", minutes=2))
    assert journey.projection()["1"][:2] == (account, contact)
    journey.execute("DELETE FROM contacts")
    assert journey.broken() == []  # the following is due, and nothing is wrong
    follow_waiting(journey.sessions)
    assert {row[:2] for row in journey.projection().values()} == {(None, None)}
    assert not journey.matches("1") | journey.matches("2")


def test_who_was_merged_into_an_author_that_is_deleted_is_nobody_but_itself(journey: Reviewing) -> None:
    journey.hear(journey.source(), post("1"))
    journey.hear(journey.source("bluesky"), post("2"))
    zoe, child = (journey.who("zoe@town.example", one) for one in ("mastodon", "bluesky"))
    kim = journey.person("Kim")
    journey.link(zoe, "contact", kim)
    journey.merge(zoe, child)
    assert journey.event("2").contact_id == kim
    journey.execute("DELETE FROM identities WHERE id = :id", id=zoe.id)
    follow_waiting(journey.sessions)
    assert journey.event("2").contact_id is None
    assert not journey.matches("2")


def test_unlinking_and_its_undo_are_exact_though_a_deletion_is_followed_too(journey: Reviewing) -> None:
    """What the foreign keys do is followed without notes; what a person does has its own."""
    journey.hear(journey.source(), post("1"))
    zoe, kim = journey.who("zoe@town.example"), journey.person("Kim")
    journey.suggest(journey.event("1").id, "contact", kim, "Kim")
    before = journey.matches("1")
    linked = journey.link(zoe, "contact", kim)
    unlinked = journey.unlink(zoe)
    assert journey.value("SELECT count(*) FROM followings WHERE review_id IS NULL") == 0
    journey.undo(unlinked)
    journey.undo(linked)
    assert journey.matches("1") == before


def test_a_step_to_a_record_that_is_gone_is_not_taken_back_but_says_what_to_do(journey: Reviewing) -> None:
    journey.hear(journey.source(), post("1"))
    zoe, kim, ann = journey.who("zoe@town.example"), journey.person("Kim"), journey.person("Ann")
    journey.link(zoe, "contact", kim)
    step = journey.link(zoe, "contact", ann)
    journey.execute("DELETE FROM contacts WHERE id = :id", id=kim)
    with pytest.raises(CannotDo, match=r"deleted since.*review link mastodon:zoe@town.example contact NAME"):
        journey.undo(step)
    with pytest.raises(CannotDo, match="was deleted"):
        journey.link(zoe, "contact", kim)
    assert journey.event("1").contact_id == ann


def test_a_step_that_is_gone_is_said_to_be(journey: Reviewing) -> None:
    with journey.session() as session, pytest.raises(CannotDo, match="That step is gone"):
        hold_to_undo(session, journey.org, UUID(str(uuid7())))


def test_unmerging_does_not_bring_a_deleted_contact_back(journey: Reviewing) -> None:
    journey.hear(journey.source(), post("1"))
    journey.hear(journey.source("bluesky"), post("2"))
    zoe, child = (journey.who("zoe@town.example", one) for one in ("mastodon", "bluesky"))
    kim = journey.person("Kim")
    for one in (zoe, child):
        journey.link(one, "contact", kim)
    journey.merge(zoe, child)
    journey.execute("DELETE FROM contacts")
    follow_waiting(journey.sessions)
    journey.unmerge(journey.who("zoe@town.example", "bluesky"))
    assert not journey.matches("2")


# --- ours by mistake


def test_what_was_made_ours_by_mistake_is_taken_back_with_its_past_posts(journey: Reviewing) -> None:
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, to=US), post("2", CALM, minutes=2))
    cases = len(journey.cases())
    with journey.session() as session:
        add_own(session, journey.org, "handle", "zoe@town.example", "mastodon")
    assert {row[4:] for row in journey.projection().values()} == {("own", "outbound")}
    zoe = journey.who("zoe@town.example")
    with pytest.raises(CannotDo, match=r"own remove handle zoe@town\.example --platform mastodon"):
        journey.unlink(zoe)
    with journey.session() as session:
        assert remove_own(session, journey.org, "handle", "zoe@town.example") == (True, 1, 0)
    assert {row[4:] for row in journey.projection().values()} == {("earned", "inbound")}
    assert {row.voice for row in journey.execute("SELECT voice FROM hours WHERE n > 0")} == {"earned"}
    assert len(journey.cases()) == cases
    journey.hear(source, post("3", FURIOUS, minutes=3, to=US))
    assert journey.event("3").voice == "earned"
    with journey.session() as session, pytest.raises(CannotDo, match="is ours in main"):
        remove_own(session, journey.org, "handle", "zoe@town.example", "mastodon")


@pytest.mark.parametrize("says_so", ["alias", "credential"])
def test_who_is_ours_by_another_word_stays_ours(journey: Reviewing, says_so: str) -> None:
    source, zoe = journey.source(), "https://town.example/users/zoe"
    with journey.session() as session:
        add_own(session, journey.org, "handle", "zoe@town.example", "mastodon")
    journey.hear(source, post("1"))
    if says_so == "alias":
        journey.alias("handle", zoe, "ourselves", platform="mastodon")
    else:
        journey.execute(
            "INSERT INTO credentials (org_id, platform, host, identifier, secret, me)"
            " VALUES (:org, 'mastodon', 'town.example', 'zoe', '', :me)",
            org=journey.org,
            me=zoe,
        )
    with journey.session() as session:
        assert remove_own(session, journey.org, "handle", "zoe@town.example", "mastodon") == (True, 0, 1)
    assert journey.event("1").voice == "own"


def test_a_handle_of_ours_that_is_removed_as_an_alias_is_ours_no_longer(journey: Reviewing) -> None:
    with journey.session() as session:
        add_own(session, journey.org, "handle", "zoe@town.example", "mastodon")
    journey.hear(journey.source(), post("1"))
    with journey.session() as session:
        remove_alias(session, journey.org, "handle", "zoe@town.example", platform="mastodon")
    assert not journey.who("zoe@town.example").ours
    assert journey.event("1").voice == "earned"


def test_own_remove_says_that_nothing_is_decided_anew(journey: Reviewing, home: Path) -> None:
    run = earshot(home, database_url=journey.url.replace("postgresql+psycopg", "postgresql"))
    run.done("own", "add", "mastodon", "zoe@town.example")
    run.done("own", "add", "--name", "Northwind Tea")
    journey.hear(journey.source(), post("1"))
    said = run.done("own", "remove", "handle", "zoe@town.example", "--platform", "mastodon")
    assert "ours no longer" in said.out
    assert "no case is opened" in said.out
    assert journey.event("1").voice == "earned"
    assert "no case" not in run.done("own", "remove", "name", "Northwind Tea").out
    said = run("own", "remove", "name", "Northwind Tea")
    assert said.code == 1
    assert "earshot own list" in said.err


# --- rejected, untied


@pytest.mark.parametrize("gap", [" ", "  ", "\n"])
def test_what_was_rejected_is_not_suggested_again_however_it_is_spaced(journey: Reviewing, gap: str) -> None:
    source = journey.source()
    journey.account("Northwind Coffee")
    journey.hear(source, post("1", f"I like Northwynd{gap}Coffee a lot."))
    [suggestion] = journey.execute("SELECT id FROM matches")
    journey.reject(suggestion.id)
    journey.hear(source, post("2", f"I like Northwynd{gap}Coffee a lot.", by="yan", minutes=2))
    assert not journey.matches("2")


def test_answers_lose_the_account_that_they_had_by_the_post_that_is_untied(journey: Reviewing) -> None:
    source, account = journey.source(), journey.account("Velmora Hotels")
    journey.hear(source, post("1", "We stay with Velmora Hotels."))
    journey.hear(source, post("2", CALM, by="max", minutes=2, reply_to="1"))
    journey.hear(source, post("3", CALM, by="kim", minutes=3, reply_to="2"))
    journey.hear(source, post("4", "Velmora Hotels it is.", by="kim", minutes=4, reply_to="2"))
    journey.hear(source, post("5", CALM, by="ann", minutes=5, reply_to="4"))
    before = journey.projection(), [journey.matches(number) for number in "12345"]
    assert {row[0] for row in journey.projection().values()} == {account}
    step = journey.unlink(journey.event("1").id, "account", account)
    assert [journey.event(number).account_id == account for number in "12345"] == [False] * 3 + [True] * 2
    assert journey.hours(f"account:{account}") == 2
    journey.hear(source, post("2", CALM + " Yes.", by="max", minutes=2, reply_to="1", edited_at=None))
    assert journey.event("2").account_id is None
    journey.undo(step)
    assert (journey.projection(), [journey.matches(number) for number in "12345"]) == before


def test_an_author_who_is_no_longer_there_is_said_to_be(journey: Reviewing) -> None:
    with journey.session() as session, pytest.raises(CannotDo, match="no longer known"):
        identities.unlink(session, journey.org, UUID(str(uuid7())), "sam")
