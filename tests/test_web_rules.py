"""Rules and suggestions on their pages: what a threshold would have opened, the crisis switch, what people decide and take back."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.journey import Journey
from tests.serving import web
from tests.signing_in import OLGA, SAM, Visitor, let_in


@pytest.fixture
def journey(database: str) -> Iterator[Journey]:
    journey = Journey(database)
    let_in(journey, SAM, OLGA)
    journey.execute("SELECT shipped_rules('main')")
    yield journey
    journey.close()


@pytest.fixture
def base(journey: Journey) -> Iterator[str]:
    with web(journey.url) as address:
        yield address


@pytest.fixture
def sam(base: str) -> Visitor:
    visitor = Visitor(base)
    visitor.sign_in(SAM)
    return visitor


def the_rule(journey: Journey) -> str:
    return str(journey.value("SELECT id FROM rules WHERE name = 'A complaint to us'"))


def test_a_threshold_is_changed_on_the_page_and_who_saw_another_is_told(
    journey: Journey, sam: Visitor
) -> None:
    rule = the_rule(journey)
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
    path = f"/rules/{the_rule(journey)}/test"
    assert "nothing" in sam.get(path).text.casefold()
