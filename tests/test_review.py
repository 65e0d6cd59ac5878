"""Steps of people over a real database: what they do, what is refused, and that taking them back is exact."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest

from console.refusal import CannotDo
from tests.journey import CALM, FURIOUS, US, at, post
from tests.reviewing import Reviewing

VELMORA = "We stay with Velmora Hotels again."


@pytest.fixture
def journey(database: str) -> Iterator[Reviewing]:
    journey = Reviewing(database)
    journey.own(US)
    yield journey
    assert journey.broken() == []
    journey.close()


@pytest.fixture
def heard(journey: Reviewing) -> Reviewing:
    """Kim on Mastodon, whose contact is known and has changed company since; kim on Bluesky and Reddit, who are not."""
    acme = journey.account("Acme Coffee")
    journey.account("Velmora Hotels")
    kim = journey.contact("kim@town.example", account=acme)
    toot, skeet, thread = (journey.source(one) for one in ("mastodon", "bluesky", "reddit"))
    journey.hear(toot, post("1", FURIOUS, by="kim", to=US), post("2", VELMORA, by="kim", minutes=2))
    journey.execute("UPDATE contacts SET account_id = :a WHERE id = :id", a=journey.account("Later"), id=kim)
    journey.hear(toot, post("3", CALM, by="kim", minutes=3))
    journey.hear(skeet, post("4", CALM, by="kim", minutes=4), post("5", VELMORA, by="kim", minutes=5))
    journey.hear(thread, post("6", FURIOUS, by="kim", minutes=6))
    return journey


def _kims(journey: Reviewing) -> list[UUID | None]:
    return [row[1] for _, row in sorted(journey.projection().items())]


def test_unmerging_two_wrongly_merged_authors_restores_every_events_projection(heard: Reviewing) -> None:
    kim, other, third = (heard.who("kim@town.example", one) for one in ("mastodon", "bluesky", "reddit"))
    heard.merge(other, third)
    before, hours = (
        heard.projection(),
        heard.execute("SELECT * FROM hours WHERE n > 0 ORDER BY scope, hour, platform"),
    )
    heard.merge(kim, other)
    assert None not in _kims(heard)
    assert heard.projection() != before
    assert (
        heard.who("kim@town.example", "reddit").merged_into == kim.id
    )  # who is merged comes along, one deep
    heard.unmerge(heard.who("kim@town.example", "bluesky"))
    assert heard.projection() == before
    assert heard.who("kim@town.example", "reddit").merged_into == other.id
    assert heard.execute("SELECT * FROM hours WHERE n > 0 ORDER BY scope, hour, platform") == hours


def test_what_the_contact_is_since_does_not_rewrite_what_events_were(heard: Reviewing) -> None:
    """Kim's posts of before belong to the company of then; taking a merge or an unlink back leaves them there."""
    before = heard.projection()
    kim = heard.who("kim@town.example")
    step = heard.unlink(kim)
    assert heard.projection()["1"][1] is None
    heard.undo(step)
    assert heard.projection() == before


def test_unmerging_gives_events_back_the_company_of_then(heard: Reviewing) -> None:
    kim, other = heard.who("kim@town.example"), heard.who("kim@town.example", "bluesky")
    assert kim.contact_id
    heard.link(other, "contact", kim.contact_id)
    heard.execute(
        "UPDATE contacts SET account_id = :a WHERE id = :id", a=heard.account("New"), id=kim.contact_id
    )
    before = heard.projection()
    heard.merge(kim, other)
    assert heard.projection()["4"][0] != before["4"][0]
    heard.unmerge(other)
    assert heard.projection() == before


def test_posts_heard_while_merged_go_with_their_own_author_when_unmerged(heard: Reviewing) -> None:
    heard.merge(heard.who("kim@town.example"), heard.who("kim@town.example", "bluesky"))
    heard.hear(
        heard.value("SELECT id FROM sources WHERE platform = 'bluesky'"), post("7", CALM, by="kim", minutes=7)
    )
    assert heard.event("7").contact_id is not None
    heard.unmerge(heard.who("kim@town.example", "bluesky"))
    assert heard.event("7").contact_id is None


