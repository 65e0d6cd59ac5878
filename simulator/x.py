"""X's side of the world: https://docs.x.com/x-api, the second version of the API.

A search finds what fits its query, and what has that query for its line's feed; mentions are those of the account,
and of a feed that is its number. What is younger than `unsettled` seconds, a search does not show.
"""

from __future__ import annotations

import random
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from simulator.answers import Answer, Item, told
from simulator.limits import Window
from simulator.people import letters_of
from simulator.stage import Said, Stage
from simulator.x_keys import COUNT, MOST_POSTS, OWNED, POST, USER, Bill, Keys
from simulator.x_posts import EPOCH, Posts, handle_of, id_at, stamp, time_of, user
from simulator.x_query import Facts, fits

if TYPE_CHECKING:
    from simulator.asked import Asked

WEEK = timedelta(days=7)
MOST_MENTIONS = 800
PROBLEMS = "https://api.x.com/2/problems"
UNREADABLE = frozenset({"no_id", "year_10000"})


@dataclass
class Answered(Window):
    """A window that counts what it lets through: what is answered with 429 takes nothing of it."""

    def take(self, now: float) -> bool:
        """See `Window`."""
        within = super().take(now)
        self.used = min(self.used, self.limit)
        return within


class X:
    """The API. `keys` are its tokens, `bill` what they cost; `unsettled` is in seconds."""

    platform = "x"

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.window: Window = Answered(450, 900)
        self.keys, self.bill = Keys(), Bill()
        self.unsettled = 0.0
        self.posts = Posts(stage)

    def rates(self, window: Window, now: float) -> dict[str, str]:
        return {
            "x-rate-limit-limit": str(window.limit),
            "x-rate-limit-remaining": str(window.remaining),
            "x-rate-limit-reset": str(int(window.until) + 1),
        }

    def too_many(self, window: Window, now: float) -> Answer:
        detail = {
            "title": "Too Many Requests",
            "detail": "Too Many Requests",
            "type": "about:blank",
            "status": 429,
        }
        return told(detail, status=429)

    def answer(self, asked: Asked) -> Answer:
        """The answer to a request; whoever has a token pays for what it returns."""
        path, now = asked.path.strip("/"), asked.now.timestamp()
        basic = asked.token if asked.headers.get("authorization", "").lower().startswith("basic ") else None
        form = {name: values[0] for name, values in asked.form.items()}
        if path == "oauth2/token":
            return self.keys.app(basic, form.get("grant_type", ""))
        if path == "2/oauth2/token":
            return self.keys.renew(basic, form.get("client_id", ""), form.get("refresh_token", ""), now)
        refused = self.keys.refused(asked.token, now)
        if refused is not None or asked.token is None:
            return refused or Answer(status=401)
        if path == "2/users/me":
            return self._me(asked.token)
        if path == "2/usage/tweets":
            return self._usage(asked)
        refused = self.bill.refused(asked.token, asked.now)
        if refused is not None:
            return refused
        self.posts.look()
        if path == "2/tweets/search/recent":
            return self._search(asked)
        if path == "2/tweets/counts/recent":
            return self._counts(asked)
        if path == "2/tweets":
            return self._lookup(asked)
        found = re.fullmatch(r"2/users/(\w+)/mentions", path)
        return self._mentions(asked, found[1]) if found else Answer(status=404, body=b"")

    # What is asked for.

    def _me(self, token: str) -> Answer:
        if not self.keys.is_user(token):
            detail = "Authenticating with OAuth 2.0 Application-Only is forbidden for this endpoint."
            kind = f"{PROBLEMS}/unsupported-authentication"
            return told({"title": "Unsupported Authentication", "detail": detail, "type": kind}, status=403)
        us = self.stage.script.cast["us"]
        return told({"data": user(us)})

    def _usage(self, asked: Asked) -> Answer:
        used = self.bill.posts[asked.token or "", f"{asked.now:%Y-%m}"]
        data = {
            "project_id": "1",
            "project_cap": str(MOST_POSTS),
            "project_usage": str(used),
            "cap_reset_day": 1,
        }
        return told({"data": data})

    def _search(self, asked: Asked) -> Answer:
        query = asked.one("query")
        if not query or len(query) > 4_096:
            return _invalid("query", query)
        if asked.one("sort_order", "recency") != "recency":
            return _invalid("sort_order", asked.one("sort_order"))
        shown = asked.now - timedelta(seconds=self.unsettled)
        found = [
            said
            for said, facts in self.posts.there
            if asked.now - WEEK <= time_of(self.posts.newest(said)) <= shown
            and self._fits(query, said, facts)
        ]
        root = re.fullmatch(r"conversation_id:(\d+)", query.strip())
        return self._paged(asked, found, "next_token", 10, also=int(root[1]) if root else None, searched=True)

    def _fits(self, query: str, said: Said, facts: Facts) -> bool:
        return (bool(said.line.feed) and said.line.feed == query) or fits(query, facts)

    def _mentions(self, asked: Asked, number: str) -> Answer:
        people = {str(person.number): person for person in self.stage.script.cast.values()}
        if not number.isdigit():
            return _invalid("id", number)
        found = [
            said
            for said, facts in self.posts.there
            if said.line.feed == number
            or (number in people and handle_of(people[number]).lower() in facts.mentions)
        ]
        if not found and number not in people:
            return told({"errors": [_gone(number, "id", "user")]})
        found = [said for said in found if said.line.repost_of is None]
        owned = self.keys.is_user(asked.token) and number == str(self.stage.script.cast["us"].number)
        newest = sorted(found, key=self.posts.newest, reverse=True)[:MOST_MENTIONS]
        return self._paged(asked, newest, "pagination_token", 5, price=OWNED if owned else POST)

    def _paged(
        self,
        asked: Asked,
        found: Iterable[Said],
        token_name: str,
        least: int,
        *,
        also: int | None = None,
        price: int = POST,
        searched: bool = False,
    ) -> Answer:
        """One page, newest first, of what lies between the bounds that were asked for."""
        size = asked.one("max_results", "10")
        if not size.isdigit() or not least <= int(size) <= 100:
            return _invalid("max_results", size)
        since, until = asked.one("since_id"), asked.one("until_id")
        start, end = asked.one("start_time"), asked.one("end_time")
        if (since or until) and (start or end):
            return _invalid("since_id" if since else "until_id", since or until)
        for name, value in (("since_id", since), ("until_id", until)):
            if value and (not value.isdigit() or (searched and time_of(int(value)) < asked.now - WEEK)):
                return _invalid(name, value)
        for name, value in (("start_time", start), ("end_time", end)):
            when = _moment(value)
            if value and (when is None or (searched and when < asked.now - WEEK)):
                return _invalid(name, value)
        low = max(int(since or 0) + 1, id_at(_moment(start) or EPOCH))
        high = min(int(until or 2**63), id_at(_moment(end) or asked.now + WEEK))
        what = f"{asked.path}|{asked.one('query')}|{since}|{until}|{start}|{end}"
        token = asked.one(token_name)
        if token:
            place = _place_of(token, what)
            if place is None:
                return _invalid(token_name, token)
            high = min(high, place)
        numbered = sorted(
            ((self.posts.newest(said), said) for said in found), key=lambda one: one[0], reverse=True
        )
        within = [said for number, said in numbered if low <= number < high]
        page, rest = within[: int(size)], within[int(size) :]
        meta: dict[str, Any] = {"result_count": len(page)}
        if page:
            meta |= {
                "newest_id": str(self.posts.newest(page[0])),
                "oldest_id": str(self.posts.newest(page[-1])),
            }
        if rest:
            meta["next_token"] = _token(self.posts.newest(page[-1]), what)
        if "duplicated" in asked.mischief and page:
            page = [*page, page[0]]
        if "reordered" in asked.mischief:
            random.Random(len(page)).shuffle(page)
        return self._told(asked, page, meta, also, price)

    def _told(
        self, asked: Asked, page: Sequence[Said], meta: dict[str, Any], also: int | None, price: int
    ) -> Answer:
        """A page with what its posts refer to; what cannot be shown of that is named among the errors."""
        data = [self.posts.post(said) for said in page]
        beside, errors, noted = {}, [], []
        for said, item in zip(page, data, strict=True):
            noted.append(_item(said))
            for reference in item.get("referenced_tweets", ()):
                inner = self.posts.by_id.get(int(reference["id"]))
                if inner is None or inner.deleted:
                    errors.append(_gone(reference["id"], "referenced_tweets.id", "tweet"))
                    continue
                beside[reference["id"]] = inner
                if reference["type"] == "retweeted" or int(reference["id"]) == also:
                    noted.append(_item(inner))
        people = {said.line.by.number: said.line.by for said in (*page, *beside.values()) if _signed(said)}
        tweets = [self.posts.post(inner) for inner in beside.values()]
        prices = {f"post:{tweet['id']}": POST for tweet in tweets}
        prices |= {
            f"post:{item.get('id', said.line.key)}": price for said, item in zip(page, data, strict=True)
        }
        prices |= {f"user:{number}": USER for number in people}
        self.bill.charge(asked.token or "", asked.now, prices)
        body: dict[str, Any] = {"data": data, "meta": meta} if data else {"meta": meta}
        includes = {"users": [user(person) for person in people.values()], "tweets": tweets}
        if any(includes.values()):
            body["includes"] = {name: several for name, several in includes.items() if several}
        if errors:
            body["errors"] = errors
        return told(body, items=noted, via=f"{asked.path}:{asked.one('query').lower()}")

    def _lookup(self, asked: Asked) -> Answer:
        """Posts by the id of any of their versions, each in that version; the others come along if asked for."""
        ids = [one for one in asked.one("ids").split(",") if one]
        if not 1 <= len(ids) <= 100 or not all(one.isdigit() for one in ids):
            return _invalid("ids", asked.one("ids"))
        found = {one: said for one in ids if (said := self.posts.by_id.get(int(one))) and not said.deleted}
        data = [self.posts.post(said, int(one)) for one, said in found.items()]
        body: dict[str, Any] = {"data": data} if data else {}
        prices = {f"post:{one}": POST for one in found}
        if "edit_history_tweet_ids" in asked.one("expansions") and data:
            told_ids = dict.fromkeys(n for said in found.values() for n in self.posts.versions[said.line.key])
            body["includes"] = {"tweets": [self.posts.post(self.posts.by_id[n], n) for n in told_ids]}
            prices |= {f"post:{n}": POST for n in told_ids}
        gone = [_gone(one, "ids", "tweet") for one in ids if one not in found]
        if gone:
            body["errors"] = gone
        self.bill.charge(asked.token or "", asked.now, prices)
        return told(body, items=[_item(said) for said in found.values()], via="lookup")

    def _counts(self, asked: Asked) -> Answer:
        query = asked.one("query")
        if not query:
            return _invalid("query", query)
        edges = [asked.now - WEEK + timedelta(days=n) for n in range(8)]
        times = [
            time_of(self.posts.newest(said))
            for said, facts in self.posts.there
            if self._fits(query, said, facts)
        ]
        buckets = [
            {"start": stamp(a), "end": stamp(b), "tweet_count": sum(a <= when < b for when in times)}
            for a, b in pairwise(edges)
        ]
        self.bill.charge(asked.token or "", asked.now, {f"count:{query}:{asked.now.isoformat()}": COUNT})
        return told({"data": buckets, "meta": {"total_tweet_count": sum(b["tweet_count"] for b in buckets)}})


