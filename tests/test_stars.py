"""What the stars of a review do: few open a ticket, three leave it to the words, four and five are no complaint."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from msgspec.structs import replace

from connectors._base import Author, Post
from models.rule import SHIPPED
from tests.command_line import Earshot, earshot
from tests.journey import CALM, FURIOUS, MILD, WARM, Journey, post
from tests.keyed import a_key
from workers.decide import Standing, decide
from workers.heard import Heard
from workers.leads import wanted
from workers.rule import Rule, Rules

APP, PACKAGE = "310633997", "com.acme.shop"
THEN = datetime(2026, 11, 23, tzinfo=UTC)
RULES = Rules(
    Rule(
        UUID(int=n),
        str(rule["name"]),
        rule["audience"],  # type: ignore[arg-type]
        float(rule["threshold"] or 0),
        rule["action"],  # type: ignore[arg-type]
        str(rule["priority"]),
        rating=int(rule["rating"]) if rule.get("rating") else None,
    )
    for n, rule in enumerate(sorted(SHIPPED, key=lambda rule: -float(rule["threshold"] or 0)))
)
NOW = Standing(now=THEN)


def heard(stars: float | None, sentiment: float | None, **more: object) -> Heard:
    given: dict[str, object] = {
        "ref": ("appstore", "1"), "subject": "identity:1", "text": "words", "sentiment": sentiment,
        "occurred_at": THEN, "addressed": True, "about_us": False, "named": False, "customer": False,
        "ours": False, "bot": False, "stranger": True, "start_mark": THEN, "reply_to": None,
        "parent_case": None, "attached": False, "rating": stars,
    }  # fmt: skip
    return Heard(**(given | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stars", "sentiment", "opens"),
    [
        (1, 0.95, "ticket"),
        (2, 0.95, "ticket"),
        (2, -0.95, "ticket"),
        (1, None, "ticket"),
        (2.5, 0.0, None),
        (3, -0.95, "ticket"),
        (3, -0.3, "activity"),
        (3, 0.0, None),
        (3, None, None),
        (4, -0.95, None),
        (5, -0.95, None),
        (5, None, None),
        (None, -0.95, "ticket"),
        (None, None, None),
    ],
)
def test_what_so_many_stars_and_such_words_open(
    stars: float | None, sentiment: float | None, opens: str | None
) -> None:
    decisions = decide([heard(stars, sentiment)], RULES, NOW)
    assert [decision.rule and decision.rule.level for decision in decisions] == ([opens] if opens else [])


def test_a_review_of_somebody_else_opens_nothing() -> None:
    assert decide([heard(1, -0.95, addressed=False)], RULES, NOW) == []


def test_stars_and_a_threshold_are_both_asked_for_where_a_rule_has_both() -> None:
    both = Rules([Rule(UUID(int=1), "both", "addressed", -0.2, "ticket", "high", rating=3)])
    assert decide([heard(3, -0.3)], both, NOW)
    for stars, sentiment in ((3, 0.0), (4, -0.3), (1, None), (None, -0.3)):
        assert not decide([heard(stars, sentiment)], both, NOW)


def test_a_rule_for_leads_asks_for_stars_as_well() -> None:
    makes = [Rule(UUID(int=1), "they left", "addressed", 1.0, "lead", "normal", per_day=5, rating=2)]
    assert wanted([heard(2, 0.5)], makes)
    assert not wanted([heard(3, 0.5)], makes)
    assert not wanted([heard(None, 0.5)], makes)


@pytest.fixture
def journey(database: str) -> Iterator[Journey]:
    made = Journey(database)
    yield made
    made.close()


@pytest.fixture
def cli(journey: Journey, home: Path) -> Earshot:
    return earshot(home, database_url=journey.url)


def review(id: str, stars: float, text: str, place: str = APP, **more: object) -> Post:  # noqa: A002
    author = Author(id=f"77{id}", name="Ann")
    made = post(id, text, verb="review", author=author, rating=stars, place=place, **more)
    return replace(made, edited_at=made.posted_at)


def app(journey: Journey, platform: str = "appstore", term: str = APP) -> UUID:
    return journey.source(platform, term, kind="reviews")


@pytest.mark.parametrize(("platform", "place"), [("appstore", APP), ("googleplay", PACKAGE)])
def test_an_app_that_is_ours_makes_its_reviews_addressed_to_us(
    journey: Journey, cli: Earshot, platform: str, place: str
) -> None:
    cli.done("own", "add", platform, place)
    journey.hear(app(journey, platform, place), review("1", 1, WARM, place), review("2", 1, WARM, "999.else"))
    assert [journey.event(id_).addressed for id_ in ("1", "2")] == [True, False]
    [case] = journey.cases()
    assert (case.level, case.ticket, case.posts) == ("ticket", True, 1)
    assert journey.event("1").channel == "review"


def test_a_package_whose_name_reads_like_our_domain_is_not_ours(journey: Journey, cli: Earshot) -> None:
    cli.done("own", "add", "--domain", "acme.shop")
    package = "com.acme.shop"
    journey.hear(app(journey, "googleplay", package), review("1", 1, WARM, package))
    assert not journey.event("1").addressed
    assert journey.cases() == []


def test_a_review_that_loses_its_stars_is_edited_also_where_no_time_of_edits_is_told(
    journey: Journey, cli: Earshot
) -> None:
    cli.done("own", "add", "appstore", APP)
    source = app(journey)
    for stars, minutes in ((5, 0), (1, 9)):
        journey.hear(source, replace(review("1", stars, CALM, minutes=minutes), edited_at=None))
        assert len(journey.cases()) == (stars == 1)
    assert journey.event("1").rating == 1
    assert [case.ticket for case in journey.cases()] == [True]


def test_following_a_store_says_what_makes_its_reviews_addressed_to_us(
    journey: Journey, cli: Earshot
) -> None:
    said = cli.done("sources", "add", "appstore", "reviews", f"de:{APP}").out
    (command,) = [line for line in said.splitlines() if "earshot own add" in line]
    cli.done(*command.partition("earshot ")[2].split())
    assert "addressed to us." in cli.done("sources", "add", "appstore", "reviews", f"fr:{APP}").out
    cli.done("credentials", "add", "googleplay", "acme", stdin="{}", EARSHOT_ENCRYPTION_KEY=a_key())
    said = cli.done("sources", "add", "googleplay", "reviews", PACKAGE, EARSHOT_ENCRYPTION_KEY=a_key()).out
    assert f"{PACKAGE} is ours" in said
    sources = journey.execute(
        "SELECT id, platform FROM sources WHERE term IN (:de, :play)", de=f"de:{APP}", play=PACKAGE
    )
    for id_, platform in sources:
        place = APP if platform == "appstore" else PACKAGE
        journey.hear(id_, review(platform, 1, CALM, place))
        assert journey.event(platform).addressed


@pytest.mark.parametrize(
    "word", [f"de:{APP}", f"id{APP}", f"https://apps.apple.com/de/app/acme/id{APP}?l=en", APP]
)
def test_an_app_of_ours_is_its_number_however_it_is_written(
    journey: Journey, cli: Earshot, word: str
) -> None:
    cli.done("own", "add", "appstore", word)
    assert [row.value for row in journey.execute("SELECT value FROM aliases WHERE kind = 'handle'")] == [APP]


def test_our_answer_to_a_review_is_our_own_and_joins_its_case(journey: Journey, cli: Earshot) -> None:
    cli.done("own", "add", "googleplay", PACKAGE)
    us = Author(id=PACKAGE, handle=PACKAGE)
    answer = post("1#answer", CALM, author=us, verb="comment", reply_to="1", place=PACKAGE, minutes=9)
    journey.hear(app(journey, "googleplay", PACKAGE), review("1", 1, "", PACKAGE), answer)
    assert (journey.event("1#answer").voice, journey.event("1#answer").direction) == ("own", "outbound")
    [case] = journey.cases()
    assert case.posts == 2


def test_stars_are_told_by_the_ticket_and_by_explain(journey: Journey, cli: Earshot) -> None:
    cli.done("own", "add", "appstore", APP)
    posts = [review("1", 2, WARM), review("2", 1, ""), review("3", 5, FURIOUS), review("4", 3, FURIOUS)]
    journey.hear(app(journey), *posts)
    subjects = {row.subject for row in journey.execute("SELECT subject FROM tickets")}
    assert subjects == {
        f"Ann on appstore, 2 stars: {WARM}",
        "Ann on appstore, 1 star",
        f"Ann on appstore, 3 stars: {FURIOUS}",
    }
    shown = cli.done("explain", "1").out
    assert "2 stars; the rule asks for at most 2 stars" in shown
    assert "is at most +1.00" not in shown
    assert "1 star; the rule asks for at most 2 stars" in cli.done("explain", "2").out
    assert "5 stars are no complaint, whatever the words sound like" in cli.done("explain", "3").out
    assert "stars; the rule" not in cli.done("explain", "4").out
    assert "is at most -0.42" in cli.done("explain", "4").out
    told = cli.done("explain", "1", "--json").json
    assert told["rule"]["rating"] == 2
    assert told["edited_at"] == told["occurred_at"]
    assert "edited" not in shown, "a store tells the time of the last change only, and that is no edit"


def test_stars_that_are_taken_away_are_an_edit_though_the_words_stay(journey: Journey, cli: Earshot) -> None:
    cli.done("own", "add", "appstore", APP)
    source = app(journey)
    journey.hear(source, review("1", 5, WARM))
    assert journey.cases() == []
    journey.hear(source, review("1", 1, WARM, minutes=9))
    assert journey.event("1").rating == 1
    assert journey.ledger()["edited"] == 1
    [case] = journey.cases()
    assert case.level == "ticket"


def test_a_rule_that_asks_for_stars_is_added_listed_shown_and_changed(cli: Earshot) -> None:
    assert "a review of us with at most 2 stars opens a ticket of high priority" in (
        cli.done("rules", "show", "Few stars in a review").out
    )
    said = cli.done("rules", "add", "One star", "--action", "activity", "--audience", "named", "--stars", "1")
    assert (
        "a review that is about us, or one of our accounts or campaigns, with 1 star opens an activity"
        in said.out
    )
    assert said.err == ""
    rule = next(one for one in cli.done("rules", "list", "--json").json if one["name"] == "One star")
    assert (rule["rating"], rule["threshold"]) == (1, 1.0)
    said = cli.done("rules", "set", "One star", "--stars", "3", "--threshold", "-0.1", "--words", "refund")
    assert 'with at most 3 stars that scores -0.10 or less and says "refund" opens an activity' in said.out
    said = cli.done("rules", "set", "One star", "--stars", "0", "--words", "")
    assert "that scores -0.10 or less opens" in said.out
    assert "as before" in cli.done("rules", "set", "One star", "--stars", "0").out
    said = cli.done("rules", "set", "One star", "--threshold", "1", "--broad")
    assert "opens something for them as well" in said.err


@pytest.mark.parametrize("stars", ["6", "-1"])
def test_stars_that_nobody_can_give_are_refused(cli: Earshot, stars: str) -> None:
    words = ("rules", "add", "X y", "--action", "ticket", "--audience", "addressed", "--stars", stars)
    assert f"Stars: {stars} is not between 1 and 5" in cli.refused(*words, code=2)


def test_a_mild_review_of_two_stars_is_a_ticket_and_not_an_activity(journey: Journey, cli: Earshot) -> None:
    """Its words alone would open an Activity: the stars say more."""
    cli.done("own", "add", "appstore", APP)
    journey.hear(app(journey), review("1", 2, MILD))
    [case] = journey.cases()
    assert (case.level, case.activity) == ("ticket", False)