def test_unmerging_restores_though_the_root_was_linked_anew_meanwhile(heard: Reviewing) -> None:
    before = heard.projection()
    kim, other = heard.who("kim@town.example"), heard.who("kim@town.example", "bluesky")
    heard.merge(kim, other)
    ann = heard.person("Ann")
    heard.link(kim, "contact", ann)
    assert set(_kims(heard)) == {ann, None}  # Reddit's is nobody
    heard.unmerge(other)
    after = heard.projection()
    assert {number: after[number] for number in "456"} == {number: before[number] for number in "456"}
    assert after["1"][1] == ann


def test_two_authors_of_one_platform_are_not_merged(heard: Reviewing) -> None:
    heard.hear(heard.value("SELECT id FROM sources WHERE platform = 'mastodon'"), post("8", CALM, by="ann"))
    kim, other = heard.who("kim@town.example"), heard.who("kim@town.example", "bluesky")
    ann = heard.who("ann@town.example")
    with pytest.raises(CannotDo, match="both on mastodon"):
        heard.merge(kim, ann)
    heard.merge(kim, other)
    with pytest.raises(CannotDo, match="both on mastodon"):
        heard.merge(ann, other)
    heard.hear(heard.value("SELECT id FROM sources WHERE platform = 'bluesky'"), post("9", CALM, by="ann"))
    with pytest.raises(CannotDo, match="both on bluesky"):
        heard.merge(kim, heard.who("ann@town.example", "bluesky"))
    with pytest.raises(CannotDo, match="one person already"):
        heard.merge(other, kim)


def test_authors_of_different_records_are_not_merged_nor_ours_with_others(heard: Reviewing) -> None:
    kim, other = heard.who("kim@town.example"), heard.who("kim@town.example", "bluesky")
    step = heard.link(other, "contact", heard.person("Ann"))
    with pytest.raises(CannotDo, match="belongs to the contact"):
        heard.merge(kim, other)
    heard.undo(step)
    step = heard.link(other, "account", heard.account("Elsewhere"))
    with pytest.raises(CannotDo, match="belongs to the account"):
        heard.merge(kim, other)
    heard.undo(step)
    heard.execute("UPDATE identities SET ours = true WHERE id = :id", id=other.id)
    with pytest.raises(CannotDo, match="is ourselves"):
        heard.merge(kim, heard.who("kim@town.example", "bluesky"))


def test_the_linked_one_is_the_root_whichever_is_named_first(heard: Reviewing) -> None:
    kim, other = heard.who("kim@town.example"), heard.who("kim@town.example", "bluesky")
    for first, second in ((kim, other), (other, kim)):
        step = heard.merge(first, second)
        assert (step.identity_id, step.into_id) == (other.id, kim.id)
        heard.undo(step)


def test_a_link_of_a_merged_author_is_the_whole_persons(heard: Reviewing) -> None:
    other, third = heard.who("kim@town.example", "bluesky"), heard.who("kim@town.example", "reddit")
    heard.merge(other, third)
    ann = heard.person("Ann")
    step = heard.link(third, "contact", ann)
    assert [heard.event(number).contact_id for number in "456"] == [ann] * 3
    heard.undo(step)
    assert [heard.event(number).contact_id for number in "456"] == [None] * 3


def test_an_open_case_stays_its_authors_when_that_one_is_merged(heard: Reviewing) -> None:
    before = heard.cases()
    heard.merge(heard.who("kim@town.example"), heard.who("kim@town.example", "bluesky"))
    assert heard.cases() == before


def test_a_step_on_which_a_later_one_stands_is_not_taken_back_first(heard: Reviewing) -> None:
    before = heard.projection()
    kim, other = heard.who("kim@town.example"), heard.who("kim@town.example", "bluesky")
    first = heard.merge(kim, other)
    second = heard.unlink(kim)
    with pytest.raises(CannotDo, match="A later step builds on it"):
        heard.undo(first)
    heard.undo(second)
    heard.undo(first)
    assert heard.projection() == before
    with pytest.raises(CannotDo, match="taken back already"):
        heard.undo(first)


