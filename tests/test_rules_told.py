"""A rule as a sentence, in the list and as JSON: its scope, its trigger, how often it was right, and what it opens."""

from __future__ import annotations

import pytest

from console.rule_told import whose
from tests.command_line import Earshot, hear, rows
from tests.journey import FURIOUS, Journey, post

NAMES = """
    WITH a AS (INSERT INTO users (org_id, email) VALUES ('main', 'ann@acme.example'), ('main', 'bob@acme.example')),
         b AS (INSERT INTO campaigns (org_id, name) VALUES ('main', 'Spring launch')),
         c AS (INSERT INTO accounts (org_id, name) VALUES ('main', 'Acme, Inc.'))
    INSERT INTO sources (org_id, platform, kind, term, host, every)
    VALUES ('main', 'reddit', 'subreddit', 'coffee', 'https://reddit.example', 60) RETURNING id
"""


def test_a_rule_with_everything_is_told_as_one_sentence_and_each_part_is_taken_away(
    cli: Earshot, database: str
) -> None:
    [source] = rows(database, NAMES)
    said = cli.done(
        "rules", "add", "Spring", "--action", "ticket", "--audience", "addressed", "--threshold", "-0.4",
        "--platform", "Reddit,x", "--kind", "subreddit", "--source", str(source.id)[-8:], "--campaign", "spring",
        "--account", "Acme, Inc.", "--language", "en-GB", "--per-day", "5", "--max-age", "3d",
        "--assign", "ann@acme.example, bob@acme.example", "--owner", "ANN@acme.example",
        "--quiet", "22:00-7:00", "--zone", "Europe/Berlin",
    )  # fmt: skip
    assert said.err == ""
    assert (
        "a post addressed to us on reddit or x, found by a watch of the kind subreddit, from the source reddit subreddit"
        " coffee, of the campaign Spring launch, about the account Acme, Inc., in the language en that scores -0.40 or"
        " less opens a ticket of normal priority, at most 5 in 24 hours; they go in turn to ann@acme.example,"
        " bob@acme.example; posts older than 3 days open nothing; from 22:00 to 07:00 (Europe/Berlin) nobody is told."
    ) in said.out
    assert "ticket, normal, 5 a day" in cli.done("rules", "list").out
    assert "whose      ann@acme.example" in cli.done("rules", "show", "Spring").out
    rule = cli.done("rules", "show", "Spring", "--json").json
    assert whose(rule).endswith(
        "reddit, x · subreddit · reddit subreddit coffee · Spring launch · Acme, Inc. · en"
    )
    assert rule["names"][rule["sources"][0]] == "reddit subreddit coffee"
    assert (rule["quiet_from"], rule["quiet_to"], rule["max_age_hours"]) == ("22:00", "07:00", 72)
    scopes = [word for scope in ("platform", "kind", "source", "campaign", "account", "language")
              for word in (f"--{scope}", "")]  # fmt: skip
    bare = cli.done(
        "rules", "set", "Spring", *scopes, "--per-day", "0", "--max-age", "", "--owner", "", "--quiet", "",
        "--assign", "account",
    ).out  # fmt: skip
    assert "a post addressed to us that scores -0.40 or less opens a ticket of normal priority." in bare
    [row] = rows(database, "SELECT * FROM rules WHERE name = 'Spring'")
    assert (row.owner_id, row.quiet_from, row.quiet_zone, row.assignees, row.sources) == (
        None,
        None,
        "UTC",
        [],
        [],
    )


def test_a_rule_over_many_posts_is_told_with_its_window_and_turned_into_another(cli: Earshot) -> None:
    mean = ("--trigger", "mean", "--over", "24h", "--threshold", "-0.2", "--rearm", "0", "--minimum", "30")
    said = cli.done("rules", "add", "Mood", "--action", "ticket", "--platform", "x", *mean).out
    assert (
        "the mean of posts that are not ours on x, over 24 hours and of 30 at least, that falls to -0.20 opens a ticket"
        " of normal priority, and again only after it rose to +0.00."
    ) in said
    spike = ("--trigger", "spike", "--over", "3h", "--factor", "3", "--minimum", "50")
    said = cli.done("rules", "set", "Mood", *spike).out
    assert (
        "within 3 hours that is 3 times that of the same hours on the days before, and 50 at least, opens"
        in said
    )
    assert (
        "a number of negative posts that are not ours"
        in cli.done("rules", "set", "Mood", "--threshold", "-0.05").out
    )
    cli.done("rules", "set", "Mood", "--threshold", "1")
    rule = cli.done("rules", "show", "Mood", "--json").json
    assert (rule["trigger"], rule["rearm"], rule["threshold"], rule["alarms"]) == ("spike", None, 1.0, [])
    assert "Threshold: from which score on?" in cli.refused(
        "rules", "set", "Mood", "--trigger", "post", code=2
    )
    back = cli.done("rules", "set", "Mood", "--trigger", "post", "--threshold", "-0.3").out
    assert "scores -0.30 or less opens a ticket" in back


