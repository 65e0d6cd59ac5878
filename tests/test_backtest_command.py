"""`earshot rules test`: what a change of a rule would have opened, said in a sentence, a table, a picture and JSON."""

from __future__ import annotations

from pathlib import Path

from tests.command_line import Earshot
from tests.journey import FURIOUS, MILD, US, WARM, Journey, post

BAD = "northwind is bad."
"""Scores -0.54: a complaint at the shipped threshold, and none at -0.7."""
RULE = "A complaint to us"


def some_history(journey: Journey) -> None:
    """Three furious, two bad and one mild post, each by somebody else; one of the bad is marked wrong."""
    texts = [FURIOUS, FURIOUS, FURIOUS, BAD, BAD, MILD, WARM]
    journey.hear(journey.source(), *(post(f"{n}", words, by=f"p{n}", to=US) for n, words in enumerate(texts)))
    journey.execute("""
        UPDATE cases SET verdict = 'not_a_complaint', verdict_at = now()
        WHERE event_id IN (SELECT id FROM social_events WHERE external_id = '3')
    """)


def test_a_stricter_threshold_says_what_is_missing_and_that_what_was_wrong_is_gone(
    journey: Journey, cli: Earshot, tmp_path: Path
) -> None:
    some_history(journey)
    before = (
        journey.execute("SELECT * FROM rules ORDER BY id"),
        journey.execute("SELECT * FROM cases ORDER BY id"),
    )
    plot = tmp_path / "complaints.png"
    said = cli.done("rules", "test", RULE, "--threshold", "-0.7", "--plot", str(plot))
    assert said.out.startswith(
        "A complaint to us at -0.70 would have opened 3 cases in 1 day (3.0 a day); it opened 5;"
        " 1 of them was marked wrong, which would not be.\n"
    )
    assert "0 would be new, 2 would be missing" in said.out
    assert "would be an activity by Displeasure addressed to us" in said.out
    assert plot.read_bytes().startswith(b"\x89PNG")
    told = cli.done("rules", "test", RULE, "--threshold", "-0.7", "--json").json
    at = {line["value"]: (line["cases"], line["wrong"], line["precision"]) for line in told["at"]}
    assert at[-0.7] == (3, 0, None)
    assert at[-0.42] == (5, 1, 0.0)
    assert [one["what"] for one in told["differs"]] == ["missing", "missing"]
    assert before == (
        journey.execute("SELECT * FROM rules ORDER BY id"),
        journey.execute("SELECT * FROM cases ORDER BY id"),
    )


def test_all_rules_as_they_stand_open_what_was_opened_and_words_are_tried_like_a_threshold(
    journey: Journey, cli: Earshot
) -> None:
    some_history(journey)
    said = cli.done("rules", "test").out
    assert said.startswith(
        "All rules as they stand would have opened 6 cases in 1 day (6.0 a day); they opened 6."
    )
    assert "Nothing would be new and nothing missing." in said
    said = cli.done("rules", "test", RULE, "--words", "worst service", "--json").json
    assert (said["would"]["cases"], said["opened"]) == (3, 5)
    assert "is none of addressed" in cli.refused("rules", "test", RULE, "--audience", "everybody", code=2)


def test_a_history_that_is_empty_a_stretch_before_it_and_a_rule_that_opens_nothing_are_a_sentence_each(
    journey: Journey, cli: Earshot
) -> None:
    assert "nothing to test on: none ever was." in cli.refused("rules", "test", RULE)
    journey.hear(journey.source(), post("1", WARM, to=US))
    early = cli.refused("rules", "test", RULE, "--since", "2020-01-01", "--until", "2020-02-01")
    assert "between 2020-01-01 00:00 and 2020-02-01 00:00 UTC" in early
    assert "the first is of 20" in early
    said = cli.done("rules", "test", RULE, "--threshold", "-0.9").out
    assert said.startswith("A complaint to us at -0.90 would have opened no case in 1 day; it opened none.")


def test_what_cannot_be_tested_is_refused_with_the_reason(journey: Journey, cli: Earshot) -> None:
    for words, reason in (
        (("test", "--threshold", "-0.5"), "of which rule?"),
        (("test", RULE, "--since", "1d", "--until", "2d"), "must lie before"),
        (("test", RULE, "--all"), "name one rule"),
        (("test", RULE, "--threshold", "-3"), "is no score"),
    ):
        assert reason in " ".join(cli.refused("rules", *words, code=2).split())
    for words, reason in (
        (("test", RULE, "--action", "lead"), "opens no case"),
        (("test", RULE, "--plot", "picture.txt"), "no picture's name"),
        (("test", "nonsense"), "No rule"),
    ):
        assert reason in cli.refused("rules", *words)