def test_a_machines_match_that_a_person_undid_stays_undone_through_edits(heard: Reviewing) -> None:
    velmora = heard.value("SELECT id FROM accounts WHERE name = 'Velmora Hotels'")
    event = heard.event("5")
    assert event.account_id == velmora
    step = heard.unlink(event.id, "account", velmora)
    source = heard.value("SELECT id FROM sources WHERE platform = 'bluesky'")
    heard.hear(source, post("5", VELMORA + " Twice.", by="kim", minutes=5, edited_at=at(50)))
    assert heard.event("5").text.endswith("Twice.")
    assert heard.event("5").account_id is None
    heard.undo(step)
    assert heard.event("5").account_id == velmora


def test_what_a_person_tied_stays_through_edits(heard: Reviewing) -> None:
    account, campaign, ticket = heard.account("Mine"), heard.campaign("Spring"), heard.ticket()
    event = heard.event("5").id
    steps = [
        heard.link(event, kind, one)
        for kind, one in (("account", account), ("campaign", campaign), ("ticket", ticket))
    ]
    source = heard.value("SELECT id FROM sources WHERE platform = 'bluesky'")
    heard.hear(source, post("5", "Nothing of note.", by="kim", minutes=5, edited_at=at(50)))
    assert heard.projection()["5"][:4] == (account, None, ticket, campaign)
    for step in steps:
        heard.undo(step)
    assert heard.projection()["5"][0] in (
        None,
        heard.value("SELECT id FROM accounts WHERE name = 'Velmora Hotels'"),
    )
    assert heard.projection()["5"][2:4] == (None, None)


def test_a_person_goes_before_what_the_post_names(heard: Reviewing) -> None:
    account = heard.account("Mine")
    step = heard.link(heard.event("2").id, "account", account)
    assert heard.event("2").account_id == account
    with pytest.raises(CannotDo, match="tied this post to"):
        heard.link(heard.event("2").id, "account", account)
    heard.undo(step)
    assert heard.event("2").account_id == heard.value("SELECT id FROM accounts WHERE name = 'Velmora Hotels'")


def test_the_ticket_of_a_case_is_not_for_a_post_to_choose(heard: Reviewing) -> None:
    assert heard.event("1").ticket_id
    with pytest.raises(CannotDo, match="belongs to the case of ticket #"):
        heard.link(heard.event("1").id, "ticket", heard.ticket())
    with pytest.raises(CannotDo, match="belongs to the case of ticket #"):
        heard.unlink(heard.event("1").id, "ticket", heard.event("1").ticket_id)


def test_what_is_not_tied_cannot_be_untied(heard: Reviewing) -> None:
    with pytest.raises(CannotDo, match="is not tied to"):
        heard.unlink(heard.event("3").id, "campaign", heard.campaign("Spring"))
    with pytest.raises(CannotDo, match="is linked to no contact or account"):
        heard.unlink(heard.who("kim@town.example", "bluesky"))


def test_a_suggestion_accepted_ties_and_taken_back_is_a_suggestion_again(heard: Reviewing) -> None:
    account = heard.account("Velmorra")
    ones = [
        heard.suggest(heard.event(number).id, "account", account, evidence)
        for number, evidence in (("3", "Velmora"), ("4", " VELMORA"), ("6", "velmo"))
    ]
    before = heard.projection(), {number: heard.matches(number) for number in "346"}
    [step] = heard.accept(ones[0], alike=True)
    assert [heard.event(number).account_id == account for number in "346"] == [True, True, False]
    heard.undo(step)
    assert (heard.projection(), {number: heard.matches(number) for number in "346"}) == before


