"""What opens when much is said: bursts, reopening, several rules on one post, budgets, whose turn it is."""

from __future__ import annotations

from tests.journey import CALM, FURIOUS, MILD, US, WARM, Journey, at, post


def policy(journey: Journey, **columns: object) -> None:
    names, values = ", ".join(columns), ", ".join(map(str, columns.values()))
    journey.execute(f"INSERT INTO policies ({names}) VALUES ({values})")


def test_a_burst_opens_one_incident_that_takes_the_rest(journey: Journey) -> None:
    policy(journey, burst_all=5)
    source = journey.source()
    for start in range(0, 30, 10):
        journey.hear(source, *(post(f"{n}", FURIOUS, by=f"p{n}", to=US) for n in range(start, start + 10)))
    assert journey.value("SELECT count(*) FROM tickets") == 6
    [incident] = journey.execute("SELECT * FROM cases WHERE subject LIKE 'burst:%'")
    assert incident.subject == "burst:all"
    assert journey.value(f"SELECT count(*) FROM cases WHERE parent_id = '{incident.id}'") == 30
    assert journey.value("SELECT count(*) FROM social_events WHERE case_id IS NULL OR ticket_id IS NULL") == 0
    ticket = journey.value(f"SELECT subject FROM tickets WHERE id = '{incident.ticket_id}'")
    assert ticket == "Incident: more than 5 tickets about everything"
    own = journey.value(f"SELECT count(*) FROM tickets WHERE parent_id = '{incident.ticket_id}'")
    assert own == 5


def test_an_incident_that_is_closed_takes_its_cases_with_it_and_says_what_it_was(journey: Journey) -> None:
    policy(journey, burst_all=2)
    source = journey.source()
    journey.hear(source, *(post(f"{n}", FURIOUS, by=f"p{n}", to=US) for n in range(8)))
    [incident] = journey.execute("SELECT * FROM cases WHERE subject LIKE 'burst:%'")
    journey.execute(f"UPDATE tickets SET status = 'resolved' WHERE id = '{incident.ticket_id}'")
    assert journey.value("SELECT count(*) FROM cases WHERE closed_at IS NULL") == 2
    [note] = journey.execute("SELECT * FROM case_notes WHERE what = 'summary'")
    assert note.said.startswith("8 posts by 8 authors on mastodon between")
    journey.hear(source, post("9", FURIOUS, by="p9", to=US, minutes=5))
    assert journey.value("SELECT count(*) FROM cases WHERE subject LIKE 'burst:%'") == 1


def test_a_customer_who_addresses_us_keeps_a_ticket_within_the_incident(journey: Journey) -> None:
    policy(journey, burst_all=2)
    source = journey.source()
    journey.contact("ann@town.example")
    journey.hear(source, *(post(f"{n}", FURIOUS, by=f"p{n}", to=US) for n in range(4)))
    journey.hear(source, post("9", FURIOUS, by="ann", to=US, minutes=5))
    [incident] = journey.execute("SELECT * FROM cases WHERE subject LIKE 'burst:%'")
    case = journey.execute(f"SELECT * FROM cases WHERE id = '{journey.event('9').case_id}'")[0]
    assert (case.parent_id, case.ticket_id == incident.ticket_id) == (incident.id, False)
    assert journey.value(f"SELECT parent_id FROM tickets WHERE id = '{case.ticket_id}'") == incident.ticket_id


def test_a_crossing_reply_of_the_author_reopens_the_case_and_a_calm_one_notes_itself(
    journey: Journey,
) -> None:
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, to=US))
    journey.execute("UPDATE tickets SET status = 'resolved'")
    journey.hear(source, post("2", CALM, reply_to="1", verb="comment", minutes=1))
    [case] = journey.execute("SELECT * FROM cases")
    assert case.closed_at is not None
    assert (journey.event("2").case_id, journey.event("2").case_role) == (case.id, "noted")
    journey.hear(source, post("3", FURIOUS, to=US, reply_to="1", verb="comment", minutes=2))
    [case] = journey.execute("SELECT * FROM cases")
    assert case.closed_at is None
    assert case.reopened_at is not None
    assert journey.value("SELECT status FROM tickets") == "open"
    assert [
        note.what for note in journey.execute("SELECT what FROM case_notes WHERE what <> 'rule' ORDER BY at")
    ] == [
        "reply",
        "reopened",
    ]


