"""Rules and suggestions on their pages: what a threshold would have opened, the crisis switch, what people decide and take back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import urlencode

import pytest

from console.rule_form import FIELDS, seen, typed, values
from console.rules import rules, set_rule, the_rule
from tests.journey import FURIOUS, MILD, Journey, at
from tests.signing_in import OLGA, SAM, Visitor, let_in
from tests.stream_rows import post
from workers.verdict import judge


@pytest.fixture
def journey(database: str) -> Iterator[Journey]:
    journey = Journey(database)
    let_in(journey, SAM, OLGA)
    journey.execute("SELECT shipped_rules('main')")
    yield journey
    journey.close()


@pytest.fixture
def sam(base: str) -> Visitor:
    visitor = Visitor(base)
    visitor.sign_in(SAM)
    return visitor


def complaint(journey: Journey) -> str:
    return str(journey.value("SELECT id FROM rules WHERE name = 'A complaint to us'"))


def test_a_threshold_is_changed_on_the_page_and_who_saw_another_is_told(
    journey: Journey, sam: Visitor
) -> None:
    rule = complaint(journey)
    path, page = f"/rules/{rule}", sam.get(f"/rules/{rule}").text
    form = sam.form(sam.get(path))
    was = re.findall(r'name="was" value="([^"]+)"', page)[0]
    refused = sam.post(f"{path}/threshold", {"form": form, "was": was, "threshold": "-7"})
    assert (refused.status_code, 'value="-7"' in refused.text) == (422, True)
    assert sam.post(f"{path}/threshold", {"form": form, "was": was, "threshold": "-0.5"}).status_code == 303
    stale = sam.post(f"{path}/threshold", {"form": form, "was": was, "threshold": "-0.3"})
    assert (stale.status_code, "-0.50 meanwhile" in stale.text) == (409, True)
    assert journey.value("SELECT threshold FROM rules WHERE id = :id", id=rule) == -0.5
    olga = Visitor(sam.base)
    olga.sign_in(OLGA)
    assert "Set it" not in olga.get(path).text


def test_a_rule_that_only_suggests_says_whose_verdict_tipped_it(journey: Journey, sam: Visitor) -> None:
    rule = complaint(journey)
    journey.execute("INSERT INTO policies (org_id, precision_least) VALUES ('main', 2)")
    cases = [
        journey.value(
            "INSERT INTO cases (subject, level, rule_id) VALUES (:subject, 'activity', :rule) RETURNING id",
            subject=f"post:x:{n}",
            rule=rule,
        )
        for n in range(2)
    ]
    for case, by in zip(cases, (OLGA, SAM), strict=True):
        with journey.sessions() as session, session.begin():
            judge(session, "main", case, "spam", by)
    told = plain(sam.get(f"/rules/{rule}").text)
    assert "only suggests since" in told
    assert f"The verdict that tipped it was {SAM}'s." in told
    assert "only suggests" in plain(sam.get("/rules").text)


def test_a_switch_holds_back_says_why_and_is_turned_off(journey: Journey, sam: Visitor) -> None:
    form = sam.form(sam.get("/rules"))
    given = {"form": form, "of": "platform:x", "hours": "3", "reason": "bots"}
    for wrong in (
        {"of": ""},
        {"hours": "0"},
        {"reason": " "},
        {"of": "platform:elsewhere"},
        {"of": "campaign:1"},
    ):
        assert sam.post("/rules/crisis", given | wrong).status_code == 422
    assert journey.value("SELECT count(*) FROM holds") == 0
    assert sam.post("/rules/crisis", given).status_code == 303
    again = sam.post("/rules/crisis", given)
    assert (again.status_code, "is on until" in again.text) == (422, True)
    switch = journey.value("SELECT id FROM holds WHERE by = :sam", sam=SAM)
    assert "bots" in sam.get("/rules").text
    assert "It holds nothing back" in sam.get(f"/rules/crisis/{switch}").text
    assert sam.post(f"/rules/crisis/{switch}/release", {"form": form}).status_code == 303
    assert journey.value("SELECT released_by FROM holds") == SAM
    assert [row.what for row in journey.execute("SELECT what FROM audits ORDER BY at, id")] == [
        "held back",
        "released",
    ]


def test_another_organisations_rule_and_switch_are_not_there(journey: Journey, sam: Visitor) -> None:
    journey.execute("SELECT shipped_rules('theirs')")
    theirs = journey.value("SELECT id FROM rules WHERE org_id = 'theirs' LIMIT 1")
    switch = journey.value(
        "INSERT INTO holds (org_id, of, platform, until, reason, by)"
        " VALUES ('theirs', 'platform', 'x', now() + interval '1 hour', 'why', 'them') RETURNING id"
    )
    form = sam.form(sam.get("/rules"))
    assert sam.get(f"/rules/{theirs}").status_code == 404
    assert sam.post(f"/rules/{theirs}/switch", {"form": form, "on": "no"}).status_code == 404
    assert sam.get(f"/rules/crisis/{switch}").status_code == 404
    assert sam.post(f"/rules/crisis/{switch}/release", {"form": form}).status_code == 404
    held = {"form": form, "of": f"rule:{theirs}", "hours": "3", "reason": "theirs"}
    assert sam.post("/rules/crisis", held).status_code == 422


def test_a_rule_without_history_says_so_and_one_with_it_is_drawn(journey: Journey, sam: Visitor) -> None:
    path = f"/rules/{complaint(journey)}/test"
    assert "nothing" in sam.get(path).text.casefold()
    mood = journey.value(
        "INSERT INTO rules (name, audience, threshold, action, trigger, window_hours, rearm, minimum)"
        " VALUES ('Mood', 'named', -0.2, 'ticket', 'mean', 24, 0.05, 30) RETURNING id"
    )
    journey.execute(
        "INSERT INTO hours (org_id, scope, hour, platform, language, voice, n, scored, sum)"
        " VALUES ('main', 'all', date_trunc('hour', now() - interval '2 days'), 'x', 'en', 'earned', 40, 40, -20)"
    )
    page = sam.get(f"/rules/{mood}/test").text
    assert "Mood as it stands would have fired once in 2 days; it opened none." in plain(page)
    assert 'data-name="Value" class="number">-0.50' in page
    assert "What it would have fired" in sam.get(f"/rules/{mood}").text


def plain(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def form_of(page: str) -> dict[str, str]:
    """What the whole form of a rule has in it."""
    form = page[page.index('class="whole-rule"') :]
    told = {
        name: unescape(value)
        for name, value in re.findall(r'<input [^>]*name="(\w+)"[^>]* value="([^"]*)"', form)
    }
    told |= {
        name: unescape(value)
        for name, value in re.findall(r'<textarea [^>]*name="(\w+)"[^>]*>([^<]*)<', form)
    }
    for name, options in re.findall(r'<select [^>]*name="(\w+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        told[name] = re.findall(r'value="(\w+)" selected', options)[0]
    return told


def test_every_rule_goes_through_its_form_unchanged(journey: Journey) -> None:
    campaign = journey.value(
        "INSERT INTO campaigns (org_id, name) VALUES ('main', 'Spring, and more') RETURNING id"
    )
    journey.execute("INSERT INTO users (org_id, name, email) VALUES ('main', 'Ann', 'ann@acme.example')")
    journey.execute(
        "INSERT INTO campaigns (org_id, name) VALUES ('main', 'Spring, and more')"
    )  # another of the name
    said = "INSERT INTO rules (org_id, name, audience, threshold, action, priority,"
    journey.execute(
        f"{said} words, campaigns, accounts, platforms, assign, assignees, quiet_from, quiet_to, quiet_zone, max_age_hours,"
        " per_day, owner_id) SELECT 'main', 'All of it', 'named', 1, 'ticket', 'high', ARRAY['refund', 'money back'],"
        " ARRAY[CAST(:campaign AS uuid)], ARRAY[gen_random_uuid()], ARRAY['x', 'reddit'], 'rotation', ARRAY[id], '22:00',"
        " '07:30', 'Europe/Berlin', 36, 9, id FROM users WHERE email = 'ann@acme.example'",
        campaign=campaign,
    )
    for more, of in (
        (
            "trigger, window_hours, rearm, minimum",
            "'Mood', 'named', -0.2, 'notify', 'low', 'mean', 24, 0.05, 30",
        ),
        (
            "trigger, window_hours, factor, minimum",
            "'Storm', 'named', 1, 'ticket', 'low', 'spike', 3, 2.5, 50",
        ),
        ("rating", "'Stars', 'addressed', 1, 'ticket', 'normal', 2"),
    ):
        journey.execute(f"{said} {more}) VALUES ('main', {of})")
    with journey.sessions() as session:
        for rule in rules(session, "main"):
            if rule["name"] == "All of it":  # its account is gone, and is kept as such
                assert typed(rule)["accounts"] == str(rule["accounts"][0])
            before, after = set_rule(session, "main", str(rule["id"]), values(typed(rule), rule), broad=True)
            assert before == after
        session.rollback()
    assert len(FIELDS) == len(set(FIELDS))


def test_a_rule_is_changed_by_its_form_after_its_back_test_and_refusals_stand_beside_their_fields(
    journey: Journey, sam: Visitor
) -> None:
    source = journey.source()
    journey.own("acme@town.example")
    journey.hear(source, post("1", FURIOUS, at(1), "zoe"), post("2", MILD, at(2), "ann"))
    journey.execute("UPDATE social_events SET addressed = true")
    path = f"/rules/{complaint(journey)}"
    told = form_of(sam.get(f"{path}/edit").text)
    wrong = {
        "threshold": "-7",
        "per_day": "many",
        "quiet": "22:00",
        "owner_id": "nobody@acme.example",
        "rearm": "0",
    }
    wrong |= {"platforms": "myspace", "campaigns": "Nowhere", "name": ""}
    page = sam.get(f"{path}/edit?{urlencode(told | wrong)}")
    assert page.status_code == 422
    for field in wrong:
        assert re.search(
            rf'id="{field}" [^>]*aria-invalid="true" aria-describedby="wrong-{field}"', page.text
        ), field
        assert re.search(rf'id="wrong-{field}" role="alert">[^<]', page.text), field
    assert not re.search(r"--\w", plain(page.text))
    assert 'value="many"' in page.text
    milder = told | {"threshold": "-0.2", "priority": "urgent", "max_age_hours": "3d"}
    shown = sam.get(f"{path}/edit?{urlencode(milder)}").text
    assert "scores -0.20 or less opens a ticket of urgent priority" in plain(shown)
    [part] = re.findall(r'id="test-part" hx-get="([^"]+)"', shown)
    tried = sam.get(unescape(part)).text
    assert "at -0.20 and with other priority and max age hours would have opened" in plain(tried)
    assert (tried.count('<g class="now">'), tried.count('<g class="here">')) == (1, 1)
    assert journey.value("SELECT count(*) FROM rules WHERE priority = 'urgent'") == 0
    fields = milder | {"form": sam.form(sam.get("/rules"))}
    assert sam.post(f"{path}/edit", fields | {"threshold": "1"}).status_code == 422
    assert sam.post(f"{path}/edit", fields).status_code == 303
    [note] = journey.execute("SELECT what, of, said, detail FROM audits")
    assert (note.what, note.of, note.detail["now"]) == (
        "changed",
        "rule",
        "priority urgent, threshold -0.2, max age 72h",
    )
    assert journey.execute(
        "SELECT threshold, priority, max_age_hours FROM rules WHERE id = :id", id=complaint(journey)
    ) == [(-0.2, "urgent", 72)]
    stale = sam.post(f"{path}/edit", fields | {"priority": "low"})
    assert (stale.status_code, f"{SAM} changed it meanwhile. It says now:" in plain(stale.text)) == (
        409,
        True,
    )
    assert form_of(stale.text)["priority"] == "low"
    assert sam.get(f"{path}/edit?{urlencode(milder | {'priority': 'low'})}").status_code == 409


def test_a_new_rule_is_tried_then_added_and_one_of_a_known_name_is_not(
    journey: Journey, sam: Visitor
) -> None:
    told = form_of(sam.get("/rules/new").text) | {
        "name": "Refunds",
        "words": "refund\nmoney back, please",
        "quiet": "22:00–07:00",
    }
    page = sam.get(f"/rules/new?{urlencode(told)}").text
    assert 'says "refund" or "money back, please" opens a ticket of normal priority' in plain(page)
    [part] = re.findall(r'id="test-part" hx-get="([^"]+)"', page)
    assert "nothing" in sam.get(unescape(part)).text.casefold()
    assert (
        "there is nothing to test" in sam.get(unescape(part).replace("action=ticket", "action=notify")).text
    )
    form = sam.form(sam.get("/rules"))
    before = journey.value("SELECT count(*) FROM rules")
    broad = sam.post("/rules/new", told | {"form": form, "words": "", "threshold": "0.5"})
    assert (broad.status_code, "this matches everything" in broad.text, 'name="broad"' in broad.text) == (
        422,
        True,
        True,
    )
    taken = sam.post("/rules/new", told | {"form": form, "name": "a complaint to US"})
    assert (taken.status_code, 'id="wrong-name"' in taken.text) == (422, True)
    added = sam.post("/rules/new", told | {"form": form})
    assert added.status_code == 303
    assert journey.value("SELECT count(*) FROM rules") == before + 1
    assert "Refunds is a rule now" in plain(sam.get(added.headers["location"]).text)
    with journey.sessions() as session:
        made = the_rule(session, "main", "Refunds")
    assert (made["words"], made["quiet_from"], made["threshold"]) == (
        ["refund", "money back, please"],
        "22:00",
        1.0,
    )
    olga = Visitor(sam.base)
    olga.sign_in(OLGA)
    assert "whole-rule" not in olga.get("/rules/new").text


def test_a_rule_is_taken_away_after_it_said_who_waits_for_it_and_the_last_one_stays(
    journey: Journey, sam: Visitor
) -> None:
    rule = complaint(journey)
    hold = journey.value(
        "INSERT INTO holds (of, platform, until, reason, by)"
        " VALUES ('platform', 'x', now() + interval '1 hour', 'why', 'sam') RETURNING id"
    )
    journey.execute(
        "INSERT INTO social_events (platform, rule_id, hold_id) VALUES ('x', :rule, :hold)",
        rule=rule,
        hold=hold,
    )
    page = sam.get(f"/rules/{rule}/remove")
    told = {"form": sam.form(page), "seen": re.findall(r'name="seen" value="([^"]+)"', page.text)[0]}
    assert "1 post that crossed it waits for a crisis switch." in plain(page.text)
    assert "It has opened no case." in plain(page.text)
    with journey.sessions() as session, session.begin():
        set_rule(session, "main", rule, {"threshold": -0.6})
    stale = sam.post(f"/rules/{rule}/remove", told)
    assert (stale.status_code, "-0.60" in stale.text) == (409, True)
    told["seen"] = re.findall(r'name="seen" value="([^"]+)"', stale.text)[0]
    done = sam.post(f"/rules/{rule}/remove", told)
    assert done.status_code == 303
    said = plain(sam.get(done.headers["location"]).text)
    assert "A complaint to us is no rule any more; what it opened stays. 1 post that" in said
    assert journey.execute("SELECT by, what FROM audits WHERE of_id = :id", id=rule) == [(SAM, "removed")]
    assert sam.get(f"/rules/{rule}").status_code == 404
    last = journey.value("SELECT id FROM rules ORDER BY name LIMIT 1")
    journey.execute("DELETE FROM rules WHERE id <> :last", last=last)
    page = sam.get(f"/rules/{last}/remove")
    assert "It is the last rule." in plain(page.text)
    with journey.sessions() as session:
        told["seen"] = seen(rules(session, "main")[0])
    assert sam.post(f"/rules/{last}/remove", told).status_code == 422
    assert journey.value("SELECT count(*) FROM rules") == 1
