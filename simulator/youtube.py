"""YouTube's side of the world: https://developers.google.com/youtube/v3/docs/commentThreads and its neighbours.

A line's feed is `UC...`, a channel, or `UC.../VIDEOID`, a video of it. Threads are newest first by their top comment,
whatever is said under them; a thread carries five replies that nobody can foretell. There are no headers: a key is
told by a 403 that it asked too fast, or that the units of its day in California are used up. A page token names the
place where the page before it ended, and only for the list that it was given out for.
"""

from __future__ import annotations

import html
import random
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from simulator.answers import Answer, Item, told
from simulator.limits import Window
from simulator.markup import feed_html, feed_text
from simulator.people import Person, digest, letters_of
from simulator.stage import Said, Stage

if TYPE_CHECKING:
    from simulator.asked import Asked

KEY = "sim-youtube-key"
"""Every key that begins like this is valid, each with a quota of its own."""
DAILY = 10_000
CARRIED = 5
PACIFIC = ZoneInfo("America/Los_Angeles")
UNREADABLE = frozenset({"no_id", "year_1", "year_10000"})
_FILTERS = {
    "commentThreads": ("allThreadsRelatedToChannelId", "videoId", "id"),
    "comments": ("parentId", "id"),
    "videos": ("id",),
}
_TIMES = {"year_1": "0001-01-01T00:00:00Z", "year_10000": "10000-01-01T00:00:00Z"}


def channel_of(person: Person) -> str:
    """A person's own channel, which is their stable id."""
    return f"UC{letters_of(22, 'channel', person.did)}"


def published(said: Said) -> datetime:
    """The server's own time, except for what was said before the world began."""
    return said.created_at if said.line.hours is not None else said.indexed_at


@dataclass
class _There:
    """What can be seen after so many changes of the stage: threads by channel and by video, replies by their top
    comment's key, both newest first, and every comment by its id."""

    changed: int
    tops: dict[str, list[Said]] = field(default_factory=dict)
    replies: dict[str, list[Said]] = field(default_factory=dict)
    by_id: dict[str, Said] = field(default_factory=dict)


