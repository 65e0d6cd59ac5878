"""A rule that a switch, its number or its verdicts hold back stands beside a milder one that opens: it is never lost."""

from __future__ import annotations

from uuid import UUID

import pytest

from console.opening import over, suggested
from tests.backtesting import backtested, opened
from tests.command_line import Earshot
from tests.journey import CALM, FURIOUS, MILD, US, Journey, at, post
from workers.release import release

STRONG = "A complaint to us"


def let_go(journey: Journey) -> None:
    """Release what every switch holds."""
    for row in journey.execute("UPDATE holds SET lifted_at = now() RETURNING id"):
        list(release(journey.sessions, "main", row.id))
    journey.execute("UPDATE holds SET released_at = now()")


def hears(journey: Journey) -> None:
    """Somebody hears of what a rule only tells."""
    journey.execute(
        "INSERT INTO receivers (name, kind, address, secret) VALUES ('r', 'webhook', 'https://x.example/', 'x')"
    )


def hold_mastodon(journey: Journey) -> None:
    journey.execute(
        "INSERT INTO holds (of, platform, until, reason, by)"
        " VALUES ('platform', 'mastodon', now() + interval '1 hour', 'an outage', 'ann')"
    )


def agree(journey: Journey) -> bool:
    """Does a back-test of the history open what was opened?"""
    with journey.sessions() as session:
        return backtested(session) == opened(session)


@pytest.mark.parametrize("milder", ["Displeasure addressed to us", "told of"])
def test_a_switch_on_a_rule_keeps_its_ticket_though_a_milder_rule_does_something(
    journey: Journey, cli: Earshot, milder: str
) -> None:
    if milder == "told of":
        journey.execute(
            "UPDATE rules SET action = 'notify', per_day = NULL WHERE name <> :strong", strong=STRONG
        )
        hears(journey)
    cli.done("crisis", "on", "--rule", STRONG, "--because", "known", "--for", "6h")
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, to=US))
    before = [(case.level, case.posts) for case in journey.cases()]
    assert before == ([] if milder == "told of" else [("activity", 1)])
    [held] = cli.done("crisis", "show", STRONG, "--json").json["posts"]
    assert held["rule"] == STRONG
    told = " ".join(cli.done("explain", "1").out.split())
    assert f"the crisis switch for rule {STRONG}" in told
    assert (f"under “{milder}”" in told) is bool(before)
    owed = journey.value("SELECT count(*) FROM owed WHERE kind = 'post.noticed'")
    released = cli.done("crisis", "release", STRONG, "--json").json
    assert (released["posts"], released["attached"], released["still_held"]) == (1, 1, 0)
    assert journey.value("SELECT count(*) FROM owed WHERE kind = 'post.noticed'") == owed
    [case] = journey.cases()
    assert (case.level, case.ticket, case.posts) == ("ticket", True, 1)
    assert journey.event("1").held_back is None
    assert agree(journey)


@pytest.mark.parametrize(
    ("so", "listed"), [("per_day = 1", over), ("suggests = true", suggested)], ids=["number", "suggests"]
)
def test_a_rule_without_room_or_that_only_suggests_is_listed_though_a_milder_one_opens_or_was_there(
    journey: Journey, cli: Earshot, so: str, listed: object
) -> None:
    which = "--held" if listed is over else "--suggested"
    journey.execute(f"UPDATE rules SET {so} WHERE name = :strong", strong=STRONG)
    source = journey.source()
    journey.hear(source, post("0", FURIOUS, by="first", to=US))
    journey.hear(source, post("1", MILD, by="bob", to=US, minutes=2))
    journey.hear(source, post("2", FURIOUS, by="bob", to=US, minutes=3))
    journey.hear(source, post("3", FURIOUS, by="eve", to=US, minutes=4))
    late = [one["author"][0] for one in cli.done("cases", which, "--json").json]
    assert late == ["e", "b"] if listed is over else ["e", "b", "f"]
    for name in ("2", "3"):
        assert "raised a case: ticket" in cli.done("case", "open", name).out
    assert len(cli.done("cases", which, "--json").json) == len(late) - 2
    assert "belongs to a case already" in cli.refused("case", "open", "2")
    # what came before the case rose has its Ticket as well
    assert journey.event("1").ticket_id == journey.event("2").ticket_id is not None
    journey.hear(source, post("4", FURIOUS, by="ann", to=US, minutes=5))
    journey.execute("UPDATE activities SET status = 'done'")
    assert journey.event("4").id not in [one["event"] for one in cli.done("cases", which, "--json").json]
    cli.done("case", "open", "4")
    assert [case.open for case in journey.cases() if case.level == "ticket"].count(True) >= 3


