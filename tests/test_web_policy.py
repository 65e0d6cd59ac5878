"""The policy on its page: every value with its default, refused beside its field, written down, and never over somebody else's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest

from console.policy_form import FIELDS, USUAL, typed, values
from tests.journey import Journey
from tests.signing_in import OLGA, SAM, Visitor, let_in
from tests.test_policy import USUAL as HELD


@pytest.fixture
def journey(database: str) -> Iterator[Journey]:
    journey = Journey(database)
    let_in(journey, SAM, OLGA)
    yield journey
    journey.close()


@pytest.fixture
def sam(base: str) -> Visitor:
    visitor = Visitor(base)
    visitor.sign_in(SAM)
    return visitor


def plain(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def form(page: str) -> dict[str, str]:
    """The fields as a browser would send them."""
    inputs = re.findall(r"<input[^>]*>", page[page.index('class="whole-rule policy"') :])
    named = [(re.search(r'name="([^"]*)"', one), re.search(r'value="([^"]*)"', one)) for one in inputs]
    return {name[1]: unescape(value[1]) for name, value in named if name and value}


def test_the_form_says_every_value_of_the_policy_and_means_what_it_shows() -> None:
    assert set(FIELDS) == set(HELD)
    assert values(typed(HELD)) == (HELD, {})
    odd = HELD | {"due_urgent": 90, "burst_minutes": 2880, "precision_floor": 0.07, "burst_all": 100_000}
    assert values(typed(odd)) == (odd, {})


@pytest.mark.parametrize(
    ("typed_in", "said"),
    [
        ({"due_urgent": "soon"}, {"due_urgent": "'soon' is no length of time"}),
        ({"due_urgent": "0h"}, {"due_urgent": "0 min is not between 1 min and 365 d"}),
        ({"due_high": "2d"}, {"due_normal": "1 d is below “High”, 2 d: what presses less"}),
        ({"burst_all": "5"}, {"burst_all": "5 is below “Tickets about one thing” 20"}),
        ({"burst_after": "many"}, {"burst_after": "Write a whole number of tickets."}),
        ({"precision_floor": "0.5"}, {"precision_floor": "Write a whole number of percent."}),
        ({"precision_floor": "101 %"}, {"precision_floor": "100 percent at most."}),
        ({"reopen_days": "4000"}, {"reopen_days": "4,000 is not between 0 and 3,650 days."}),
        # high is compared with what urgent says, which cannot be read
        ({"due_urgent": "", "due_high": "1min"}, {"due_urgent": "'' is no length of time"}),
    ],
)
def test_what_cannot_be_taken_is_said_by_field(typed_in: dict[str, str], said: dict[str, str]) -> None:
    _, wrong = values(USUAL | typed_in)
    assert set(wrong) == set(said)
    for name, words in said.items():
        assert wrong[name].startswith(words), wrong


def test_a_changed_policy_is_written_down_and_who_saw_another_is_told(journey: Journey, sam: Visitor) -> None:
    told = form(sam.get("/rules/policy").text)
    refused = sam.post("/rules/policy", told | {"due_urgent": "2 weeks ago", "precision_floor": "-1"})
    assert refused.status_code == 422
    assert 'value="2 weeks ago"' in refused.text
    assert {'id="wrong-due_urgent"', 'id="wrong-precision_floor"'} <= set(
        re.findall(r'id="wrong-\w+"', refused.text)
    )
    assert sam.post("/rules/policy", told).status_code == 422
    assert journey.value("SELECT count(*) FROM policies") == 0
    done = sam.post("/rules/policy", told | {"due_urgent": "2h", "precision_floor": "40 %"})
    said = plain(sam.get(done.headers["location"]).text)
    assert "due, urgent: 2 h, it was 1 h; right in at least: 40 percent, it was 50." in said
    assert "default 50 percent" in said
    [row] = journey.execute("SELECT due_urgent, due_high, precision_floor FROM policies")
    assert tuple(row) == (120, 240, 0.4)
    assert (
        journey.value("SELECT detail -> 'now' ->> 'due_urgent' FROM audits WHERE by = :sam", sam=SAM) == "2 h"
    )
    stale = sam.post("/rules/policy", told | {"due_urgent": "30min"})
    assert stale.status_code == 409
    assert (
        f"{SAM} changed it meanwhile. It says now: due, urgent 2 h, right in at least 40 percent."
        in plain(stale.text)
    )
    assert sam.post("/rules/policy", form(stale.text)).status_code == 303
    assert journey.value("SELECT due_urgent FROM policies") == 30
    olga = Visitor(sam.base)
    olga.sign_in(OLGA)
    page = olga.get("/rules/policy").text
    assert "Save it" not in page
    assert "30 min" in plain(page)
    assert olga.post("/rules/policy", told | {"form": Visitor.form(olga.get("/me"))}).status_code == 403