class YouTube:
    """The Data API. `off` are videos without comments, `daily` the units of one key and day, `used` what was taken."""

    platform = "youtube"

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.window = Window(1_800, 60)
        self.daily = DAILY
        self.off: set[str] = set()
        self.used: Counter[tuple[str, date]] = Counter()
        self._seen: _There | None = None

    def rates(self, window: Window, now: float) -> dict[str, str]:
        """None: YouTube tells nobody."""
        return {}

    def too_many(self, window: Window, now: float) -> Answer:
        """Too fast is a 403 as well."""
        return _refused(403, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded")

    def answer(self, asked: Asked) -> Answer:
        """The answer to a request, which takes a unit, also where it is refused for what it asks."""
        method = asked.path.strip("/").removeprefix("youtube/v3/")
        if method not in _FILTERS:
            return Answer(status=404, body=b"<!DOCTYPE html><title>Error 404</title>", media_type="text/html")
        if not asked.token:
            return _refused(403, "global", "forbidden", "Method doesn't allow unregistered callers")
        if not asked.token.startswith(KEY):
            return _refused(400, "global", "badRequest", "API key not valid.", "API_KEY_INVALID")
        day = (asked.token, asked.now.astimezone(PACIFIC).date())
        if self.used[day] >= self.daily:
            said = 'The request cannot be completed because you have exceeded your <a href="/youtube/v3">quota</a>.'
            return _refused(403, "youtube.quota", "quotaExceeded", said)
        self.used[day] += 1
        given = [name for name in _FILTERS[method] if asked.query.get(name)]
        if not asked.query.get("part") or not given:
            return _refused(400, "youtube.part", "missingRequiredParameter", "No filter selected.")
        if len(given) > 1:
            return _refused(400, "youtube.parameter", "incompatibleParameters", "Incompatible parameters.")
        if method == "videos":
            return _list("video", [{"kind": "youtube#video", "id": one} for one in _ids(asked)])
        if method == "comments":
            return self._comments(asked, given[0])
        return self._threads(asked, given[0])

    # What is asked for.

    def _threads(self, asked: Asked, by: str) -> Answer:
        if by == "id":
            return self._told(
                asked, [said for said in self._several(asked) if said.line.reply_to is None], None
            )
        wanted_feed = asked.one(by)
        if wanted_feed in self.off:
            said = "The video identified by the <code>videoId</code> parameter has disabled comments."
            return _refused(403, "youtube.commentThread", "commentsDisabled", said)
        if by == "videoId" and len(wanted_feed) != 11:
            return _refused(404, "youtube.commentThread", "videoNotFound", "The video could not be found.")
        if by != "videoId" and not (wanted_feed.startswith("UC") and len(wanted_feed) == 24):
            return _refused(
                404, "youtube.commentThread", "channelNotFound", "The channel could not be found."
            )
        return self._paged(asked, self._there().tops.get(wanted_feed, []), f"{by}={wanted_feed}")

    def _comments(self, asked: Asked, by: str) -> Answer:
        if by == "id":
            return self._told(asked, self._several(asked), None)
        parent = self._there().by_id.get(asked.one("parentId"))
        if parent is None:
            return _refused(404, "youtube.comment", "commentNotFound", "The comment could not be found.")
        return self._paged(asked, self._replies(parent), f"parentId={asked.one('parentId')}")

    def _several(self, asked: Asked) -> list[Said]:
        """Those of the ids asked for that are there; of the others nothing is said."""
        by_id = self._there().by_id
        return [by_id[one] for one in _ids(asked) if one in by_id]

    def _paged(self, asked: Asked, found: list[Said], what: str) -> Answer:
        """One page of a list, newest first; `what` is what its tokens are good for."""
        size = asked.one("maxResults", "20")
        if not size.isdigit() or not 1 <= int(size) <= 100:
            return _refused(
                400, "youtube.parameter", "invalidParameter", "Values must be within the range: [1, 100]"
            )
        token = asked.one("pageToken")
        if token:
            place = _place_of(token, what)
            if place is None:
                said = "The request specifies an invalid page token."
                return _refused(400, "youtube.parameter", "invalidPageToken", said)
            found = [said for said in found if _order(said) < place]
        page, rest = found[: int(size)], found[int(size) :]
        return self._told(asked, page, _token(_order(page[-1]), what) if rest else None)

    def _told(self, asked: Asked, page: list[Said], token: str | None) -> Answer:
        """A list as it is told, with what its items hold noted."""
        page = page[:]
        if "duplicated" in asked.mischief and page:
            page.append(page[0])
        if "reordered" in asked.mischief:
            random.Random(len(page)).shuffle(page)
        plain = asked.one("textFormat") == "plainText"
        method = asked.path.strip("/").rpartition("/")[2]
        items: list[dict[str, Any]] = []
        noted: list[Item] = []
        for said in page:
            carried: list[Said] = []
            if method == "commentThreads" and "replies" in asked.one("part"):
                carried = self._carried(said)
            items.append(
                self._thread(said, carried, plain)
                if method == "commentThreads"
                else self._comment(said, plain, bare=True)
            )
            noted += [_item(one) for one in (said, *carried)]
        listed = _list("commentThread" if method == "commentThreads" else "comment", items, token)
        listed.items, listed.via = tuple(noted), method
        return listed

    # What is there.

    def _there(self) -> _There:
        """All that can be seen now: a reply goes with the comment that it stands under."""
        if self._seen is None or self._seen.changed != self.stage.changed:
            there = _There(changed=self.stage.changed)
            for said in self.stage.on("youtube"):
                top = self._top(said)
                if top is None or top.deleted:
                    continue
                there.by_id[said.line.external_id] = said
                if top is said:
                    for place in self._place(said):
                        there.tops.setdefault(place, []).append(said)
                else:
                    there.replies.setdefault(top.line.key, []).append(said)
            for several in (*there.tops.values(), *there.replies.values()):
                several.sort(key=_order, reverse=True)
            self._seen = there
        return self._seen

    def _top(self, said: Said) -> Said | None:
        """The comment that a reply stands under; there is one level of them."""
        while said.line.reply_to is not None:
            above = self.stage.said.get(said.line.reply_to)
            if above is None:
                return None
            said = above
        return said

    def _replies(self, top: Said) -> list[Said]:
        return self._there().replies.get(top.line.key, [])

    def _carried(self, top: Said) -> list[Said]:
        """At most five of the replies, and not the newest five."""
        return sorted(self._replies(top), key=lambda said: digest("carried", said.line.key))[:CARRIED]

    def _place(self, said: Said) -> tuple[str, str]:
        """The channel and the video of a thread."""
        top = self._top(said) or said
        channel, _, video = top.line.feed.partition("/")
        return channel, video or letters_of(11, "video", channel)

    # How it is written down.

    def _thread(self, said: Said, carried: list[Said], plain: bool) -> dict[str, Any]:
        channel, video = self._place(said)
        thread: dict[str, Any] = {
            "kind": "youtube#commentThread",
            "etag": letters_of(27, said.line.key, said.version),
            "id": said.line.external_id,
            "snippet": {
                "channelId": channel,
                "videoId": video,
                "topLevelComment": self._comment(said, plain),
                "canReply": True,
                "totalReplyCount": len(self._replies(said)),
                "isPublic": True,
            },
        }
        if carried:
            thread["replies"] = {"comments": [self._comment(one, plain) for one in carried]}
        return thread

    def _comment(self, said: Said, plain: bool, *, bare: bool = False) -> dict[str, Any]:
        """A comment; a `bare` one does not say where it stands. What was typed is shown to its author only."""
        line, people = said.line, self.stage.script.cast
        text = feed_text(said.text, people) if plain else _shown_text(feed_html(said.text, people))
        top = self._top(said) or said
        channel, video = self._place(said)
        when = _TIMES.get(line.poison or "", _time(published(said)))
        snippet: dict[str, Any] = {
            "textDisplay": text,
            "authorDisplayName": f"@{line.by.forum}",
            "authorProfileImageUrl": "https://yt3.ggpht.com/ytc/none=s48",
            "authorChannelUrl": f"http://www.youtube.com/@{line.by.forum}",
            "authorChannelId": {"value": channel_of(line.by)},
            "canRate": True,
            "viewerRating": "none",
            "likeCount": line.by.number % 9,
            "publishedAt": when,
            "updatedAt": _time(said.edited_at) if said.edited_at else when,
        }
        if not bare:
            snippet |= {"channelId": channel, "videoId": video}
        if top is not said:
            snippet["parentId"] = top.line.external_id
        if line.poison == "no_author":
            for name in [name for name in snippet if name.startswith("author")]:
                del snippet[name]
        comment = {
            "kind": "youtube#comment",
            "etag": letters_of(27, line.key),
            "id": line.external_id,
            "snippet": snippet,
        }
        if line.poison == "no_id":
            del comment["id"]
        return comment


def _shown_text(marked: str) -> str:
    """HTML as YouTube writes it: no paragraphs, line breaks."""
    return marked.replace("</p><p>", "<br><br>").replace("<p>", "").replace("</p>", "").replace("\n", "<br>")


def _item(said: Said) -> Item:
    if said.line.poison in UNREADABLE:
        return Item("reject", said.line.key)
    return Item("post", said.line.external_id, said.version)


def _order(said: Said) -> tuple[int, str]:
    return int(published(said).timestamp() * 1_000_000), said.line.external_id


def _token(place: tuple[int, str], what: str) -> str:
    return urlsafe_b64encode(f"{place[0]}|{place[1]}|{what}".encode()).decode()


def _place_of(token: str, what: str) -> tuple[int, str] | None:
    """The place that a token names; None when it is not one for this list."""
    try:
        micros, external_id, given_for = urlsafe_b64decode(token).decode().split("|")
        return (int(micros), external_id) if given_for == what else None
    except ValueError:
        return None


def _ids(asked: Asked) -> list[str]:
    return [one for given in asked.query.get("id", ()) for one in given.split(",")][:50]


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _list(kind: str, items: list[dict[str, Any]], token: str | None = None) -> Answer:
    page: dict[str, Any] = {"kind": f"youtube#{kind}ListResponse", "etag": letters_of(27, kind, len(items))}
    if token:
        page["nextPageToken"] = token
    return told({**page, "pageInfo": {"resultsPerPage": len(items)}, "items": items})


def _refused(status: int, domain: str, reason: str, message: str, detail: str = "") -> Answer:
    error: dict[str, Any] = {
        "code": status,
        "message": html.unescape(message),
        "errors": [{"message": message, "domain": domain, "reason": reason}],
    }
    if detail:
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        error["details"] = [{"@type": kind, "reason": detail, "domain": "googleapis.com"}]
    return told({"error": error}, status=status)
