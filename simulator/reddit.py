"""Reddit's side of the world: https://www.reddit.com/dev/api/.

A line's feed is a subreddit. One that answers another is a comment, any other a submission: what it says is the title, or,
where the line has a title, the text below it, in markdown. Listings are newest first by the server's own time, go on behind
a name, end after 1,000, and an `after` that is in no listing (any more) leads to nothing. Who asks is told by tokens that
`api/v1/access_token` gives out: to the app (CLIENT), or to us (with REFRESH).
"""

from __future__ import annotations

import math
import re
import secrets
from base64 import b64decode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from simulator.answers import Answer, Item, told
from simulator.limits import Window
from simulator.markup import mentioned, parts
from simulator.people import Person
from simulator.reddit_tree import shown
from simulator.stage import Said, Stage

if TYPE_CHECKING:
    from simulator.asked import Asked

CLIENT = "sim-reddit-id:sim-reddit-secret"
REFRESH = "sim-reddit-refresh"
DEEPEST, DEEPEST_SEARCH = 1_000, 250
LONGEST_LOOKUP = 100
UNREADABLE = frozenset({"no_id", "year_1", "year_10000"})
_TIMES = {"year_1": -62_135_596_800.0, "year_10000": 253_402_300_800.0}
_LINE_START = re.compile(r"^( *)([#+=-]|\d+(?=[.)]))", re.MULTILINE)
_PARDNER = (
    b"<!doctype html><html><head><title>Too Many Requests</title></head><body><h1>whoa there, pardner!</h1>"
    b"<p>we're sorry, but you appear to be a bot and we've seen too many requests from you lately.</p></body></html>"
)


def account(person: Person) -> str:
    """A person's stable id."""
    return f"t2_{base36(person.number)}"


def base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits or "0"


@dataclass
class _There:
    """What there is after so many changes of the stage: all of it by id, what answers what, and what can be seen,
    newest first."""

    changed: int
    by_id: dict[str, Said] = field(default_factory=dict)
    below: dict[str, list[Said]] = field(default_factory=dict)
    newest: list[Said] = field(default_factory=list)
    subreddits: set[str] = field(default_factory=set)


