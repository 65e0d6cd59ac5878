"""What was said before the demo began: nine calm days on small blogs, and this morning a thread that got long.

All of it was said before the start mark, so it is imported and opens nothing; it is what a chart has to compare the story
with. Calm sentences are put together from phrases that VADER reads as neutral or kind, the thread's are mostly angry.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product

from simulator.lines import Line, external_id
from simulator.people import digest, passer_by

DAYS = 9
EVERY = 1.6
"""Hours between two calm posts: a feed lists its newest 200 entries, and the blogs' feed is not to be more than these."""
MORNING, ANSWERS, MINUTES = 6.0, 44, 35
"""The thread began so many hours before the start; so many answers came within so many minutes."""

WHERE = (
    "At the kitchen table", "On the balcony", "Before the first meeting", "At my sister's", "On the night train",
    "After the swim", "In the workshop", "While it rained",
)  # fmt: skip
WHAT = (
    "a Tarnbeck filter roast", "two cups of the Tarnbeck Sunday blend", "the last of the Tarnbeck decaf",
    "a flask of Tarnbeck, black", "a Tarnbeck flat white", "the Tarnbeck sampler, bag three",
)  # fmt: skip
HOW = (
    "and a crossword.", "with oat milk.", "and the radio on.", "and toast with marmalade.", "ground a little finer.",
    "while the dog slept.", "and a long letter to answer.",
)  # fmt: skip

ROOT = (
    "Tarnbeck recalls the Joy Press: the handles of batch 40 come off. Who has one? What did they tell you?"
)
ANGER = (
    "Mine came off with boiling water in it, that is dangerous and I am furious.",
    "Batch 40 here, the handle broke on day two. Terrible quality.",
    "Nobody answers their recall line, forty minutes of bad music. Awful.",
    "They want me to pay the postage of a recall. What a scam.",
    "I burnt my hand. This is horrible and nobody apologised.",
    "Sold out of replacements until spring? That is pathetic.",
    "My whole order is batch 40, all broken. I hate this.",
    "The recall mail went to spam, what a stupid mess.",
    "Batch 39 holds so far.",
    "Does the recall include the travel size?",
)


def past(seed: int) -> Iterator[Line]:
    """The calm days, the oldest first, and the thread of this morning."""
    texts = [f"{where} {what} {how}" for where, what, how in product(WHERE, WHAT, HOW)]
    dice = random.Random(digest(seed, "past"))
    dice.shuffle(texts)
    hours = [MORNING + 2 + EVERY * number for number in range(int((DAYS * 24 - MORNING) / EVERY))]
    for number, ago in reversed(list(enumerate(hours))):
        yield _line(seed, f"past:{number}", texts[number % len(texts)], "blogs", -ago)
    yield _line(seed, "recall", ROOT, "forum", -MORNING)
    for number in range(ANSWERS):
        after = MINUTES / 60 * (number + 1) / ANSWERS
        key, text = f"recall:{number}", ANGER[number % len(ANGER)]
        yield _line(seed, key, text, "forum", -MORNING + after, reply_to="recall", by=f"recall:{number % 29}")


def _line(
    seed: int,
    key: str,
    text: str,
    feed: str,
    hours: float,
    *,
    reply_to: str | None = None,
    by: str | None = None,
) -> Line:
    who = passer_by(seed, by or key)
    return Line(
        key=key,
        platform="feeds",
        feed=feed,
        by=who,
        text=text,
        title="Joy Press recall" if feed == "forum" else "",
        label="chatter",
        compound=None,
        rel="about",
        group="past",
        scenario="past",
        hours=hours,
        reply_to=reply_to,
        external_id=external_id(seed, "feeds", feed, key, who, reply_to),
    )
