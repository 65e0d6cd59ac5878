"""One post of the script, one expected case: the shapes in which the world's files are read.

In a text, `@{key}` mentions the person of that key by the platform's own markup.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from simulator.people import Person, letters_of, number_of

Platform = Literal[
    "appstore",
    "bluesky",
    "facebook",
    "feeds",
    "googleplay",
    "instagram",
    "mastodon",
    "reddit",
    "threads",
    "x",
    "youtube",
]
PLATFORMS: tuple[Platform, ...] = get_args(Platform)
MENTION = re.compile(r"@\{([a-z_-]+)\}")


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A later version of a post: the act in which it appears, the new text with its compound, and how the
    post then stands to us (None: as before)."""

    act: int
    text: str
    compound: float | None
    rel: str | None = None


@dataclass(frozen=True, kw_only=True)
class Line:
    """One post of the script.

    `rel` is how it stands to us: addressed, about, none, own. `about` names records that the post itself
    names (`account:Velmora Hotels`, `campaign:Slow Mornings`); `suggests` those that a person has to decide
    about. `lang` is what the platform will say (None:
    nothing), `tongue` what it really is. `hours` moves its time from the start (negative: the past).
    `fate`: stored, reject, either (stored or quarantined, but not lost), or never (deleted before anyone saw).
    """

    key: str
    platform: Platform
    by: Person
    text: str
    label: str
    compound: float | None
    feed: str = ""
    title: str = ""
    act: int = 1
    group: str | None = None
    rel: str = "none"
    about: tuple[str, ...] = ()
    suggests: tuple[str, ...] = ()
    lang: str | None = "en"
    tongue: str = "en"
    reply_to: str | None = None
    quote_of: str | None = None
    repost_of: str | None = None
    rating: int | None = None
    edits: tuple[Edit, ...] = ()
    deleted_in: int | None = None
    hours: float | None = None
    late: bool = False
    same_second: str | None = None
    borderline: bool = False
    poison: str | None = None
    fate: str = "stored"
    scenario: str = ""
    external_id: str = ""


@dataclass(frozen=True, kw_only=True)
class ExpectedCase:
    """A case that should exist, written by hand.

    `level` is where it ends: ticket, activity, or both (an Activity that rose). `riser` is the post (or
    `post@edit`) that raises it; before that was returned the level is `activity`. `after_closing` names
    the case that must have been closed before this one's posts appear.
    """

    key: str
    opener: str
    level: str
    posts: tuple[str, ...]
    because: str
    opener_version: str | None = None
    riser: str | None = None
    after_closing: str | None = None
    scenario: str = ""


def external_id(
    seed: int, platform: Platform, feed: str, key: str, by: Person, reply_to: str | None = None
) -> str:
    """The global id under which a post is told: the same for the same seed, whatever the clock says. `reply_to` is the
    key of what it answers, which is a part of some platforms' ids."""
    if platform == "mastodon":
        return f"{by.mastodon_uri}/statuses/{number_of(seed, 'status', key) + 10**17}"
    if platform == "bluesky":
        return f"at://{by.did}/app.bsky.feed.post/3{letters_of(12, seed, 'rkey', key)}"
    if platform == "reddit":
        return f"{'t1' if reply_to else 't3'}_{number_of(seed, 'reddit', key):x}"
    if platform == "x":
        return str(number_of(seed, "status", key))  # until it is said: an id of X tells the time
    if platform == "youtube":
        top = f"Ug{letters_of(14, seed, 'comment', reply_to or key)}4AaABAg"
        return f"{top}.{letters_of(22, seed, 'reply', key)}" if reply_to else top
    if platform == "appstore":
        return str(number_of(seed, "review", key) % 9_000_000_000 + 1_000_000_000)
    if platform == "googleplay":
        review = f"gp:AOqpTO{letters_of(32, seed, 'review', reply_to or key)}"
        return f"{review}#answer" if reply_to else review
    if platform == "facebook":
        post = str(number_of(seed, "facebook", key))
        return f"{number_of(seed, 'facebook' if reply_to else 'page', reply_to or feed)}_{post}"
    if platform in {"instagram", "threads"}:
        return f"17{number_of(seed, platform, key):015}"
    slug = letters_of(10, seed, "entry", key)
    if feed == "forum":
        return f"tag:brewtalk.example,2026:post-{slug}"
    return f"https://{feed}.example/{slug}"