class Reddit:
    """oauth.reddit.com and www.reddit.com in one. `closed` names subreddits that are private, quarantined or banned."""

    platform = "reddit"

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.window = Window(1_000, 600)
        self.closed: dict[str, str] = {}
        self.seconds: float = 86_400
        self.refresh = {REFRESH}
        self._tokens: dict[str, tuple[float, bool]] = {}
        self._there = _There(-1)

    def answer(self, asked: Asked) -> Answer:
        """See `Plays`."""
        path = asked.path.strip("/").split("/")
        if path == ["api", "v1", "access_token"]:
            return self._grant(asked)
        until, user = self._tokens.get(asked.token or "", (0.0, False))
        if until <= asked.now.timestamp():
            answer = told({"message": "Unauthorized", "error": 401}, status=401)
            answer.headers["WWW-Authenticate"] = 'Bearer realm="reddit", error="invalid_token"'
            return answer
        match path:
            case ["api", "v1", "me"]:
                us = self.stage.script.cast["us"]
                return (
                    told({"id": account(us)[3:], "name": us.forum}) if user else _forbidden("USER_REQUIRED")
                )
            case ["message", "inbox"]:
                return self._inbox(asked) if user else _forbidden("USER_REQUIRED")
            case ["search"]:
                return self._search(asked, None)
            case ["r", names, what] if what in {"search", "new", "comments"}:
                return self._in(names.lower().split("+"), what, asked)
            case ["comments", article, *rest]:
                return self._thread(asked, f"t3_{article}", rest[1] if len(rest) == 2 else None)
            case ["api", "morechildren"]:
                return self._hidden(asked)
            case ["api", "info"]:
                return self._info(asked)
            case ["subreddits", "search"]:
                return told(_listing([]))
        return told({"message": "Not Found", "error": 404}, status=404)

    def rates(self, window: Window, now: float) -> dict[str, str]:
        """Seconds left, and a decimal."""
        return {
            "X-Ratelimit-Used": str(window.used),
            "X-Ratelimit-Remaining": f"{window.remaining:.1f}",
            "X-Ratelimit-Reset": str(max(0, math.ceil(window.until - now))),
        }

    def too_many(self, window: Window, now: float) -> Answer:
        """A page of HTML."""
        wait = str(max(1, math.ceil(window.until - now)))
        return Answer(
            status=429, body=_PARDNER, media_type="text/html; charset=UTF-8", headers={"Retry-After": wait}
        )

    def expire(self) -> None:
        """End every access token now; the refresh token goes on working."""
        self._tokens = {}

    def _grant(self, asked: Asked) -> Answer:
        """A refusal of what the client offers comes with 200."""
        try:
            client = b64decode(asked.token or "").decode()
        except ValueError:
            client = ""
        if asked.method != "POST" or client != CLIENT:
            return told({"message": "Unauthorized", "error": 401}, status=401)
        kind, offered = (asked.form.get(name, [""])[0] for name in ("grant_type", "refresh_token"))
        if kind == "refresh_token" and offered not in self.refresh:
            return told({"error": "invalid_grant"})
        if kind not in {"refresh_token", "client_credentials"}:
            return told({"error": "unsupported_grant_type"})
        user = kind == "refresh_token"
        token = secrets.token_urlsafe(24)
        self._tokens[token] = asked.now.timestamp() + self.seconds, user
        grant = {"access_token": token, "token_type": "bearer", "expires_in": int(self.seconds), "scope": "*"}
        return told({**grant, "refresh_token": offered} if user else grant)

    # Listings.

    def _in(self, names: list[str], what: str, asked: Asked) -> Answer:
        for name in names:
            if reason := self.closed.get(name):
                if reason == "banned":
                    return told({"reason": reason, "message": "Not Found", "error": 404}, status=404)
                return _forbidden(reason)
        if not set(names) & self._now().subreddits:
            where = f"{asked.base}/subreddits/search?q={names[0]}"
            return Answer(status=302, body=b"", media_type="text/html", headers={"Location": where})
        if what == "search":
            return self._search(asked, set(names))
        found = [
            said
            for said in self._now().newest
            if said.line.feed.lower() in names and (said.line.reply_to is None) == (what == "new")
        ]
        return self._listed(asked, found, f"r/{'+'.join(names)}/{what}")

    def _search(self, asked: Asked, names: set[str] | None) -> Answer:
        """Submissions that have every word, or a word that begins like it."""
        words = [re.compile(rf"(?<!\w){re.escape(word)}") for word in asked.one("q").lower().split()]
        found = [
            said
            for said in self._now().newest
            if said.line.reply_to is None
            and (names is None or said.line.feed.lower() in names)
            and all(word.search(f"{said.line.title} {said.text}".lower()) for word in words)
        ]
        return self._listed(asked, found, f"search:{asked.one('q').lower()}", DEEPEST_SEARCH)

    def _inbox(self, asked: Asked) -> Answer:
        found = [said for said in self._now().newest if self._concerns_us(said)]
        return self._listed(asked, found, "inbox")

    def _concerns_us(self, said: Said) -> str | None:
        """Of what type a comment is in our inbox."""
        parent = self.stage.said.get(said.line.reply_to or "")
        if said.line.by.own or parent is None:
            return None
        if parent.line.by.own:
            return "post_reply" if parent.line.reply_to is None else "comment_reply"
        return "username_mention" if "us" in mentioned(said.text) else None

    def _listed(self, asked: Asked, found: list[Said], via: str, deepest: int = DEEPEST) -> Answer:
        limit = min(int(asked.one("limit", "25")), 100)
        found, after = found[:deepest], asked.one("after")
        if after:
            place = [n for n, said in enumerate(found) if said.line.external_id == after]
            found = found[place[0] + 1 :] if place else []
        page, more = found[:limit], len(found) > limit
        last = page[-1].line.external_id if page and more else None
        if "duplicated" in asked.mischief and page:
            page = [*page, page[0]]
        if "reordered" in asked.mischief:
            page = page[1::2] + page[::2]
        inbox = via == "inbox"
        return told(
            _listing([self.thing(said, inbox=inbox) for said in page], last), items=self._items(page), via=via
        )

    # A thread, and things by their ids.

    def _thread(self, asked: Asked, article: str, comment: str | None) -> Answer:
        there = self._now()
        root = there.by_id.get(article)
        if root is None:
            return told({"message": "Not Found", "error": 404}, status=404)
        told_of: list[Said] = []
        limit, depth = (
            int(asked.one(name, default)) for name, default in (("limit", "200"), ("depth", "10"))
        )
        if comment is None:
            top = there.below.get(root.line.key, [])
        else:
            focus = there.by_id.get(f"t1_{comment}")
            top = [focus] if focus else []
        branch = shown(top, article, there.below, self.thing, told_of, limit=limit, depth=depth)
        body = [_listing([self.thing(root)]), _listing(branch)]
        return told(body, items=self._items([root, *told_of]), via="thread")

    def _hidden(self, asked: Asked) -> Answer:
        """Those that were asked for, each with a hint at what hangs on it."""
        there, things = self._now(), list[dict[str, Any]]()
        wanted = [f"t1_{one}" for one in asked.one("children").split(",")][:LONGEST_LOOKUP]
        found = [there.by_id[one] for one in wanted if one in there.by_id]
        for said in found:
            things += shown([said], "", there.below, self.thing, [], limit=1, depth=2, flat=True)
        return told(
            {"json": {"errors": [], "data": {"things": things}}}, items=self._items(found), via="thread"
        )

    def _info(self, asked: Asked) -> Answer:
        """In another order than asked for; what was deleted is told as a place."""
        wanted = set(asked.one("id").split(",")[:LONGEST_LOOKUP])
        found = sorted((said for name, said in self._now().by_id.items() if name in wanted), key=_time)
        return told(_listing([self.thing(said) for said in found]), items=self._items(found), via="info")

    def _now(self) -> _There:
        if self._there.changed != self.stage.changed:
            there = _There(self.stage.changed)
            for said in self.stage.said.values():
                if said.line.platform != "reddit":
                    continue
                there.by_id[said.line.external_id] = said
                there.subreddits.add(said.line.feed.lower())
                if said.line.reply_to:
                    there.below.setdefault(said.line.reply_to, []).append(said)
                if not said.deleted:
                    there.newest.append(said)
            for several in (there.newest, *there.below.values()):
                several.sort(key=_time, reverse=True)
            self._there = there
        return self._there

    # How it is written down.

    def thing(self, said: Said, *, inbox: bool = False) -> dict[str, Any]:
        """A submission or a comment, as a place only where it was deleted."""
        line = said.line
        name = line.external_id
        data: dict[str, Any] = {
            "id": name[3:],
            "name": name,
            "author": line.by.forum,
            "author_fullname": account(line.by),
            "subreddit": line.feed,
            "subreddit_name_prefixed": f"r/{line.feed}",
            "subreddit_type": "public",
            "created_utc": _TIMES.get(line.poison or "", said.sort_at.timestamp()),
            "edited": said.edited_at.timestamp() if said.edited_at else False,
            "score": line.by.number % 9,
            "distinguished": None,
            "stickied": False,
        }
        data |= self._submission(said) if line.reply_to is None else self._comment(said, inbox)
        if said.deleted:
            data |= {"author": "[deleted]", "body" if line.reply_to else "selftext": "[deleted]"}
            del data["author_fullname"]
        if line.poison == "no_id":
            del data["id"], data["name"]
        if line.poison == "no_author":
            del data["author"], data["author_fullname"]
        return {"kind": name[:2], "data": data}

    def _submission(self, said: Said) -> dict[str, Any]:
        line, people = said.line, self.stage.script.cast
        original = self.stage.get(line.repost_of or line.quote_of)
        path = f"/r/{line.feed}/comments/{line.external_id[3:]}/x/"
        data: dict[str, Any] = {
            "title": line.title or plainly(said.text, people),
            "selftext": markdown(said.text, people) if line.title else "",
            "permalink": path,
            "url": f"https://www.reddit.com{path}",
            "is_self": True,
            "num_comments": self.stage.replies[line.key],
            "num_crossposts": self.stage.reposts[line.key],
            "removed_by_category": "deleted" if said.deleted else None,
        }
        if original is not None and original.line.reply_to is None:
            inner = self.thing(original)["data"]
            data |= {"crosspost_parent": inner["name"], "crosspost_parent_list": [inner], "is_self": False}
            data |= {"title": inner["title"], "selftext": ""} if line.repost_of else {}
        return data

    def _comment(self, said: Said, inbox: bool) -> dict[str, Any]:
        line, above = said.line, said
        while above.line.reply_to and (parent := self.stage.said.get(above.line.reply_to)):
            above = parent
        root, parent = above.line.external_id, self.stage.said.get(line.reply_to or "")
        path = f"/r/{line.feed}/comments/{root[3:]}/x/{line.external_id[3:]}/"
        data: dict[str, Any] = {
            "body": markdown(said.text, self.stage.script.cast),
            "parent_id": parent.line.external_id if parent else root,
            "replies": "",
        }
        if inbox:
            kind = self._concerns_us(said)
            return {**data, "type": kind, "was_comment": True, "new": True, "context": f"{path}?context=3"}
        return {**data, "link_id": root, "permalink": path, "score_hidden": False}

    def _items(self, several: Iterable[Said]) -> list[Item]:
        """What they tell; a crosspost that only repeats tells two things, itself and what it repeats."""
        found: list[Item] = []
        for said in several:
            line, inner = said.line, self.stage.get(said.line.repost_of)
            if said.deleted:
                continue
            if line.poison in UNREADABLE:
                found.append(Item("reject", line.key))
            elif inner is not None and line.reply_to is None:
                found.append(Item("repost", line.external_id))
                found.append(Item("post", inner.line.external_id, inner.version))
            else:
                found.append(Item("post", line.external_id, said.version))
        return found