def _signed(said: Said) -> bool:
    return said.line.poison != "no_author"


def _item(said: Said) -> Item:
    if said.line.poison in UNREADABLE:
        return Item("reject", said.line.key)
    return Item("repost" if said.line.repost_of else "post", said.line.external_id, said.version)


def _gone(number: str, parameter: str, what: str) -> dict[str, str]:
    return {
        "value": number,
        "detail": f"Could not find {what} with {parameter}: [{number}].",
        "title": "Not Found Error",
        "resource_type": what,
        "parameter": parameter,
        "resource_id": number,
        "type": f"{PROBLEMS}/resource-not-found",
    }


def _invalid(parameter: str, value: str) -> Answer:
    problem = {
        "errors": [{"parameters": {parameter: [value]}, "message": f"'{parameter}' is not what it may be."}],
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": f"{PROBLEMS}/invalid-request",
    }
    return told(problem, status=400)


def _token(number: int, what: str) -> str:
    return urlsafe_b64encode(f"{number}|{letters_of(12, what)}".encode()).decode()


def _place_of(token: str, what: str) -> int | None:
    """Below which id the page begins that a token leads to; None when it is not one for this question."""
    try:
        number, given_for = urlsafe_b64decode(token).decode().split("|")
        return int(number) if given_for == letters_of(12, what) else None
    except ValueError:
        return None


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
