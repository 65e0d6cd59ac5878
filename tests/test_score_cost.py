"""No text costs more than 12 ms, however it was made."""

from __future__ import annotations

import time

import pytest

from workers._normalise import MOST_CHARACTERS, MOST_EMOJI, MOST_TOKENS, Normaliser
from workers.lexicon import Lexicon, shipped
from workers.score import Scorer

CAP = 0.012

# Each is built against one part: stock VADER takes minutes for the first and 45 s for the second.
DEAR = {
    "twenty thousand glued emoji": "😂😡🔥❤️🙃" * 4_000,
    "a lexicon word in every second place": "table bad " * 10_000,
    "every word weighs": "not so VERY bad but " * 1_000,
    "idioms": "to die for the shit " * 1_000,
    "zalgo": "b" + "\u0336\u0322\u0316" * 5_000 + "ad " * 5_000,
    "entities of entities": "&amp;amp;amp;#x27;" * 5_000,
    "unfinished entities": "&" * 1_000 + "&am" * 5_000,
    "handles": "@a" * 10_000 + "@a.b-c@d.e" * 5_000,
    "signs": "@" * 10_000,
    "links": "http://" * 5_000,
    "a link of full stops": "http://" + ".!" * 10_000,
    "links with spaces": "http://a.b/c. " * 5_000,
    "glue": "a,b!c?d...e" * 5_000,
    "glue of one mark": "a" + ",!" * 10_000 + "a",
    "full stops": "aB.Ab.aB.Ab" * 5_000,
    "one-letter words": "a " * 50_000,
    "one word": "a" * 100_000,
    "no two letters alike": "".join(map(chr, range(0x4E00, 0x9E00))),
    "invisible": "\u200d\ufe0f" * 20_000,
    "apostrophes": "’ʼ`a`" * 10_000,
    "many scripts": "дa的á" * 10_000,
    "spaces": " \u3000\n" * 20_000,
    "our name": "Best  Buy Best \n" * 5_000,
    "question marks": "?!" * 20_000,
    "phrases that begin everywhere": "w1 w2 w3 w4 w5 " * 5_000,
    "words by which phrases are found": "waiting customer hold " * 5_000,
    "one phrase of ours after another": "shop0 till0 shop1 till1 shop2 till2 " * 5_000,
}


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    """With the profile, and 5,000 words and phrases of one's own, some of them as nasty as they can be made."""
    own = {f"shop{number} till{number}": -1.5 for number in range(2_500)}
    own |= {f"word{number}": 1.5 for number in range(2_000)}
    own |= {
        " ".join(f"w{1 + (first + n) % 5}" for n in range(length)): -1.0
        for first in range(5)
        for length in range(2, 7)
    }
    own |= {f"waiting {'for ' * (number % 5)}thing{number}": -2.0 for number in range(475)}
    scorer = Scorer(
        ["United", "Best Buy", "Best of All Things"], Lexicon({**shipped().words, **own}, "support-1+test.1")
    )
    scorer.score([("load the tables and the detector; ça va bien maintenant", None)])
    return scorer


def cost(scorer: Scorer, text: str) -> float:
    """CPU seconds of one text, the least of three, since what else runs here only ever adds."""
    least = float("inf")
    for _ in range(3):
        began = time.process_time()
        scorer.score([(text, None)])
        scorer.explain(text)
        least = min(least, time.process_time() - began)
    return least


@pytest.mark.parametrize("name", DEAR)
def test_no_text_costs_more_than_the_cap(scorer: Scorer, name: str) -> None:
    assert cost(scorer, DEAR[name]) < CAP


def test_twenty_thousand_emoji_cost_less_than_the_cap(scorer: Scorer) -> None:
    assert cost(scorer, "".join(chr(0x1F600 + number % 70) for number in range(20_000))) < CAP


def test_only_so_much_of_a_text_is_read() -> None:
    normalise = Normaliser()
    assert len(normalise("ab" * 10_000).text) == MOST_CHARACTERS
    assert len(normalise("a " * 10_000).text.split()) == MOST_TOKENS
    assert sum(char in "😀😃" for char in normalise("😀😃" * 1_000).text) == MOST_EMOJI
    assert normalise("sooooooo goooood!!!!!!!").text == "sooo goood!!!"


def test_what_is_beyond_the_caps_does_not_weigh() -> None:
    scorer = Scorer()
    assert scorer.explain("table " * 300 + "bad").total == 0.0
    assert scorer.explain("table " * 299 + "bad").total < 0.0
