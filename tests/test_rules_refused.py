"""`earshot rules add`: what can never work is refused, everything at once, with the option and the reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from connectors import connectors
from console.refusal import BadInput
from console.rule_known import kinds_of
from console.rule_values import CODES, checked
from tests.command_line import Earshot, earshot, rows
from tests.conftest import Servers

KINDS = frozenset[str]().union(*map(kinds_of, connectors()))
POST = {"name": "x y", "action": "ticket", "audience": "named", "threshold": -0.4}
TELLS = {"name": "x y", "action": "notify", "audience": "addressed"}
MEAN = {
    "name": "x y", "action": "ticket", "trigger": "mean", "threshold": -0.2, "rearm": 0.0, "window_hours": "24h",
    "minimum": 30,
}  # fmt: skip
SPIKE = {
    "name": "x y",
    "action": "notify",
    "trigger": "spike",
    "factor": 3,
    "window_hours": "3h",
    "minimum": 50,
}


@pytest.fixture(scope="module")
def refusing(servers: Servers, shared_folder: Path) -> Iterator[Earshot]:
    """An organisation with a source on X, and nothing that it could be asked for besides."""
    with servers.new_database() as (fleet, _):
        rows(
            fleet,
            "INSERT INTO sources (org_id, platform, kind, term, host, every) VALUES"
            " ('main', 'x', 'search', 'acme', 'https://api.x.com', 60)",
        )
        yield earshot(shared_folder / "nowhere", database_url=fleet)


@pytest.mark.parametrize("rule", [POST, TELLS, MEAN, SPIKE], ids=["post", "tells", "mean", "spike"])
def test_what_is_refused_below_is_refused_for_that_alone(rule: dict[str, object]) -> None:
    assert checked(rule).name == "x y"


@pytest.mark.parametrize(
    ("rule", "more", "reason"),
    [
        (POST, {"name": "x" * 81}, "Name: a name of 81 characters"),
        (POST, {"rating": 6}, "Stars: 6 is not between"),
        (POST, {"words": [f"word {n}" for n in range(101)]}, "Words: 101 phrases are too many"),
        (POST, {"words": ["x" * 81]}, "Words: a phrase of 81 characters"),
        (POST, {"platforms": ["reddit", "myspace"]}, "Platform: 'myspace' is none of appstore"),
        (POST, {"platforms": list(connectors())}, "Platform: these are all that Earshot follows"),
        (POST, {"kinds": ["hashtag", "hash"]}, "Kind: 'hash' is none of"),
        (POST, {"platforms": ["reddit"], "kinds": ["reviews"]}, "Kind: nothing of the kind reviews is followed on reddit"),
        (POST, {"kinds": sorted(KINDS)}, "Kind: these are all kinds that there are"),
        (POST, {"languages": ["english"]}, "Language: 'english' is no code"),
        (POST, {"languages": sorted(CODES)}, "Language: these are all languages"),
        (POST, {"languages": ["de", "fr"]}, "Language: only English is scored, so nothing in de or fr falls"),
        (MEAN, {"languages": ["de"]}, "Language: only English is scored"),
        (POST, {"trigger": "often"}, "Trigger: 'often' is none of post, mean, spike"),
        (POST, {"window_hours": "3h"}, "Over: only a rule over a mean (--trigger mean) or a spike (--trigger spike) looks"),
        (POST, {"rearm": 0.0}, "Rearm: only a rule over a mean"),
        (POST, {"minimum": 3}, "Minimum: only a rule over a mean (--trigger mean) or a spike"),
        (SPIKE, {"rearm": 0.0}, "Rearm: only a rule over a mean"),
        (SPIKE, {"threshold": -0.2}, "Threshold: a spike is one of all posts, or with --threshold -0.05 one"),
        (SPIKE, {"max_age_hours": "3d"}, "Max age: only a rule over single posts"),
        (MEAN, {"factor": 3}, "Factor: only a rule over a spike"),
        (MEAN, {"rating": 2}, "Stars: the hours are counted by platform"),
        (MEAN, {"sources": [UUID(int=1)]}, "Source: the hours are counted by"),
        (MEAN, {"words": ["late"]}, "Words: the hours are counted by"),
        (MEAN, {"kinds": ["hashtag"]}, "Kind: the hours are counted by"),
        (MEAN, {"audience": "addressed"}, "Audience: the hours count every"),
        (MEAN, {"campaigns": [UUID(int=1)], "accounts": [UUID(int=2)]}, "Account: the hours are counted by account or"),
        (MEAN, {"per_day": 3}, "Per day: a mean or a spike fires once"),
        (MEAN, {"action": "lead"}, "Action: a lead is made of one author's post"),
        (MEAN, {"window_hours": "0h"}, "Over: a window of 0 hours has no post in it"),
        (MEAN, {"window_hours": "90d"}, "Over: a window of 2160 hours is too long"),
        (MEAN, {"window_hours": "90min"}, "Over: '90min' is no length of time; write it like 3h"),
        (MEAN, {"window_hours": None}, "Over: over how long?"),
        (MEAN, {"rearm": -0.2}, "Rearm: -0.2 is not above the threshold of -0.2"),
        (MEAN, {"rearm": float("nan")}, "Rearm: nan is no score"),
        (MEAN, {"rearm": None}, "Rearm: to what must the mean rise"),
        (MEAN, {"minimum": None}, "Minimum: how many posts must there be"),
        (SPIKE, {"minimum": 0}, "Minimum: 0 is not between 1 and"),
        (SPIKE, {"factor": 1}, "Factor: 1 times as much is no spike"),
        (SPIKE, {"factor": float("inf")}, "Factor: inf times as much is no spike"),
        (SPIKE, {"factor": None}, "Factor: how many times"),
        (POST, {"max_age_hours": "0d"}, "Max age: 0 hours are not between"),
        (POST, {"quiet": "22:00"}, "Quiet: '22:00' has no end"),
        (POST, {"quiet": "22:00-"}, "Quiet: '22:00-' has no end"),
        (POST, {"quiet": "22:00-25:00"}, "Quiet: '25:00' is no time of day"),
        (POST, {"quiet": "07:00-7:00"}, "Quiet: from 07:00 to 7:00 is no time at all"),
        (POST, {"quiet": "22:00-07:00", "quiet_zone": "Europe/Berln"}, "Zone: 'Europe/Berln' is no time zone"),
        (POST, {"quiet_zone": "Europe/Berlin"}, "Zone: a time zone is for quiet hours"),
        (POST, {"assign": "rotation"}, "Assign: among whom?"),
        (TELLS, {"assign": "rotation", "assignees": [UUID(int=1)]}, "Assign: a rule that opens no ticket"),
        (TELLS, {"per_day": 3}, "Per day: only a rule that opens something"),
        (TELLS, {"action": "lead", "quiet": "22:00-07:00"}, "Quiet: a rule that makes leads tells nobody"),
        (POST, {"assign": "whoever"}, "Assign: 'whoever' is none of account, rotation"),
    ],
)  # fmt: skip
def test_what_can_never_work_is_refused_with_the_option_and_the_reason(
    rule: dict[str, object], more: dict[str, object], reason: str
) -> None:
    with pytest.raises(BadInput) as refused:
        checked(rule | more)
    assert str(refused.value).startswith(reason), refused.value


def test_a_rule_that_matches_everything_is_refused_unless_it_is_meant(refusing: Earshot) -> None:
    every = ("rules", "add", "Every", "--action", "ticket", "--audience", "named", "--threshold")
    for threshold in ("1", "0.9"):
        told = refusing.refused(*every, threshold, code=2)
        assert told.startswith(f"earshot: Threshold: at +{threshold}")
        assert "matches everything" in told
    assert "matches everything" in refusing.refused(
        *every[:3], "--action", "notify", "--audience", "named", code=2
    )
    assert "opens a ticket" in refusing.done(*every, "1", "--broad").out
    assert "urgent" in refusing.done("rules", "set", "Every", "--priority", "urgent").out
    assert "matches everything" in refusing.refused("rules", "set", "Bad talk", "--threshold", "1", code=2)
    refusing.done("rules", "remove", "Every")


def test_all_of_it_is_refused_at_once_and_whom_nobody_knows_as_well(refusing: Earshot) -> None:
    told = refusing.refused(
        "rules", "add", "X y", "--action", "ticket", "--trigger", "mean", "--threshold", "-2", "--platform", "myspace",
        "--campaign", "Spring", "--account", "Acme", "--source", "acme2", "--owner", "no@body.example",
        "--assign", "ann@us.example,bob@us.example", "--over", "0h", "--factor", "1", "--quiet", "22:00",
        "--zone", "Mars/North", code=2,
    )  # fmt: skip
    for reason in (
        "Threshold: -2 is no score", "Platform: 'myspace'", "Source: no source of main is called 'acme2'",
        "Campaign: no campaign of main is called 'Spring'", "Account: no account of main is called 'Acme'",
        "Over: a window of 0 hours", "Rearm: to what", "Minimum: how many", "Factor: only a rule over a spike",
        "Owner: no user of main has the e-mail address no@body.example",
        "Assign: no user of main has the e-mail address ann@us.example", "e-mail address bob@us.example",
        "Quiet: '22:00' has no end", "Zone: 'Mars/North' is no time zone",
    ):  # fmt: skip
        assert reason in told, (reason, told)


def test_a_source_of_one_platform_is_refused_for_another(refusing: Earshot) -> None:
    words = ("rules", "add", "X y", "--action", "ticket", "--audience", "named", "--threshold", "-0.4")
    told = refusing.refused(*words, "--source", "acme", "--platform", "reddit", code=2)
    assert "Source: what a source of x brings is never on reddit" in told
    told = refusing.refused(*words, "--source", "acme", "--kind", "reviews", code=2)
    assert "Kind: nothing of the kind reviews is followed on x" in told
    told = refusing.refused(*words, "--assign", "", code=2)
    assert "Assign: among whom?" in told
