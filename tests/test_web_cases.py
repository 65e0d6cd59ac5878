"""Support's pages without a browser: what the inbox lists, what a form does to the database, what an old page may not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy.orm import Session

from connectors._base import Mention
from console.rules import judged, rules
from tests.journey import FURIOUS, MILD, US, WARM, post
from tests.reviewing import Reviewing
from tests.signing_in import MAX, SAM, Visitor, let_in


@pytest.fixture
def journey(database: str) -> Iterator[Reviewing]:
    journey = Reviewing(database)
    journey.own(US)
    let_in(journey, SAM, MAX)
    yield journey
    journey.close()


@pytest.fixture
def sam(base: str, journey: Reviewing) -> Visitor:
    sam = Visitor(base)
    assert sam.sign_in(SAM).status_code == 303
    return sam


def complain(journey: Reviewing, *people: str, text: str = FURIOUS, beside: str = "") -> list[UUID]:
    """The cases of these people, who complain to us a minute apart, and mention `beside`."""
    mentions = tuple(Mention(handle=handle) for handle in (US, beside) if handle)
    source = journey.source(term=people[0])
    for number, by in enumerate(people):
        journey.hear(source, post(by, text, by=by, mentions=mentions, minutes=number))
    return [
        journey.value("SELECT case_id FROM social_events WHERE external_id = :by", by=by) for by in people
    ]


def do(visitor: Visitor, path: str, page: str | None = None, **fields: str) -> httpx.Response:
    """Send the form that is on `page` (the case's own page unless told otherwise)."""
    shown = visitor.get(page or re.sub(r"(/cases/[0-9a-f-]{36}).*", r"\1", path))
    found = re.search(r'name="version" value="([^"]*)"', shown.text)
    told = {"form": visitor.form(shown), "version": found[1] if found else ""}
    return visitor.post(path, told | fields)


def done(visitor: Visitor, answer: httpx.Response) -> str:
    """What the next page says of a form that was taken."""
    assert answer.status_code == 303, answer.text
    found = re.search(
        r'<p class="done" role="status">(.*?)</p>', visitor.get(answer.headers["location"]).text
    )
    assert found
    return found[1]


def order(answer: httpx.Response) -> list[str]:
    """The cases of a list, as it lists them."""
    return re.findall(r'id="case-([0-9a-f-]{36})"', answer.text)


def test_what_is_due_first_stands_first_and_a_page_goes_on_where_the_last_one_ended(
    journey: Reviewing, sam: Visitor
) -> None:
    made = complain(journey, "ann", "ben", "cem", "dee")
    for case, priority, hours in zip(made, ("low", "urgent", "normal", "normal"), (0, 5, 30, 2), strict=True):
        journey.execute(
            "UPDATE tickets SET priority = :priority, created_at = now() - make_interval(hours => :hours)"
            " FROM cases c WHERE c.ticket_id = tickets.id AND c.id = :case",
            priority=priority,
            hours=hours,
            case=case,
        )
    ann, ben, cem, dee = map(str, made)
    assert order(sam.get("/cases")) == [cem, ben, dee, ann]
    with Session(journey.engine) as session:
        from console import inbox

        seen, place = [], None
        for _ in range(4):
            rows, place = inbox.listed(session, journey.org, "all", None, after=place, most=1)
            seen += [str(row["id"]) for row in rows]
        assert (seen, place) == ([cem, ben, dee, ann], None)
    journey.execute("INSERT INTO policies (due_normal, due_low) VALUES (4000, 4020)")
    shown = sam.get("/cases")
    assert order(shown) == [ben, cem, dee, ann]
    assert "<span>67 h <small>low, activities</small></span>" in shown.text


def test_filters_counts_and_the_search_say_the_same_as_the_database(journey: Reviewing, sam: Visitor) -> None:
    acme = journey.account("Acme Tools")
    made = complain(journey, "ann", "ben", "cem")
    [calm] = complain(journey, "dee", text=MILD)
    journey.execute(
        "UPDATE tickets SET account_id = :acme WHERE id = (SELECT ticket_id FROM cases WHERE id = :id)",
        acme=acme,
        id=made[0],
    )
    assert do(sam, f"/cases/{made[1]}/assign", owner="me").status_code == 303
    assert do(sam, f"/cases/{made[2]}/status", status="resolved").status_code == 303
    found = {
        show: set(order(sam.get(f"/cases?show={show}")))
        for show in ("mine", "unassigned", "tickets", "activities", "closed")
    }
    ann, ben, cem = map(str, made)
    level = journey.value("SELECT level FROM cases WHERE id = :id", id=calm)
    assert level == "activity"
    assert found == {
        "mine": {ben},
        "unassigned": {ann, str(calm)},
        "tickets": {ann, ben},
        "activities": {str(calm)},
        "closed": {cem},
    }
    told = dict(re.findall(r">([a-z ]+) <b>([\d,+]+)</b></a>", sam.get("/cases").text))
    assert told == {
        "mine": "1",
        "unassigned": "2",
        "all open": "3",
        "tickets": "2",
        "incidents": "0",
        "activities": "1",
        "closed": "1",
    }
    assert order(sam.get(f"/cases?account={acme}")) == order(sam.get("/cases?q=acme")) == [ann]
    assert order(sam.get("/cases?q=@ben@town.example")) == [ben]
    number = journey.value(
        "SELECT number FROM tickets t JOIN cases c ON c.ticket_id = t.id WHERE c.id = :id", id=made[1]
    )
    assert sam.get(f"/cases?q=%23{number}").headers["location"] == f"/cases/{ben}"


def test_an_old_page_overwrites_nobody_and_says_what_has_changed(journey: Reviewing, sam: Visitor) -> None:
    [case] = complain(journey, "ann")
    old = sam.get(f"/cases/{case}")
    version = re.search(r'name="version" value="([^"]*)"', old.text)
    assert version
    journey.execute("INSERT INTO users (org_id, name) VALUES ('main', 'Ann the quick')")
    journey.execute(
        "UPDATE tickets SET owner_id = (SELECT id FROM users WHERE name = 'Ann the quick'), status = 'waiting'"
    )
    told = sam.post(f"/cases/{case}/assign", {"form": sam.form(old), "version": version[1], "owner": "me"})
    assert told.status_code == 409
    assert "Owner: was none, is Ann the quick now." in told.text
    assert "Status: was open, is waiting now." in told.text
    assert journey.value("SELECT u.name FROM tickets t JOIN users u ON u.id = t.owner_id") == "Ann the quick"
    ticked = sam.post("/cases/bulk", {"form": sam.form(old), "case": f"{case} {version[1]}", "do": "take"})
    assert "Left alone, since changed meanwhile: Ticket #" in done(sam, ticked)
    assert journey.value("SELECT count(*) FROM audits WHERE of_id = :case", case=case) == 0


def test_all_that_are_ticked_become_ones_own_and_each_is_written_down(
    journey: Reviewing, sam: Visitor
) -> None:
    complain(journey, "ann", "ben", "cem")
    page = sam.get("/cases")
    ticked = re.findall(r'name="case" value="([^"]+)"', page.text)
    answer = sam.post("/cases/bulk", {"form": sam.form(page), "case": ticked[:2], "do": "take"})
    assert "are yours" in done(sam, answer)
    assert (
        journey.value(
            "SELECT count(*) FROM tickets t JOIN users u ON u.id = t.owner_id WHERE u.email = :sam", sam=SAM
        )
        == 2
    )
    assert journey.value("SELECT count(*) FROM audits WHERE what = 'assigned' AND by = :sam", sam=SAM) == 2


def test_a_wrong_match_undone_takes_the_ticket_out_of_the_strangers_file_and_back(
    journey: Reviewing, sam: Visitor
) -> None:
    acme = journey.account("Acme")
    journey.alias("handle", "acme@town.example", "account", platform="mastodon", account_id=acme)
    [case] = complain(journey, "ann", beside="acme@town.example")
    event = journey.event("ann").id
    assert journey.value("SELECT account_id FROM tickets") == acme
    path = f"/cases/{case}/posts/{event}"
    said = done(sam, do(sam, f"{path}/undo", kind="account", record=str(acme)))
    assert "not tied to the account Acme any more" in said
    assert "of no account now" in said
    assert journey.execute("SELECT state, by FROM matches WHERE kind = 'account'") == [("undone", SAM)]
    assert journey.value("SELECT account_id FROM tickets") is None
    step = journey.value("SELECT id FROM reviews")
    assert do(sam, f"{path}/again", step=str(step)).status_code == 303
    assert journey.value("SELECT account_id FROM tickets") == acme
    refused = do(sam, f"{path}/tie", kind="account", named="Nobody Ltd")
    assert refused.status_code == 422
    assert "No account of main is called" in refused.text
    assert 'value="Nobody Ltd"' in refused.text
    assert do(sam, f"/cases/{case}/posts/{uuid4()}/undo", kind="account", record=str(acme)).status_code == 404


def test_a_verdict_moves_the_rules_precision_closes_the_ticket_and_says_both(
    journey: Reviewing, sam: Visitor
) -> None:
    made = complain(journey, "ann", "ben")
    assert do(sam, f"/cases/{made[0]}/verdict", verdict="complaint").status_code == 303
    said = done(sam, do(sam, f"/cases/{made[1]}/verdict", verdict="not_a_complaint", close="1", why="irony"))
    assert "noted as not a complaint, and closed" in said
    assert "was right in 1 of 2, before in 1 of 1." in said
    with journey.session() as session:
        found = rules(session, journey.org)
        judged(session, journey.org, found)
    shares = {
        rule["precision"]["share"] for rule in found if rule["precision"] and rule["precision"]["judged"]
    }
    assert shares == {0.5}
    assert journey.value("SELECT status FROM tickets ORDER BY number DESC LIMIT 1") == "resolved"
    assert "not a complaint: irony" in sam.get(f"/cases/{made[1]}").text


def test_a_case_tells_why_and_what_a_post_said_before_its_edit(journey: Reviewing, sam: Visitor) -> None:
    [case] = complain(journey, "ann")
    journey.execute(
        "UPDATE social_events SET text = :now, edited_at = now(), url = 'javascript:alert(1)', scorer = NULL"
        " WHERE external_id = 'ann'",
        now="<script>alert(1)</script> " + WARM,
    )
    assert (
        done(sam, do(sam, f"/cases/{case}/note", note="  <b>Called</b> her.\n"))
        == "Your note stands on ticket #1001."
    )
    shown = sam.get(f"/cases/{case}").text
    assert FURIOUS in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "&lt;b&gt;Called&lt;/b&gt; her." in shown
    assert "javascript:" not in shown
    assert "crossed “<bdi>A complaint to us</bdi>”" in shown
    assert "<bdi>lovely</bdi> +" in shown
    assert do(sam, f"/cases/{case}/note", note=" ").status_code == 422


def test_a_post_that_never_ends_is_folded_and_none_of_it_is_lost(journey: Reviewing, sam: Visitor) -> None:
    endless = f"{FURIOUS} {'and the machine broke again ' * 400}\u202eLAST"
    gaping = f"{FURIOUS}{chr(10) * 300}THE END"
    first, second = complain(journey, "ann", text=endless), complain(journey, "ben", text=gaping)
    page = sam.get(f"/cases/{first[0]}").text
    shown, rest = re.findall(r'<p class="said" dir="auto">(.*?)</p>', page, re.DOTALL)
    assert len(shown) < 1_400 < len(rest)
    assert (shown.endswith(" …"), rest.endswith("\ufffdLAST")) == (True, True)
    assert shown.removesuffix(" …").count("broke") + rest.count("broke") == 400
    assert "\u202e" not in page
    assert "The rest of it: " in page
    other = sam.get(f"/cases/{second[0]}").text
    assert re.search(r'<p class="said" dir="auto">[^<]*\S\n\nTHE END</p>', other)


def test_our_answer_stops_the_clock_and_the_medians_say_so(journey: Reviewing, sam: Visitor) -> None:
    [case] = complain(journey, "ann")
    assert 'First answer</dt><dd><span class="quiet">not yet' in sam.get(f"/cases/{case}").text
    journey.execute("UPDATE cases SET opened_at = now() - interval '3 hours'")
    journey.execute("UPDATE tickets SET created_at = now() - interval '3 hours'")
    journey.execute(
        "INSERT INTO social_events (platform, case_id, voice, occurred_at) VALUES ('mastodon', :case, 'own', now() - interval '1 hour')",
        case=case,
    )
    assert "First answer</dt><dd>after 2 h" in sam.get(f"/cases/{case}").text
    assert do(sam, f"/cases/{case}/status", status="closed").status_code == 303
    told = sam.get("/cases?show=closed").text
    assert "<dd>2 h <small>of 1 answered" in told
    assert "<dd>3 h <small>of 1 closed" in told


def test_who_may_not_looks_and_other_organisations_see_nothing(journey: Reviewing, base: str) -> None:
    [case] = complain(journey, "ann")
    max_ = Visitor(base)
    max_.sign_in(MAX)
    shown = max_.get(f"/cases/{case}").text
    assert FURIOUS in shown
    assert "Take it" not in shown
    assert do(max_, f"/cases/{case}/assign", owner="me").status_code == 403
    other = Visitor(base)
    journey.execute("UPDATE sign_ins SET org_id = 'other', role = 'support' WHERE email = :sam", sam=SAM)
    other.sign_in(SAM)
    assert order(other.get("/cases?show=all")) == []
    assert other.get(f"/cases/{case}").status_code == other.get(f"/cases/{case}/fresh").status_code == 404
    assert do(other, f"/cases/{case}/note", page="/cases", note="hello").status_code == 404
    assert journey.value("SELECT count(*) FROM case_notes WHERE what = 'note'") == 0


def test_two_cases_are_merged_on_the_page_and_a_post_is_split_out_again(
    journey: Reviewing, sam: Visitor
) -> None:
    ann, ben = complain(journey, "ann", "ben")
    numbers = [row.number for row in journey.execute("SELECT number FROM tickets ORDER BY number")]
    refused = do(sam, f"/cases/{ann}/merge", into="#99")
    assert refused.status_code == 422
    assert 'value="#99"' in refused.text
    old = sam.get(f"/cases/{ann}")
    said = done(sam, do(sam, f"/cases/{ann}/merge", into=f"#{numbers[1]}"))
    assert said == f"Ticket #{numbers[0]} is merged into ticket #{numbers[1]}."
    assert order(sam.get("/cases")) == [str(ben)]
    assert sam.get(f"/cases?q={numbers[0]}").headers["location"] == f"/cases/{ben}"
    shown = sam.get(f"/cases/{ben}").text
    for part in (
        f">Merged from #{numbers[0]}</a>",
        "Merged into this: 1 case",
        "Split out again",
        "was merged into this: ",
    ):
        assert part in shown
    version = re.search(r'name="version" value="([^"]*)"', old.text)
    assert version
    late = sam.post(
        f"/cases/{ann}/status", {"form": sam.form(old), "version": version[1], "status": "closed"}
    )
    assert late.status_code == 409
    assert f"Ticket: was #{numbers[0]}, is #{numbers[1]} now." in late.text
    event = journey.event("ann").id
    assert "is split out of" in done(sam, do(sam, f"/cases/{ben}/posts/{event}/split", what="author"))
    assert set(order(sam.get("/cases"))) == {str(ann), str(ben)}
    assert do(sam, f"/cases/{ben}/take-out/{ann}").status_code == 422
    assert do(sam, f"/cases/{ben}/posts/{journey.event('ben').id}/split", what="post").status_code == 422
    assert journey.broken() == []
    assert journey.value("SELECT count(*) FROM audits WHERE what IN ('merged', 'took in', 'split')") == 4


def test_an_author_who_is_not_whom_we_took_them_for_is_freed_linked_to_another_and_back(
    journey: Reviewing, sam: Visitor
) -> None:
    acme, town = journey.account("Acme"), journey.account("Town Gas")
    journey.contact("ann@town.example", account=acme)
    [case] = complain(journey, "ann")
    whose = "SELECT k.name FROM tickets t LEFT JOIN accounts k ON k.id = t.account_id"
    shown = sam.get(f"/cases/{case}").text
    assert "by the handle “ann@town.example”, which is a name of the contact" in shown
    assert journey.value(whose) == "Acme"
    said = done(sam, do(sam, f"/cases/{case}/author/unlink", kind="contact"))
    assert "The author is not the contact ann@town.example any more" in said
    assert (journey.value(whose), journey.event("ann").contact_id) == (None, None)
    step = re.search(r'name="step" value="([^"]+)"', sam.get(f"/cases/{case}").text)
    assert step
    assert do(sam, f"/cases/{case}/author/again", step=step[1]).status_code == 303
    assert (journey.value(whose), journey.event("ann").account_id) == ("Acme", acme)
    assert do(sam, f"/cases/{case}/author/unlink", kind="contact").status_code == 303
    assert "belongs to the account Town Gas" in done(
        sam, do(sam, f"/cases/{case}/author/link", kind="account", named="Town Gas")
    )
    assert (journey.value(whose), journey.event("ann").account_id) == ("Town Gas", town)
    assert f"says {SAM}" in sam.get(f"/cases/{case}").text
    assert do(sam, f"/cases/{case}/author/link", kind="account", named="Nobody Ltd").status_code == 422
    assert journey.broken() == []


def test_a_ticket_that_people_opened_in_the_crm_stands_in_the_list_and_says_that_it_has_no_post(
    journey: Reviewing, sam: Visitor
) -> None:
    ticket = journey.value(
        "INSERT INTO tickets (subject, source, priority) VALUES ('By phone: <b>no heat</b>', 'phone', 'urgent') RETURNING id"
    )
    journey.execute("INSERT INTO tickets (subject, org_id) VALUES ('Of others', 'other')")
    [ann] = complain(journey, "ann")
    assert order(sam.get("/cases")) == order(sam.get("/cases?show=tickets")) == [str(ticket), str(ann)]
    assert "tickets <b>2</b>" in sam.get("/cases").text
    shown = sam.get(f"/cases/{ticket}")
    assert "No post belongs to this ticket: it was opened in the CRM (phone)" in shown.text
    assert "By phone: &lt;b&gt;no heat&lt;/b&gt;" in shown.text
    assert done(sam, do(sam, f"/cases/{ticket}/assign", owner="me")).endswith("is Sam&#39;s now.")
    assert order(sam.get("/cases?show=mine")) == [str(ticket)]
    number = journey.value("SELECT number FROM tickets WHERE id = :id", id=ticket)
    assert sam.get(f"/cases?q={number}").headers["location"] == f"/cases/{ticket}"
    assert do(sam, f"/cases/{ticket}/note", note="hello").status_code == 422
    assert do(sam, f"/cases/{ann}/merge", into=str(number)).status_code == 422
    assert do(sam, f"/cases/{ticket}/status", status="resolved").status_code == 303
    assert order(sam.get("/cases")) == [str(ann)]


def test_a_verdict_on_an_incident_moves_the_rules_of_what_it_took_in(
    journey: Reviewing, sam: Visitor
) -> None:
    journey.execute("INSERT INTO policies (burst_all) VALUES (1)")
    complain(journey, "ann", "ben", "cem")
    incident = journey.value("SELECT id FROM cases WHERE subject LIKE 'burst:%'")
    other = journey.value(
        "INSERT INTO rules (name, audience, threshold, action) VALUES ('Rare', 'addressed', -0.9, 'ticket') RETURNING id"
    )
    journey.execute(
        "UPDATE cases SET rule_id = :rule WHERE parent_id = :incident", rule=other, incident=incident
    )
    said = done(sam, do(sam, f"/cases/{incident}/verdict", verdict="spam"))
    assert "“Rare” was right in 0 of" in said
    assert "“<bdi>Rare</bdi>”" in sam.get(f"/cases/{incident}/precision").text