def test_a_rule_that_only_tells_is_warned_of_where_nobody_hears(cli: Earshot, database: str) -> None:
    words = ("rules", "add", "Recall", "--action", "notify", "--audience", "named", "--words", "recall")
    said = cli.done(*words, "--language", "de")
    assert (
        'in the language de, that has any score, or none, and says "recall" is told to the receivers'
        in said.out
    )
    assert "There is no receiver that hears of it yet" in said.err
    rows(
        database,
        "INSERT INTO receivers (org_id, name, kind, address) VALUES ('main', 'd', 'email', 'd@us.example')",
    )
    berlin = ("--quiet", "22:00-07:00", "--zone", "Europe/Berlin")
    assert cli.done("rules", "set", "Recall", "--words", "recall, rückruf", *berlin).err == ""
    said = cli.done("rules", "set", "Recall", "--action", "lead").out
    assert said.endswith('says "recall" or "rückruf" makes its author a lead, at most 20 in 24 hours.\n')


def test_what_people_thought_of_its_cases_is_shown_and_a_rule_that_only_suggests_opens_again_by_enable(
    cli: Earshot, database: str
) -> None:
    cli.done("own", "add", "mastodon", "us@town.example")
    source = hear(
        database, [post(f"{n}", FURIOUS, to="us@town.example", by=f"p{n}", minutes=n) for n in range(3)]
    )
    rows(database, "UPDATE tickets SET status = 'resolved'")
    rows(
        database,
        "UPDATE cases SET verdict = 'spam' WHERE id = (SELECT id FROM cases ORDER BY opened_at, id LIMIT 1)",
    )
    assert "right      2 of 3 closed or judged" in cli.done("rules", "show", "A complaint to us").out
    [rule, *_] = cli.done("rules", "list", "--json").json
    assert rule["precision"] == {"cases": 3, "judged": 3, "wrong": 1, "share": pytest.approx(2 / 3)}
    assert "2 of 3" in cli.done("rules", "list").out
    assert "; 3 in the last 24 hours" in cli.done("rules", "show", rule["id"]).out
    rows(database, "UPDATE rules SET suggests = true, suggests_since = now()")
    hear(database, [post("late", FURIOUS, to="us@town.example", by="late", minutes=9)], source=source)
    shown = cli.done("rules", "show", rule["id"]).out
    assert "1 post would have opened something; earshot rules enable" in shown
    assert "(suggests)" in cli.done("rules", "list").out
    cli.done("rules", "disable", rule["id"])
    assert rows(database, f"SELECT suggests FROM rules WHERE id = '{rule['id']}'")[0].suggests
    said = cli.done("rules", "enable", rule["id"])
    assert "It opens again" in said.out
    [row] = rows(database, f"SELECT suggests, enabled FROM rules WHERE id = '{rule['id']}'")
    assert (row.suggests, row.enabled) == (False, True)
    assert cli.done("rules", "show", rule["id"], "--json").json["precision"]["cases"] == 0


def test_a_rule_is_switched_off_though_what_it_names_is_gone(cli: Earshot, database: str) -> None:
    [source] = rows(database, NAMES)
    words = ("--action", "ticket", "--audience", "named", "--threshold", "-0.4", "--source", str(source.id))
    cli.done("rules", "add", "Coffee", *words, "--platform", "reddit", "--assign", "ann@acme.example")
    rows(database, "DELETE FROM sources")
    rows(database, "DELETE FROM users")
    assert "from the source (gone)" in cli.done("rules", "disable", "Coffee").out
    assert "in turn to (gone)" in cli.done("rules", "set", "Coffee", "--threshold", "-0.5").out


def test_what_is_typed_is_what_decides(cli: Earshot, database: str) -> None:
    """A rule by words alone for a language without a score, in the scope of one source, through the digest."""
    journey = Journey(database)
    ours, other = journey.source(), journey.source(term="other")
    journey.own("us@town.example")
    for rule in cli.done("rules", "list", "--json").json[1:]:
        cli.done("rules", "disable", rule["id"])
    words = ("--threshold", "1", "--words", "rückerstattung", "--language", "de", "--source", str(ours))
    cli.done("rules", "set", "A complaint to us", *words)
    german = "Wo bleibt die Rückerstattung, die mir seit drei Wochen versprochen wurde?"
    journey.hear(other, post("1", german, to="us@town.example", by="a", lang="de"))
    journey.hear(ours, post("2", german, to="us@town.example", by="b", lang="de"))
    journey.hear(ours, post("3", FURIOUS, to="us@town.example", by="c"))
    assert [case.ticket for case in journey.cases()] == [True]
    assert journey.event("2").case_id is not None
    journey.close()
