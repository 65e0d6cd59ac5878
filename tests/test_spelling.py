"""When a run of words is the name, when it may be another's, and when it is none."""

from __future__ import annotations

import pytest

from workers.folding import spans_of
from workers.spelling import spelt, stands_alone


def judged(name: str, text: str) -> str | None:
    """What is said of the first place where the name's letters stand."""
    starts = text.casefold().index(name.casefold())
    words = [starts + end for _, end in spans_of(text[starts : starts + len(name)])]
    if not stands_alone(text, starts, words[:6][-1]):
        return None
    stands = spelt(text, starts, words[:6][-1], name)
    return stands and stands[1]


@pytest.mark.parametrize(
    "text",
    [
        "Brightwell was late",
        "Thanks Brightwell!",
        "my brightwell order",
        "I hate Brightwell Support",
        "ANOTHER BRIGHTWELL DELAY AGAIN",
        "Elquist/Brightwell, same queue",
        "Brightwell. Never again.",
        "it was Brightwell I think",
        "(Brightwell)",
        "Brightwell's van",
        "New Brightwell Update Breaks Login",
        "At Christmas Brightwell forgot us",
        "In London Brightwell is everywhere",
        "so Brightwell... no",
        "ex-Brightwell driver",
    ],
)
def test_a_name_is_the_company(text: str) -> None:
    assert judged("Brightwell", text) == "sure"


@pytest.mark.parametrize(
    "text",
    [
        "I met Tom Brightwell there",
        "they live in Brightwell Road",
        "Miss Brightwell teaches us",
        "Lake Brightwell froze",
    ],
)
def test_a_namesake_is_left_to_a_person(text: str) -> None:
    assert judged("Brightwell", text) == "doubtful"


@pytest.mark.parametrize(
    "text",
    [
        "brightwell.example is down",
        "see brightwell-support.example",
        "mail brightwell-refunds@mail.example",
        "mail brightwell@mail.example",
        "in /opt/brightwell/bin",
        "https://a.example/brightwell",
        "get-now.brightwell",
        "@brightwell",
        "#Brightwell",
        "brightwell_uk",
        "Brightwells",
    ],
)
def test_a_part_of_something_else_is_no_name(text: str) -> None:
    assert judged("Brightwell", text) is None


def test_a_name_of_ordinary_words_needs_its_own_capitals_and_others_without() -> None:
    assert judged("Best Choice", "I bought it at Best Choice today") == "sure"
    assert judged("Best Choice", "it is the best choice today") is None
    assert judged("Best Choice", "The Best Choice You Never Made") is None


def test_a_first_name_s_genitive_is_no_company() -> None:
    assert judged("Mike's", "Mike's book is funny") is None
    assert judged("Denny's", "we stayed at Denny's for a week") == "doubtful"
    assert judged("Kellberg's", "Kellberg's is late") == "sure"