def test_what_answers_a_post_that_is_released_joins_its_case_at_once_and_what_was_before_has_its_ticket(
    journey: Journey,
) -> None:
    source = journey.source()
    journey.hear(source, post("0", MILD, by="bob", to=US))
    hold_mastodon(journey)
    journey.hear(source, post("1", FURIOUS, to=US), post("b", FURIOUS, by="bob", to=US, minutes=2))
    journey.hear(source, post("2", CALM, by="northwind", reply_to="1", verb="comment", minutes=2))
    journey.hear(source, post("3", CALM, by="passer", reply_to="2", verb="comment", minutes=3))
    let_go(journey)
    cases: set[UUID] = {journey.event(name).case_id for name in "123"}
    assert len(cases) == 1
    assert None not in cases
    assert journey.event("0").ticket_id == journey.event("b").ticket_id is not None
    # nor does the back-test need a later batch to see that
    journey.execute("UPDATE tickets SET status = 'resolved'")
    journey.hear(source, post("4", FURIOUS, reply_to="3", to=US, verb="comment", minutes=9))
    assert [case.open for case in journey.cases()].count(True) == 1
    assert agree(journey)


def test_the_back_test_knows_that_what_was_held_back_had_joined_an_open_case(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("0", MILD, to=US))
    journey.hear(source, post("x", CALM, by="bob", to=US, minutes=1))
    hold_mastodon(journey)
    journey.hear(source, post("1", FURIOUS, to=US, reply_to="x", verb="comment", minutes=2))
    journey.hear(source, post("2", MILD, to=US, minutes=3))
    journey.execute("UPDATE activities SET status = 'done'")
    let_go(journey)
    assert [(case.level, case.open) for case in journey.cases()] == [("ticket", True)]
    assert agree(journey)


def test_an_edit_tells_again_only_by_a_rule_that_it_did_not_cross_before(journey: Journey) -> None:
    journey.execute("DELETE FROM rules WHERE audience <> 'addressed'")
    journey.execute("UPDATE rules SET action = 'notify', per_day = NULL")
    hears(journey)
    source = journey.source()
    for n, words in enumerate((MILD, MILD + " Really.", FURIOUS, FURIOUS + " Really.")):
        edited = at(9 + n) if n else None
        journey.hear(source, post("0", words, to=US, edited_at=edited))
    told = journey.execute("SELECT body ->> 'rule' AS rule FROM owed ORDER BY id")
    assert [one.rule for one in told] == ["Displeasure addressed to us", STRONG]


TELLS = "Displeasure addressed to us"


def only_tells(journey: Journey) -> None:
    """Of the two rules that a furious post to us crosses, the milder one tells somebody."""
    journey.execute("UPDATE rules SET action = 'notify', per_day = NULL WHERE name = :name", name=TELLS)
    journey.execute("DELETE FROM rules WHERE audience <> 'addressed'")
    hears(journey)


def told_of(journey: Journey) -> list[str]:
    """The posts that somebody was told of, by the rule that tells."""
    return [
        row.text
        for row in journey.execute(
            "SELECT body -> 'post' ->> 'text' AS text FROM owed WHERE kind = 'post.noticed' ORDER BY id"
        )
    ]


@pytest.mark.parametrize("so", ["open", "closed", "both switches"])
def test_a_rule_that_tells_and_is_held_tells_once_released_though_another_opened_and_opens_nothing_again(
    journey: Journey, cli: Earshot, so: str
) -> None:
    only_tells(journey)
    for name in (TELLS, *([STRONG] if so == "both switches" else ())):
        cli.done("crisis", "on", "--rule", name, "--because", "known", "--for", "6h")
    journey.hear(journey.source(), post("1", FURIOUS, to=US))
    assert told_of(journey) == []
    if so != "both switches":
        [held] = cli.done("crisis", "show", TELLS, "--json").json["posts"]
        assert held["rule"] == TELLS
    if so == "closed":
        journey.execute("UPDATE tickets SET status = 'closed'")
    for name in (TELLS, *([STRONG] if so == "both switches" else ())):
        cli.done("crisis", "release", name)
    assert told_of(journey) == [FURIOUS]
    assert [(case.level, case.open, case.posts) for case in journey.cases()] == [
        ("ticket", so != "closed", 1)
    ]
    assert (journey.event("1").held_back, journey.event("1").hold_id) == (None, None)
    assert journey.value("SELECT name FROM rules r JOIN social_events e ON e.rule_id = r.id") == STRONG
    assert agree(journey)


def test_a_post_that_is_edited_after_its_switch_and_before_its_release_is_told_of_once(
    journey: Journey,
) -> None:
    only_tells(journey)
    source = journey.source()
    journey.hear(source, post("0", MILD, by="bob", to=US))
    hold_mastodon(journey)
    journey.hear(source, post("1", MILD, to=US))
    assert told_of(journey) == [MILD]
    journey.execute("UPDATE holds SET lifted_at = now()")
    for name, by, minutes in (("0", "bob", 9), ("1", "zoe", 10)):
        journey.hear(source, post(name, f"{MILD} {minutes}", by=by, to=US, edited_at=at(minutes)))
    assert told_of(journey) == [MILD, f"{MILD} 10"]
    let_go(journey)
    assert told_of(journey) == [MILD, f"{MILD} 10"]
