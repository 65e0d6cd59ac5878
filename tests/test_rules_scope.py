"""Which rules a post is compared with: those of its scope whose threshold, stars or words it may meet, and no others."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID

import pytest

from tests.test_stars import heard
from workers.rule import Crossings, Rule, Rules

AUDIENCES = ("addressed", "named", "customer")
CAMPAIGNS = [UUID(int=n) for n in range(100)]
SCOPES: dict[str, tuple[frozenset[Any], dict[str, object], dict[str, object]]] = {
    "platforms": (frozenset({"x"}), {"ref": ("x", "1")}, {"ref": ("reddit", "1")}),
    "kinds": (frozenset({"hashtag"}), {"kinds": frozenset({"hashtag", "search"})}, {"kinds": frozenset()}),
    "sources": (frozenset({UUID(int=7)}), {"sources": frozenset({UUID(int=7)})}, {"sources": frozenset()}),
    "campaigns": (frozenset({UUID(int=7)}), {"about": frozenset({UUID(int=7)})}, {"about": frozenset()}),
    "accounts": (frozenset({UUID(int=7)}), {"about": frozenset({UUID(int=7)})}, {"about": frozenset()}),
    "languages": (frozenset({"en"}), {"lang": "en"}, {"lang": None}),
}


def rule(n: int, **given: Any) -> Rule:
    usual: dict[str, Any] = {"audience": "addressed", "threshold": -0.4, "action": "ticket"}
    return Rule(id=UUID(int=n), name=f"{n}", priority="normal", **(usual | given))


def test_a_post_is_compared_with_the_rules_of_its_scope_only() -> None:
    rules = Rules(rule(n, campaigns=frozenset({campaign})) for n, campaign in enumerate(CAMPAIGNS))
    low = heard(None, -0.9, about=frozenset(CAMPAIGNS[3:5]))
    assert {one.name for one in rules.compared_with(low)} == {"3", "4"}
    assert rules.compared_with(heard(None, -0.9)) == []
    assert rules.compared_with(heard(None, -0.3, about=frozenset(CAMPAIGNS))) == []
    steps = Rules(rule(n, threshold=-n / 10) for n in range(10))
    assert {one.name for one in steps.compared_with(heard(None, -0.5))} == {"0", "1", "2", "3", "4", "5"}


def test_a_post_is_compared_with_those_rules_only_whose_stars_or_words_it_may_have() -> None:
    starred = [rule(n, rating=2, threshold=1.0) for n in range(100)]
    spoken = [rule(100 + n, words=(f"word{n} of it", "late again")) for n in range(100)]
    foreign = rule(200, words=("返金",))
    rules = Rules([*starred, *spoken, foreign])
    assert rules.compared_with(heard(None, -0.9, text="nothing to the matter")) == [foreign]
    assert {one.name for one in rules.compared_with(heard(None, -0.9, text="Word7, of  it"))} == {
        "107",
        "200",
    }
    assert rules.compared_with(heard(2, 0.9)) == Rules(starred).compared_with(heard(2, 0.9)) == starred
    assert rules.compared_with(heard(3, 0.9)) == []


@pytest.mark.parametrize("scope", SCOPES)
def test_each_scope_takes_what_is_in_it_and_nothing_else(scope: str) -> None:
    wanted, inside, outside = SCOPES[scope]
    rules = Rules([rule(1, **{scope: wanted})])
    assert [one.id for one in rules.crossed_by(heard(None, -0.9, **inside))] == [UUID(int=1)]
    assert rules.crossed_by(heard(None, -0.9, **outside)) == []


def test_no_shelf_hides_a_rule_that_a_post_crosses() -> None:
    luck = random.Random(5)
    phrases = ("late again", "don’t buy", "STRASSE", "#fail", "返金", "ﬁne", "c++", "não", "a_b")
    made = []
    for n in range(300):
        given: dict[str, Any] = {"threshold": luck.choice((-0.5, 0.0, 0.4, 1.0))}
        for scope in luck.sample(list(SCOPES), luck.choice((0, 1, 1, 2))):
            given[scope] = SCOPES[scope][0]
        if luck.random() < 0.5:
            given["words"] = tuple(luck.sample(phrases, luck.randint(1, 3)))
        if luck.random() < 0.2:
            given["rating"] = luck.randint(1, 5)
        given |= {"audience": luck.choice(AUDIENCES), "action": luck.choice(("ticket", "activity", "notify"))}
        made.append(rule(n, **given))
    rules, crossings = Rules(made), 0
    for _ in range(400):
        facts: dict[str, object] = {}
        for scope in SCOPES:
            facts |= SCOPES[scope][luck.choice((1, 1, 2))]
        text = " ".join(luck.choice((phrase, phrase.upper(), "and", "x" + phrase)) for phrase in phrases)
        facts |= {of: luck.random() < 0.7 for of in ("addressed", "about_us", "named", "customer")}
        post = heard(luck.choice((None, 1, 4)), luck.choice((None, -0.9, -0.5, 0.2)), text=text, **facts)
        crossed = sorted((one for one in made if one.crossed_by(post)), key=lambda one: one.order)
        assert rules.crossed_by(post) == Crossings(rules, [post]).crossed_by(post) == crossed
        crossings += len(crossed)
    assert crossings > 1_000


def test_words_alone_open_what_has_no_score() -> None:
    """A text in a language that is not scored: its words may be asked for all the same."""
    rules = Rules([rule(1, threshold=1.0, words=("rückerstattung",)), rule(2, words=("rückerstattung",))])
    crossed = rules.crossed_by(heard(None, None, text="Wo bleibt die RÜCKERSTATTUNG?"))
    assert [one.id for one in crossed] == [UUID(int=1)]
