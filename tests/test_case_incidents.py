"""Incidents, suggestions and what was held back, as they are told at the terminal."""

from __future__ import annotations

from console.invariants import broken
from tests.command_line import Earshot
from tests.journey import CALM, FURIOUS, US, Journey, post


def unsound(journey: Journey) -> list[str]:
    with journey.sessions() as session:
        return [name for name, _ in broken(session, journey.org)]


def test_an_incident_stands_for_what_it_took_in_and_counts_it(journey: Journey, cli: Earshot) -> None:
    journey.execute("INSERT INTO policies (burst_all) VALUES (2)")
    journey.contact("ann@town.example")
    source = journey.source()
    journey.hear(source, *(post(f"{n}", FURIOUS, by=f"p{n}", to=US) for n in range(5)))
    journey.hear(
        source,
        post("9", FURIOUS, by="ann", to=US, minutes=5),
        post("a", CALM, by="x", reply_to="4", minutes=9),
    )
    found = cli.done("cases", "--json").json
    [incident] = [case for case in found if case["incident"]]
    assert (incident["children"], incident["posts"]) == (6, 7)
    number = incident["ticket"]["number"]
    assert [case["parent"] for case in found if not case["incident"]] == [number] * 3
    assert len(cli.done("cases", "--children", "--json").json) == 7
    shown = cli.done("cases").out
    assert "Incident, 6 cases, 7 posts" in shown
    assert f"(in Incident #{number})" in shown
    assert f"in Incident #{number} (open, 6 cases): it has that ticket" in cli.done("explain", "4").out
    assert (
        f"in Incident #{number} (open, 6 cases): it keeps a ticket of its own" in cli.done("explain", "9").out
    )
    assert unsound(journey) == []


def test_a_suggestion_is_listed_and_opened_by_a_person(journey: Journey, cli: Earshot) -> None:
    journey.execute("UPDATE rules SET suggests = true")
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, to=US), post("2", CALM, by="bo", reply_to="1", minutes=2))
    [one] = cli.done("cases", "--suggested", "--json").json
    assert (one["rule"], one["action"]) == ("A complaint to us", "ticket")
    assert "A complaint to us → ticket" in cli.done("cases", "--suggested").out
    hint = f"earshot case open {one['event'][-8:]} opens what it would have"
    assert hint in cli.done("explain", one["event"]).out
    assert "No rule suggests this post" in cli.refused("case", "open", str(journey.event("2").id))
    made = cli.done("case", "open", one["event"], "--json").json
    assert (made["done"], made["level"]) == ("opened", "ticket")
    [case] = journey.cases()
    assert (case.ticket, case.posts) == (True, 2)
    assert cli.done("cases", "--suggested", "--json").json == []
    assert "belongs to a case already" in cli.refused("case", "open", one["event"])
    assert journey.value("SELECT count(*) FROM rules WHERE NOT suggests") == 0
    assert unsound(journey) == []


def test_explain_tells_a_crisis_switch_other_rules_and_a_reopening(journey: Journey, cli: Earshot) -> None:
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, to=US))
    journey.execute("UPDATE tickets SET status = 'resolved'")
    journey.hear(source, post("3", FURIOUS, to=US, reply_to="1", verb="comment", minutes=2))
    told = cli.done("explain", str(journey.event("3").id)).out
    assert "it opened the case again, because its author answered" in told
    assert "Displeasure addressed to us → activity (threshold -0.25)" in told
    cli.done("crisis", "on", "--platform", "mastodon", "--for", "2h", "--because", "a known outage")
    journey.hear(source, post("4", FURIOUS, by="bo", to=US, minutes=4))
    told = cli.done("explain", str(journey.event("4").id)).out
    assert "the crisis switch for platform mastodon, on until" in told
    assert "“a known outage”" in told


def test_doctor_finds_cases_that_belong_to_no_open_incident_and_crossings_without_a_reason(
    journey: Journey,
) -> None:
    journey.execute("INSERT INTO policies (burst_all) VALUES (1)")
    journey.hear(journey.source(), *(post(f"{n}", FURIOUS, by=f"p{n}", to=US) for n in range(3)))
    assert unsound(journey) == []
    journey.execute("UPDATE cases SET closed_at = now() - interval '1 hour' WHERE subject LIKE 'burst:%'")
    assert unsound(journey) == ["an open case that has its Incident's ticket has an open Incident"]
    journey.execute("UPDATE cases SET closed_at = NULL, subject = 'thread:x:y' WHERE subject LIKE 'burst:%'")
    told = "a case that was taken in was so by an Incident, or merged into a case whose ticket it has"
    assert unsound(journey) == [told]
    journey.execute("UPDATE cases SET subject = 'burst:all' WHERE subject LIKE 'thread:%'")
    journey.execute("UPDATE social_events SET case_id = NULL, ticket_id = NULL WHERE external_id = '2'")
    assert unsound(journey) == ["an event that crossed a rule for cases has one, or a reason why not"]