def _time(said: Said) -> tuple[datetime, int]:
    """By the server's own time, and no two alike."""
    return said.sort_at.astimezone(UTC), said.ordinal


def plainly(text: str, people: dict[str, Person]) -> str:
    """A text with its mentions as Reddit's people write them."""
    return "".join(
        f"u/{people[p.value].forum}" if p.kind == "mention" else _typed(p.kind, p.value) for p in parts(text)
    )


def markdown(text: str, people: dict[str, Person]) -> str:
    """The same so that Reddit shows it just as it is."""
    out = ""
    for part in parts(text):
        if part.kind == "link":
            out += part.value
        else:
            typed = (
                f"u/{people[part.value].forum}" if part.kind == "mention" else _typed(part.kind, part.value)
            )
            out += re.sub(r"([\\`*_\[\]<>|~^&!])", r"\\\1", typed)
    out = _LINE_START.sub(lambda m: m[1] + (f"\\{m[2]}" if not m[2].isdigit() else f"{m[2]}\\"), out)
    return re.sub(r"(?<!\n)\n(?!\n)", "  \n", out)


def _typed(kind: str, value: str) -> str:
    return f"#{value}" if kind == "hashtag" else value


def _listing(things: Sequence[dict[str, Any]], after: str | None = None) -> dict[str, Any]:
    data = {"after": after, "before": None, "dist": len(things), "modhash": None, "children": list(things)}
    return {"kind": "Listing", "data": data}


def _forbidden(reason: str) -> Answer:
    return told({"reason": reason, "message": "Forbidden", "error": 403}, status=403)
