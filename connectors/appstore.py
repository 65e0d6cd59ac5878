"""Apple's App Store: what customers write about an app, one storefront (country) at a time.

https://itunes.apple.com/{cc}/rss/customerreviews/page={n}/id={app}/sortby=mostrecent/json; Apple documents the feed
nowhere. 10 pages of 50 and no more: what lies below the 500 newest is named as a Gap. Surprising: `entry` is an
object when there is one review and missing when there is none; a page may be empty for a while though there are
reviews (another spelling of its address then is another cache, and is asked once), so an empty page says nothing
about what was there; `updated` was missing for years, and a review without it is dated when it is first seen, or,
where it was there before us, a day earlier: it is no news. On a page with such reviews one that shows itself late below
ten known ones is not found: they do not tell how far down to look.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

import msgspec

from connectors import _appstore_wire as wire
from connectors import _backwards as backwards
from connectors._backwards import Sighting, Stand, Step
from connectors._base import (
    Answer,
    ConnectorError,
    Cursor,
    Gap,
    Gone,
    Http,
    Need,
    Page,
    Post,
    Reject,
    Spend,
    TryLater,
    Watch,
)
from connectors._sighted import sightings

platform = "appstore"
default_host: str | None = "https://itunes.apple.com"
interval = 600.0
watches: Mapping[str, Need] = MappingProxyType(
    {
        "reviews": Need(
            term="an app's number, with its country before it (without one: us), or its address in the App Store",
            example="de:310633997",
            credential="none",
            host=default_host,
        )
    }
)

PAGES = 10
ORDERS = ("sortby=mostrecent", "sortBy=mostRecent")
"""Two spellings that the servers keep apart."""

BEFORE_US = timedelta(days=1)
PAUSE = 300.0

_TERM = re.compile(r"(?:([a-z]{2}):)?(?:id)?([0-9]{1,20})", re.IGNORECASE)
_ADDRESS = re.compile(
    r"https?://apps\.apple\.com/([a-z]{2})/(?:[^?#]*/)?id([0-9]{1,20})(?:[/?#].*)?", re.IGNORECASE
)


def cost(watch: Watch) -> Spend:
    """Two requests: the second where the first page is empty."""
    return Spend(requests=2)


def check_term(kind: str, term: str) -> None:
    """Raises Gone for a term that can never be followed, before it is asked for."""
    _app(term)


async def fetch(http: Http, watch: Watch, cursor: Cursor | None) -> Page:
    """One page of 50. See `_backwards` for how the walk closes its gap."""
    if watch.kind != "reviews":
        raise Gone(f"the App Store has no watch of the kind {watch.kind!r}")
    storefront, app = _app(watch.term)
    stand = backwards.stand(cursor)
    number = _page(stand)
    items, asked = await _entries(http, watch, f"{storefront}/rss/customerreviews/page={number}/id={app}")
    undated = watch.now if cursor is not None else watch.now - BEFORE_US
    posts: list[Post] = []
    rejects: list[Reject] = []
    told: list[tuple[str, datetime | None]] = []
    for item in items:
        review = wire.review(item, place=app, now=watch.now, undated=undated)
        if isinstance(review, Post):
            posts.append(review)
            told.append((review.id, review.edited_at or review.posted_at))
        elif review is not None:
            rejects.append(review)
            told.append((review.raw, None))
    seen = sightings(told, stand, watch.now)
    gap = _hole(stand, seen, number)
    dated = bool(posts) and all(post.edited_at is not None for post in posts)
    step = _step(cursor, stand, seen, number, watch.now, late=dated)
    return Page(
        posts=tuple(posts),
        rejects=tuple(rejects),
        cursor=step.cursor,
        more=step.more,
        gap=step.gap or gap,
        spent=Spend(requests=asked),
    )


async def _entries(http: Http, watch: Watch, path: str) -> tuple[list[msgspec.Raw], int]:
    """The page's entries, from the second cache where the first has none, and how often was asked."""
    items: list[msgspec.Raw] = []
    for asked, order in enumerate(ORDERS, 1):
        answer = await http.get(f"{watch.host}/{path}/{order}/json", endpoint="reviews", judge=judge)
        items = wire.entries(answer)
        if items:
            return items, asked
    return items, len(ORDERS)


def judge(answer: Answer) -> ConnectorError | None:
    """Nobody signs in here, so 403 is no verdict on a credential: Apple says so that we ask too often."""
    if answer.status == 403:
        return TryLater("the App Store wants us to ask less often", after=PAUSE, limited=True)
    return None


def _page(stand: Stand) -> int:
    """The number of the page that a walk goes on with: its token."""
    token = stand.walk.token if stand.walk else None
    if token is None:
        return 1
    if not (token.isdecimal() and 1 <= int(token) <= PAGES):
        raise Gone("this cursor is not one of the App Store's", cursor=True)
    return int(token)


def _step(
    cursor: Cursor | None, stand: Stand, seen: list[Sighting], number: int, now: datetime, *, late: bool
) -> Step:
    """Where the walk stands after a page, and what lay too deep for it. `late`: all of it has a time. An empty one may
    be a fault, and is none."""
    if stand.newest is None and stand.walk is None and not seen:
        # nothing yet: all that comes from now on is news, however many pages it fills
        quiet = Stand(newest=now - backwards.OVERLAP)
        return Step(Cursor(msgspec.json.encode(quiet).decode()), more=False)
    before = stand.newest
    token = str(number + 1) if seen or number > 1 else None
    step = backwards.step(stand, seen, token, now=now, late=late)
    if number < PAGES or not step.more:
        return step
    ended = backwards.step(backwards.stand(cursor), seen, None, now=now, late=late)
    until = min((one.sorted_by for one in seen), default=None)
    reason = f"the App Store shows no more than the newest {PAGES} pages of reviews"
    lost = before is None or until is None or until > before
    return Step(ended.cursor, more=False, gap=Gap(since=before, until=until, reason=reason) if lost else None)


def _hole(stand: Stand, seen: list[Sighting], number: int) -> Gap | None:
    """An empty page in the middle of others was none: what should have stood there is named."""
    if not seen or stand.walk is None or not stand.walk.empty:
        return None
    reason = f"the App Store showed an empty page before page {number}"
    return Gap(since=max(one.sorted_by for one in seen), until=stand.walk.low, reason=reason)


def _app(term: str) -> tuple[str, str]:
    """Storefront and number of the app that a term means."""
    found = _TERM.fullmatch(term.strip()) or _ADDRESS.fullmatch(term.strip())
    if found is None:
        raise Gone("an app is named by its number, after its country where that is not the US: de:310633997")
    return (found[1] or "us").lower(), found[2]