def test_a_crossing_reply_after_the_days_of_reopening_opens_a_new_case_that_names_the_old(
    journey: Journey,
) -> None:
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, to=US))
    journey.execute("UPDATE tickets SET status = 'resolved'")
    journey.execute("UPDATE cases SET closed_at = now() - interval '15 days'")
    [old] = journey.execute("SELECT * FROM cases")
    journey.hear(source, post("3", FURIOUS, to=US, reply_to="1", verb="comment", minutes=2))
    [new] = journey.execute("SELECT * FROM cases WHERE closed_at IS NULL")
    assert new.previous_id == old.id
    journey.hear(source, post("4", FURIOUS, to=US, minutes=3))
    assert journey.value("SELECT count(*) FROM cases") == 2


def test_several_rules_on_one_post_are_one_case_and_each_is_noted(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, to=US))
    [case] = journey.execute("SELECT c.*, r.name FROM cases c JOIN rules r ON r.id = c.rule_id")
    noted = journey.execute("SELECT r.name FROM case_notes n JOIN rules r ON r.id = n.rule_id")
    assert case.name == "A complaint to us"
    assert {row.name for row in noted} == {"Displeasure addressed to us", "Bad talk about us or ours"}


def test_a_rule_with_a_number_a_day_holds_back_what_is_beyond_it_and_says_so(journey: Journey) -> None:
    journey.execute("UPDATE rules SET per_day = 2 WHERE name = 'A complaint to us'")
    journey.execute("DELETE FROM rules WHERE name <> 'A complaint to us'")
    source = journey.source()
    journey.hear(source, *(post(f"{n}", FURIOUS, by=f"p{n}", to=US, minutes=n) for n in range(4)))
    assert journey.value("SELECT count(*) FROM tickets") == 2
    held = journey.execute("SELECT held_back FROM social_events WHERE held_back IS NOT NULL")
    assert [row.held_back for row in held] == ["the rule's number in 24 hours is reached"] * 2
    journey.hear(source, post("again", FURIOUS, by="p0", to=US, minutes=9))
    assert journey.event("again").case_role == "joined"


def test_what_a_rule_opens_goes_round_among_its_assignees(journey: Journey) -> None:
    journey.execute("INSERT INTO users (name, email) VALUES ('a', 'a@us.example'), ('b', 'b@us.example')")
    journey.execute(
        "UPDATE rules SET assign = 'rotation', assignees = ARRAY(SELECT id FROM users ORDER BY name)"
    )
    source = journey.source()
    for n in range(4):
        journey.hear(source, post(f"{n}", FURIOUS, by=f"p{n}", to=US, minutes=n))
    owners = journey.execute(
        "SELECT u.name FROM tickets t JOIN users u ON u.id = t.owner_id ORDER BY t.number"
    )
    assert [row.name for row in owners] == ["a", "b", "a", "b"]


def test_a_blocked_author_opens_nothing(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("1", WARM, by="troll"))
    journey.execute("UPDATE identities SET blocked = true")
    journey.hear(source, post("2", FURIOUS, by="troll", to=US, minutes=1))
    assert journey.cases() == []
    assert journey.event("2").held_back == "its author is blocked"


def test_a_crisis_switch_holds_back_and_is_named(journey: Journey) -> None:
    journey.execute(
        "INSERT INTO holds (of, platform, until, reason, by) VALUES"
        " ('platform', 'mastodon', now() + interval '1 hour', 'server outage', 'ann')"
    )
    source = journey.source()
    journey.hear(source, post("1", FURIOUS, to=US))
    assert journey.cases() == []
    event = journey.event("1")
    assert event.held_back.startswith("the crisis switch is on until ")
    assert event.hold_id is not None


def test_a_rule_with_a_scope_takes_nothing_else(journey: Journey) -> None:
    source = journey.source()
    other = journey.source(term="other")
    journey.execute(f"UPDATE rules SET sources = ARRAY['{source}'::uuid]")
    journey.hear(other, post("1", FURIOUS, by="a", to=US))
    assert journey.cases() == []
    journey.hear(source, post("2", FURIOUS, by="b", to=US))
    assert len(journey.cases()) == 1


def test_an_edit_that_makes_it_worse_raises_the_case_and_is_noted(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("1", MILD, to=US))
    journey.hear(source, post("1", FURIOUS, to=US, edited_at=at(5)))
    [case] = journey.cases()
    assert (case.level, case.ticket) == ("ticket", True)
    assert journey.value("SELECT count(*) FROM case_notes WHERE what = 'edited'") == 1
