"""Talk for volume, made from the seed: a hashtag storm, the milder hours after the acts, and what goes on after them.

None of it can open a case: the texts are put together from phrases that VADER reads as neutral or kind, and
`tests/test_simulator_texts.py` scores every one. So they carry no compound of their own.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count, product

from simulator.lines import Line, external_id
from simulator.people import digest, passer_by

OPENINGS = (
    "Queue at {place} is out of the door", "Just picked up two bags at {place}", "Standing in line at {place}",
    "First time at {place} for this", "Back at {place} as every year", "My sister is at {place} already",
    "Half the office walked over to {place}", "The bus to {place} was full of people with tote bags",
    "Counted forty people at {place}", "Took the early train to {place}",
)  # fmt: skip
PLACES = (
    "the harbour shop", "Mill Lane", "the station kiosk", "the old tram depot", "Bridge Street",
    "the market hall", "the corner by the library", "the roastery",
)  # fmt: skip
ENDINGS = (
    "and the Kenyan is nearly gone.", "and they just put out the second tray of samples.",
    "and the smell of roasting reaches the street.", "and somebody brought a dog in a scarf.",
    "and it is raining sideways.", "and the card reader has a hand-written sign on it.",
    "and I am on my third espresso.", "and they ran out of the small bags at nine.",
    "and the line moves faster than last year.", "and the staff wear paper hats.",
    "and I finally got the filter roast.", "and everybody compares grinder settings.",
    "and the new tins are blue this time.",
)  # fmt: skip
GENTLE = (
    "Trying the Tarnbeck filter roast in a moka pot this afternoon, will report back.",
    "Does anybody know which grind the Tarnbeck sampler ships with?",
    "Second cup of the Tarnbeck single origin and it does taste of plum, as the label says.",
    "Tarnbeck now lists three decaf roasts on their page, by the way.",
    "Our café switched its house espresso to Tarnbeck on Monday.",
    "Walked past the Tarnbeck roastery today and the whole street smelled of toast.",
    "Is the Tarnbeck subscription every two weeks or every month by default?",
    "The Tarnbeck tin makes a decent pencil holder once the coffee is gone.",
    "Brewed the Tarnbeck Sunday blend at 92 degrees, 1:16, two minutes forty.",
    "The Tarnbeck people answered my mail within the hour, nice.",
    "Somebody at the market sells Tarnbeck bags from last spring at half price.",
    "Made iced coffee with the Tarnbeck light roast. Works well with oat milk.",
    "Any café in the old town that pours Tarnbeck on filter?",
    "Tarnbeck posted their roast dates for the month, that helps a lot.",
    "The new Tarnbeck bags have a zip. Finally.",
    "Comparing two waters with the same Tarnbeck bag; the softer one wins.",
    "Gave a Tarnbeck sampler to my father and he liked the third one best.",
    "The Tarnbeck grinder guide recommends setting 14 for my machine, trying that.",
    "Picked up Tarnbeck at the station kiosk between two trains.",
    "Tarnbeck blend, V60, sunny balcony. Good start.",
)


def storm(seed: int, count: int) -> Iterator[Line]:
    """So many posts with the hashtag of one campaign, all of them different."""
    texts = [
        f"{opening.format(place=place)} {ending} #BeanFriday"
        for opening, place, ending in product(OPENINGS, PLACES, ENDINGS)
    ]
    random.Random(digest(seed, "storm")).shuffle(texts)
    for index, text in enumerate(texts[:count]):
        yield _line(seed, f"storm:{index}", text, group="storm", about=("campaign:Bean Friday",))


def gentle(seed: int, first_act: int = 5, acts: int = 10) -> Iterator[Line]:
    """The hours after the last scene: two or three posts an act, none of them about trouble."""
    order = list(enumerate(GENTLE))
    random.Random(digest(seed, "gentle")).shuffle(order)
    for place, (index, text) in enumerate(order):
        act = first_act + place * acts // len(order)
        yield _line(seed, f"gentle:{index}", text, act=act, platform="bluesky" if place % 3 else "mastodon")


def trickle(seed: int) -> Iterator[Line]:
    """What goes on when the story is told, without end: every post another one, none of them about trouble."""
    texts = [
        f"{opening.format(place=place)} {ending} #tarnbeck"
        for opening, place, ending in product(OPENINGS, PLACES, ENDINGS)
    ]
    random.Random(digest(seed, "trickle")).shuffle(texts)
    for number in count():
        platform = "bluesky" if number % 2 else "mastodon"
        yield _line(seed, f"trickle:{number}", texts[number % len(texts)], group="trickle", platform=platform)


def _line(
    seed: int,
    key: str,
    text: str,
    *,
    act: int = 1,
    group: str | None = None,
    platform: str = "mastodon",
    about: tuple[str, ...] = (),
) -> Line:
    by = passer_by(seed, key)
    bluesky = platform == "bluesky"
    return Line(
        key=key,
        platform="bluesky" if bluesky else "mastodon",
        by=by,
        text=text if bluesky or group else f"{text} #tarnbeck",
        label="chatter",
        compound=None,
        act=act,
        group=group,
        rel="none" if group else "about",
        about=about,
        scenario=group or "gentle talk",
        external_id=external_id(seed, "bluesky" if bluesky else "mastodon", "", key, by),
    )