def test_accepting_who_an_author_is_links_the_author_and_all_posts_follow(heard: Reviewing) -> None:
    ann = heard.person("Ann")
    suggestion = heard.suggest(heard.event("4").id, "contact", ann, "@kim@town.example", author=True)
    before = heard.projection(), heard.matches("4")
    [step] = heard.accept(suggestion)
    assert [heard.event(number).contact_id for number in "456"] == [ann, ann, None]
    assert heard.value("SELECT count(*) FROM matches WHERE state = 'suggested'") == 0
    assert heard.who("kim@town.example", "bluesky").decided
    heard.undo(step)
    assert (heard.projection(), heard.matches("4")) == before
    assert not heard.who("kim@town.example", "bluesky").decided


def test_a_rejected_suggestion_is_noted_so_that_it_is_not_made_again(heard: Reviewing) -> None:
    account = heard.account("Velmorra")
    one, two = (heard.suggest(heard.event(number).id, "account", account, "@Velmora ") for number in "34")
    [first] = heard.reject(one)
    assert [tuple(row) for row in heard.execute("SELECT kind, record_id, evidence FROM refusals")] == [
        ("account", account, "velmora")
    ]
    [second] = heard.reject(two)
    heard.undo(first)
    assert heard.value("SELECT count(*) FROM refusals") == 1  # the other rejection stands
    heard.undo(second)
    assert heard.value("SELECT count(*) FROM refusals") == 0
    assert heard.value("SELECT count(*) FROM matches WHERE state = 'suggested'") == 2
    with pytest.raises(CannotDo, match="no suggestion any more"):
        heard.reject(heard.value("SELECT id FROM matches WHERE state = 'live' LIMIT 1"))


def test_a_suggestion_that_came_true_by_the_authors_link_is_one_again_when_that_is_taken_back(
    heard: Reviewing,
) -> None:
    ann = heard.person("Ann")
    heard.suggest(heard.event("4").id, "contact", ann, "Ann")
    before = heard.matches("4")
    step = heard.link(heard.who("kim@town.example", "bluesky"), "contact", ann)
    assert ("contact", ann, "identity", "live", True, None) in heard.matches("4")
    heard.undo(step)
    assert heard.matches("4") == before


def test_a_contact_of_another_account_is_not_linked_over_one(heard: Reviewing) -> None:
    other = heard.who("kim@town.example", "bluesky")
    heard.link(other, "account", heard.account("Elsewhere"))
    with pytest.raises(CannotDo, match="another account"):
        heard.link(other, "contact", heard.person("Ann", heard.account("Nowhere")))
    heard.execute("UPDATE identities SET ours = true WHERE id = :id", id=other.id)
    with pytest.raises(CannotDo, match="ourselves"):
        heard.link(other, "contact", heard.person("Bea"))


def test_a_post_without_an_author_is_a_contacts_by_itself(heard: Reviewing) -> None:
    heard.hear(heard.value("SELECT id FROM sources WHERE platform = 'reddit'"), post("9", CALM, by=None))
    ann = heard.person("Ann")
    step = heard.link(heard.event("9").id, "contact", ann)
    assert heard.event("9").contact_id == ann
    heard.undo(step)
    assert heard.event("9").contact_id is None


def test_an_event_of_the_neighbours_is_not_ours_to_tie(heard: Reviewing) -> None:
    event = heard.value("INSERT INTO social_events (org_id) VALUES (:org) RETURNING id", org=heard.org)
    with pytest.raises(CannotDo, match="heard by no source"):
        heard.link(event, "account", heard.account("Mine"))


def test_a_tie_taken_back_is_what_the_authors_link_makes_of_it_by_now(heard: Reviewing) -> None:
    other, account = heard.who("kim@town.example", "bluesky"), heard.account("Mine")
    event = heard.event("4").id
    by_link = {("account", account, "identity", "live", True, None)}
    tied = heard.link(event, "account", account)
    linked = heard.link(other, "account", account)
    heard.undo(tied)
    assert heard.matches("4") == by_link
    heard.undo(linked)
    [accepted] = heard.accept(heard.suggest(event, "account", account, "Mien"))
    linked = heard.link(other, "account", account)
    heard.undo(accepted)
    assert heard.matches("4") == by_link
    untied = heard.unlink(event, "account", account)
    heard.undo(linked)
    heard.undo(untied)
    assert heard.matches("4") == set()
