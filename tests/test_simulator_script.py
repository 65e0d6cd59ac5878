"""The script: seeds, scenarios and hand-written cases fit together, and nothing is shared with us."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from simulator import crm
from simulator.people import HOME_INSTANCE
from simulator.script import _lines, load
from simulator.stage import Stage
from simulator.talk import trickle
from simulator.truth import Truth

OURS = {"connectors", "models", "workers", "scheduler", "console", "local", "bench", "tests"}
SCRIPT = load(7)


def test_the_simulator_imports_nothing_of_ours() -> None:
    for path in (Path(__file__).parent.parent / "simulator").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & OURS, path


def test_the_same_seed_tells_the_same_world() -> None:
    again = load(7)
    assert again.lines == SCRIPT.lines
    assert again.cases == SCRIPT.cases


def test_another_seed_has_other_people_and_ids_but_the_same_stories() -> None:
    other = load(8)
    assert other.cases == SCRIPT.cases
    assert set(other.lines) == set(SCRIPT.lines)
    assert not {line.external_id for line in other.lines.values() if not line.by.contact_of} & {
        line.external_id for line in SCRIPT.lines.values()
    }


def test_external_ids_are_all_different() -> None:
    ids = [(line.platform, line.external_id) for line in SCRIPT.lines.values()]
    assert len(set(ids)) == len(ids)


def test_an_answer_of_a_story_names_what_it_answers_where_the_platform_does() -> None:
    for platform, names_it in (
        ("reddit", lambda top, answer: answer.startswith("t1_") and top.startswith("t3_")),
        ("youtube", lambda top, answer: answer.startswith(f"{top}.")),
        ("googleplay", lambda top, answer: answer == f"{top}#answer"),
        ("facebook", lambda top, answer: answer.split("_")[0] == top.split("_")[1]),
    ):
        said = {"text": "The box is green.", "on": platform}
        story = {"posts": [{"id": "top", **said}, {"id": "answer", "reply_to": "top", **said}]}
        top, answer = (line.external_id for line in _lines(7, {}, story, "story"))
        assert names_it(top, answer), (platform, top, answer)


def test_no_author_has_two_cases_unless_the_first_was_closed() -> None:
    seen: dict[tuple[str, str], str] = {}
    for case in SCRIPT.cases:
        opener = SCRIPT.lines[case.opener]
        author = (opener.platform, opener.by.key)
        assert case.after_closing == seen.get(author), case.key
        seen[author] = case.key


def test_every_case_has_a_level_a_reason_and_its_opener_among_its_posts() -> None:
    assert len({case.key for case in SCRIPT.cases}) == len(SCRIPT.cases)
    for case in SCRIPT.cases:
        assert case.level in {"ticket", "activity", "both"}
        assert (case.level == "both") == (case.riser is not None)
        assert case.opener in case.posts
        assert case.because


def test_what_depends_on_order_is_spread_over_acts() -> None:
    for case in SCRIPT.cases:
        opener = SCRIPT.lines[case.opener]
        opened = opener.edits[0].act if case.opener_version else opener.act
        if case.riser:
            key, _, version = case.riser.partition("@")
            line = SCRIPT.lines[key]
            assert (line.edits[int(version) - 1].act if version else line.act) > opened
        if case.after_closing:
            before = next(one for one in SCRIPT.cases if one.key == case.after_closing)
            assert opened > SCRIPT.lines[before.opener].act


def test_nothing_of_ours_no_repost_and_nothing_early_opens_a_case() -> None:
    for case in SCRIPT.cases:
        opener = SCRIPT.lines[case.opener]
        assert not opener.by.own
        assert not opener.by.competitor
        assert opener.repost_of is None
        assert opener.hours is None or opener.hours > -1
        assert opener.lang in ("en", None)
        assert opener.tongue == "en"


def test_a_ticket_is_addressed_to_us_or_written_by_a_contact_and_so_is_no_activity_unless_it_is_mild() -> (
    None
):
    for case in SCRIPT.cases:
        opener = SCRIPT.lines[case.opener]
        if case.level == "ticket":
            assert opener.rel == "addressed" or (opener.rel == "about" and opener.by.contact_of), case.key
        if case.level == "activity" and opener.rel == "addressed":
            assert opener.compound is not None
            assert opener.compound > -0.42, case.key
        elif case.level == "activity":
            assert opener.rel == "about" or opener.about, case.key


def test_whoever_addresses_us_does_so_by_the_platforms_means() -> None:
    for line in SCRIPT.lines.values():
        if line.rel != "addressed":
            continue
        parent = SCRIPT.lines.get(line.reply_to or "")
        assert "@{us}" in line.text or (parent and parent.by.own), line.key


def test_only_our_own_account_lives_on_the_server_that_is_read() -> None:
    local = {person.key for person in SCRIPT.cast.values() if person.mastodon.endswith(f"@{HOME_INSTANCE}")}
    assert local == {"us"}


def stage() -> tuple[Stage, list[datetime]]:
    moments = [datetime(2026, 11, 23, 9, 0, tzinfo=UTC)]
    return Stage(SCRIPT, lambda: moments[-1]), moments


def test_numbers_rise_from_act_to_act_and_only_late_posts_lie_below() -> None:
    played, moments = stage()
    played.release(1)
    highest = max(said.number for said in played.on("mastodon"))
    before = set(played.said)
    moments.append(moments[-1] + timedelta(seconds=30))
    played.release(2)
    below = {key for key, said in played.said.items() if key not in before and said.number < highest}
    assert below == {"late-plain", "late-angry", "late-sky"}


def test_the_first_page_of_every_listing_holds_all_of_act_one() -> None:
    played, _ = stage()
    played.release(1)
    tags = ("#tarnbeck", "#slowmornings", "#beanfriday")
    for tag in tags:
        assert sum(tag in said.text.lower() for said in played.on("mastodon")) <= 40
    assert sum("@{us}" in said.text for said in played.on("mastodon")) <= 80
    assert (
        sum("tarnbeck" in said.text.lower() or "@{us}" in said.text for said in played.on("bluesky")) <= 100
    )


def test_an_edit_and_a_deletion_happen_in_their_act() -> None:
    played, _ = stage()
    played.release(1)
    assert played.said["edit-nico"].version == 0
    assert not played.said["deleted-later"].deleted
    played.release(2)
    assert played.said["edit-nico"].version == 1
    assert "EDIT" in played.said["edit-nico"].text
    assert played.get("deleted-later") is None
    assert played.get("deleted-unseen") is None


def test_posts_before_the_start_mark_are_before_it_and_the_rest_after() -> None:
    played, _ = stage()
    played.release(4)
    for said in played.said.values():
        assert (said.created_at < played.mark) == (said.line.hours is not None and said.line.hours < -1)


def test_what_is_said_after_the_story_is_told_and_is_no_part_of_its_truth() -> None:
    played, moments = stage()
    played.release(SCRIPT.acts)
    before, truth = len(played.said), Truth(played).report()
    for line in islice(trickle(SCRIPT.seed), 3):
        moments.append(moments[-1] + timedelta(seconds=20))
        played.add(line)
    assert len(played.said) == before + 3
    assert [said.line.key for said in played.on("mastodon")][-2:] == ["trickle:0", "trickle:2"]
    assert played.said["trickle:2"].number > played.said["trickle:0"].number
    after = Truth(played).report()
    assert (after["posts"], after["complaints"]) == (truth["posts"], truth["complaints"])


def test_whatever_is_suggested_names_a_record_of_the_crm() -> None:
    held = crm.tables(stage()[0])
    known = {f"account:{row['name']}" for row in held["accounts"]}
    known |= {f"contact:{row['first_name']} {row['last_name']}" for row in held["contacts"]}
    suggested = {name for line in SCRIPT.lines.values() for name in line.suggests}
    assert len(suggested) >= 5
    assert suggested <= known
