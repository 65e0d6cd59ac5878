"""What a burst may open at most, and what an Incident that is over does not open again."""

from __future__ import annotations

from tests.journey import FURIOUS, US, Journey, post


def test_who_answers_after_an_incident_is_over_opens_a_case_and_not_the_incident(journey: Journey) -> None:
    journey.execute("INSERT INTO policies (burst_all) VALUES (2)")
    source = journey.source()
    journey.hear(source, *(post(f"{n}", FURIOUS, by=f"p{n}", to=US) for n in range(8)))
    journey.execute("UPDATE tickets SET status = 'resolved'")
    journey.hear(source, post("9", FURIOUS, by="p5", to=US, reply_to="5", verb="comment", minutes=9))
    [case] = journey.execute("SELECT * FROM cases WHERE closed_at IS NULL")
    assert (case.parent_id, case.previous_id) == (None, journey.event("5").case_id)
    assert journey.value("SELECT count(*) FROM tickets WHERE status = 'open'") == 1


def test_bursts_of_many_accounts_one_after_the_other_are_bounded_together(journey: Journey) -> None:
    journey.execute("INSERT INTO policies (burst_after, burst_all) VALUES (3, 10)")
    names = [f"{letter}orrowgate Mills" for letter in "BCDFGHJKLMNPQRST"]
    for name in names:
        journey.account(name)
    source = journey.source()
    for n, name in enumerate(names):
        angry = f"{name} is terrible, I hate it, worst service ever."
        journey.hear(
            source, *(post(f"{n}.{who}", angry, by=f"p{n}.{who}", to=US, minutes=n) for who in range(5))
        )
    assert journey.value("SELECT count(*) FROM social_events WHERE account_id IS NULL") == 0
    own = "SELECT count(*) FROM tickets WHERE subject NOT LIKE 'Incident%'"
    assert journey.value(own) == 10
    assert journey.value("SELECT count(*) FROM social_events WHERE ticket_id IS NULL") == 0
