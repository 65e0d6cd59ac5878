"""`earshot policy`: one row an organisation, shown as it holds and refused where it cannot."""

from __future__ import annotations

from tests.command_line import Earshot, rows

USUAL = {
    "burst_after": 20, "burst_all": 100, "burst_minutes": 60, "reopen_days": 14, "precision_floor": 0.5,
    "precision_least": 20, "due_urgent": 60, "due_high": 240, "due_normal": 1440, "due_low": 4320,
}  # fmt: skip


def test_the_policy_is_the_usual_one_until_it_is_set_and_a_change_leaves_the_rest(
    cli: Earshot, database: str
) -> None:
    assert cli.done("policy", "show", "--json").json == {"org": "main", **USUAL}
    rows(database, "INSERT INTO policies (org_id) VALUES ('other')")
    [row] = rows(database, "SELECT * FROM policies")
    assert {name: getattr(row, name) for name in USUAL} == USUAL
    cli.done("policy", "set", "--burst-window", "2h", "--reopen-within", "1w")
    told = cli.done("policy", "set", "--burst-after", "5", "--precision-floor", "0", "--json").json
    assert (told["done"], told["before"]["burst_after"]) == ("changed", 20)
    now = USUAL | {"burst_after": 5, "burst_minutes": 120, "reopen_days": 7, "precision_floor": 0.0}
    assert cli.done("policy", "show", "--json").json == {"org": "main", **now}
    assert cli.done("policy", "set", "--burst-after", "5", "--json").json["done"] == "same"
    cli.done("policy", "set", "--due-urgent", "90min", "--due-high", "8h")
    shown = cli.done("policy", "show").out
    assert "urgent after 90 min, high after 8 h, normal after 1 d, low and activities after 3 d" in shown
    assert "after 5 tickets of one campaign, keyword or account within 120 minutes" in shown
    assert "again within 7 days of its end" in shown


def test_a_policy_that_cannot_hold_is_refused_with_all_that_is_wrong(cli: Earshot, database: str) -> None:
    told = cli.refused(
        "policy", "set", "--burst-after", "0", "--burst-window", "0min", "--precision-floor", "1.5",
        "--precision-least", "-1", "--reopen-within", "9999d", code=2,
    )  # fmt: skip
    for reason in (
        "Burst after: 0 is not between 1 and", "Burst window: 0 is not between 1", "Precision floor: 1.5 is no share",
        "Precision least: -1 is not between", "Reopen within: 9,999 is not between 0 and 3,650 days",
    ):  # fmt: skip
        assert reason in told, told
    assert "is below --burst-after 20" in cli.refused("policy", "set", "--burst-all", "5", code=2)
    told = cli.refused("policy", "set", "--due-urgent", "0min", "--due-high", "2d", "--due-low", "5h", code=2)
    assert "Due urgent: 0 is not between 1 and 525,600 minutes." in told
    assert (
        "Due normal: 1,440 minutes is below --due-high 2,880: what presses less would be due before" in told
    )
    assert "like 60min" in cli.refused("policy", "set", "--burst-window", "soon", code=2)
    assert "nothing to change" in cli.refused("policy", "set", code=2)
    assert rows(database, "SELECT * FROM policies") == []
