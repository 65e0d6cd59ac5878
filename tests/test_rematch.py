"""rematch: stored posts are tied to what they name by today's aliases; nothing is untied and no case ever follows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from console.invariants import broken
from tests.command_line import earshot
from tests.journey import FURIOUS, START, Journey, post
from workers.project import reproject
from workers.rematch import Told, rematched
from workers.rescore import Stretch

ALL = Stretch("main", START - timedelta(days=1), START + timedelta(days=30))


def rematch(journey: Journey, stretch: Stretch = ALL, **given: Any) -> Told:
    told = Told()
    for batch in rematched(journey.sessions, stretch, **given):
        told.add(batch)
    with journey.sessions() as session:
        assert list(broken(session, journey.org)) == []
    return told


def matches(journey: Journey, external_id: str, state: str = "live") -> dict[UUID, str]:
    found = journey.execute(
        "SELECT m.record_id, m.how FROM matches m JOIN social_events e ON e.id = m.event_id"
        " WHERE e.external_id = :id AND m.state = :state",
        id=external_id,
        state=state,
    )
    return {row.record_id: row.how for row in found}


def everything(journey: Journey) -> list[Any]:
    tables = ("social_events", "matches", "hours", "cases", "tickets", "activities", "leads", "identities")
    return [sorted(map(tuple, journey.execute(f"SELECT * FROM {table}")), key=str) for table in tables]


def test_what_was_said_before_an_alias_is_tied_to_its_record_by_each_way_that_a_text_shows(
    journey: Journey,
) -> None:
    account, source = journey.account("Northwind Trading Ltd"), journey.source()
    said = {
        "p1": ("Zorkly again, what a queue", "alias"),
        "p2": ("so #ZorkTime is a thing", "hashtag"),
        "p3": ("see https://www.zorkly.example/menu?x=1, it lies", "link domain"),
        "p4": ("call 0044 20 7946 0101 for them", "phone"),
        "p5": ("https://short.example/?utm_campaign=zork24", "UTM tag"),
    }
    journey.hear(source, *(post(name, text=words) for name, (words, _) in said.items()))
    assert [matches(journey, name) for name in said] == [{}] * 5
    for kind, value in (
        ("name", "Zorkly"),
        ("hashtag", "zorktime"),
        ("domain", "zorkly.example"),
        ("phone", "+442079460101"),
        ("utm", "zork24"),
    ):
        journey.alias(kind, value, "account", account_id=account)
    told = rematch(journey, most=2)
    assert (told.looked, told.tied, told.matched) == (5, 5, {("account", account): 5})
    assert {name: matches(journey, name) for name in said} == {
        name: {account: how} for name, (_, how) in said.items()
    }
    assert all(journey.event(name).account_id == account for name in said)
    assert journey.value("SELECT sum(n) FROM hours WHERE scope = :scope", scope=f"account:{account}") == 5
    assert rematch(journey).tied == 0


def test_a_dry_run_says_the_same_and_writes_nothing(journey: Journey) -> None:
    journey.hear(journey.source(), post("p1", text="Zorkly again"), post("p2", text="zorkly, and Brightwel"))
    one, two = journey.account("Zorkly"), journey.account("Brightwell GmbH")
    rematch(
        journey, Stretch("main", START + timedelta(days=20), START + timedelta(days=30))
    )  # the index alone
    before = everything(journey)
    dry = rematch(journey, dry=True)
    assert everything(journey) == before
    assert (dry.tied, dry.matched, dry.suggested) == (2, {("account", one): 2}, {("account", two): 1})
    assert rematch(journey) == dry


def test_no_case_opens_and_nobody_becomes_a_lead(journey: Journey) -> None:
    journey.hear(journey.source(), post("p1", text=f"Zorkly. {FURIOUS}"))
    journey.account("Zorkly")
    journey.execute(
        "INSERT INTO rules (name, audience, threshold, action) VALUES ('Asks', 'named', 1, 'lead')"
    )
    assert rematch(journey).tied == 1
    journey.digest()
    assert journey.cases() == []
    assert journey.execute("SELECT id FROM leads") == []


def test_what_people_decided_stays_and_what_waited_is_settled_by_an_exact_name(journey: Journey) -> None:
    account, other = journey.account("Brightwell GmbH"), journey.account("Osterly")
    source = journey.source()
    posts = [post(f"p{number}", text="Brightwel and Osterly were late") for number in range(4)]
    journey.hear(source, *posts)
    assert matches(journey, "p0", "suggested") == {account: "similar name"}
    decided = (
        "UPDATE matches m SET state = :state, by = 'sam' FROM social_events e WHERE e.id = m.event_id AND"
    )
    journey.execute(
        f"{decided} e.external_id = 'p1' AND m.record_id = :record", state="undone", record=account
    )
    journey.execute(f"{decided} e.external_id = 'p2' AND m.record_id = :record", state="undone", record=other)
    with journey.sessions() as session, session.begin():
        reproject(session, journey.org, [journey.event("p2").id])
    assert journey.event("p2").account_id is None
    journey.alias("name", "Brightwel", "account", account_id=account)
    assert rematch(journey).matched == {("account", account): 3}
    assert matches(journey, "p0") == {account: "alias", other: "alias"}
    assert matches(journey, "p1", "undone") == {account: "similar name"}
    assert matches(journey, "p2", "undone") == {other: "alias"}
    assert journey.event("p2").account_id == account


def test_what_was_rejected_is_not_suggested_for_the_past_either(journey: Journey) -> None:
    journey.hear(journey.source(), post("p1", text="Brightwel was late"))
    account = journey.account("Brightwell GmbH")
    journey.execute(
        "INSERT INTO refusals (kind, record_id, evidence) VALUES ('account', :id, 'brightwel')", id=account
    )
    assert rematch(journey).suggested == {}
    journey.execute("DELETE FROM refusals")
    assert rematch(journey).suggested == {("account", account): 1}
    assert matches(journey, "p1", "suggested") == {account: "similar name"}


def test_what_answers_a_post_that_is_tied_now_follows_unless_it_names_another(journey: Journey) -> None:
    source = journey.source()
    journey.hear(
        source,
        post("p1", text="Zorkly is closed"),
        post("p2", text="for weeks", reply_to="p1", by="bob"),
        post("p3", text="so is Osterly", reply_to="p1", by="cat"),
    )
    one = journey.account("Zorkly")
    rematch(journey)
    assert matches(journey, "p2") == matches(journey, "p3") == {one: "thread"}
    two = journey.account("Osterly")
    rematch(journey)
    assert matches(journey, "p3") == {two: "alias"}
    assert [journey.event(name).account_id for name in ("p1", "p2", "p3")] == [one, one, two]


def test_a_campaign_counts_on_its_days_and_the_stretch_is_kept(journey: Journey) -> None:
    journey.hear(
        journey.source(),
        post("p1", text="Zork Fest!"),
        post("p2", text="Zork Fest!", minutes=60 * 24),
        post("p3", text="Zork Fest!", minutes=60 * 48),
    )
    day = (START + timedelta(days=1)).date()
    campaign = journey.value(
        "INSERT INTO campaigns (name, starts_on) VALUES ('F', :day) RETURNING id", day=day
    )
    journey.alias("keyword", "zork fest", "campaign", campaign_id=campaign)
    rematch(journey, ALL._replace(until=START + timedelta(hours=47)))
    assert [journey.event(name).campaign_id for name in ("p1", "p2", "p3")] == [None, campaign, None]


def test_a_ticket_that_is_younger_than_the_post_is_not_meant_by_its_number(journey: Journey) -> None:
    journey.hear(journey.source(), post("p1", text="my ticket 1000000 says so"))
    journey.execute("INSERT INTO tickets (number) VALUES (1000000)")
    rematch(journey)
    assert matches(journey, "p1") == {}


def test_the_command_says_what_it_tied(journey: Journey, database: str, home: Path) -> None:
    journey.hear(journey.source(), post("p1", text="Zorkly again"), post("p2", text="tea"))
    cli = earshot(home, database_url=database)
    cli.done("import", "accounts", "-", stdin="name\nZorkly\n")
    since = ("rematch", "--since", f"{START - timedelta(days=1):%Y-%m-%d}")
    said = cli.done(*since, "--dry-run").out
    assert "2 posts looked at; 1 would be tied" in said
    assert "Nothing was written" in said
    told = cli.done(*since, "--json").json
    assert (told["looked"], told["tied"], told["dry_run"]) == (2, 1, False)
    assert [(one["kind"], one["record"], one["posts"]) for one in told["matches"]] == [
        ("account", "Zorkly", 1)
    ]
    assert "0 are tied to something more" in cli.done(*since).out
    assert "is no time like" in cli.refused("rematch", "--since", "yesterday", code=2)
    assert "before --until" in cli.refused(*since, "--until", "2020-01-01", code=2)
