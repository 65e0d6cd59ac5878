"""Mastodon's side of the world: https://docs.joinmastodon.org/methods/timelines/#tag and its neighbours.

Newest first on every page, whatever the direction; `min_id` gives the page right above it, `since_id` the
newest page down to it. As compatible servers do, a hashtag's timeline here also holds boosts.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from simulator.answers import Answer, Item, encoded, told
from simulator.markup import account_name, hashtags, mastodon_html, mentioned
from simulator.people import HOME_INSTANCE, Person
from simulator.stage import Said, Stage

TOKEN = "sim-mastodon-token"  # noqa: S105  (of a server that lives on this machine, and not for long)
STATUSES, NOTIFICATIONS = (20, 40), (40, 80)
"""Page sizes: the default and the most."""

Query = dict[str, list[str]]
Row = tuple[int, bytes, tuple[Item, ...]]
"""What a listing holds: the id that it is paged by, the item as JSON, and what that tells."""

NOT_FOUND = {"error": "Record not found"}


def _time(moment: Any) -> str:
    return str(moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"))


def account(person: Person) -> dict[str, Any]:
    """An Account entity."""
    return {
        "id": str(person.number),
        "username": person.mastodon.split("@")[0],
        "acct": account_name(person),
        "display_name": person.name,
        "locked": False,
        "bot": person.bot,
        "discoverable": True,
        "indexable": True,
        "group": False,
        "created_at": "2024-02-29T00:00:00.000Z",
        "note": "",
        "url": person.mastodon_url,
        "uri": person.mastodon_uri,
        "avatar": f"https://{HOME_INSTANCE}/avatars/missing.png",
        "followers_count": person.number % 900,
        "following_count": person.number % 300,
        "statuses_count": person.number % 2_000,
        "emojis": [],
        "fields": [],
    }


class Mastodon:
    """One server, `hub.example`, on which our own account lives."""

    platform = "mastodon"

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._seen = -1
        self._listings: dict[str, list[Row]] = {}

    # What a request gets. Every method answers with what it tells.

    def answer(self, path: str, query: Query, token: str | None, mischief: frozenset[str]) -> Answer:
        """The answer to GET `path` (below the server's base), without limits and transport faults."""
        if token is not None and token != TOKEN:
            return told({"error": "The access token is invalid"}, status=401, WWW_Authenticate=_REFUSED)
        steps = [step for step in path.split("/") if step]
        match steps:
            case ["api", "v1", "timelines", "tag", tag]:
                return self._listed(f"tag:{tag.lower()}", path, query, STATUSES, mischief)
            case ["api", "v1", "notifications"]:
                if token is None:
                    return told({"error": "This method requires an authenticated user"}, status=401)
                kinds = query.get("types[]", query.get("types", []))
                listing = "notifications" if kinds else "notifications:all"
                return self._listed(listing, path, query, NOTIFICATIONS, mischief, kinds=kinds)
            case ["api", "v1", "statuses", number, "context"]:
                return self._context(number, signed_in=token is not None)
            case ["api", "v1", "statuses", number]:
                said = self._by_number(number)
                return told(NOT_FOUND, status=404) if said is None else self._one(said)
            case ["api", "v1", "statuses"]:
                return self._several(query.get("id[]", query.get("id", [])))
            case ["api", "v1", ("accounts" | "apps"), "verify_credentials"] if token is None:
                return told({"error": "The access token is invalid"}, status=401)
            case ["api", "v1", "accounts", "verify_credentials"]:
                return told(account(self.stage.script.cast["us"]))
            case ["api", "v1", "apps", "verify_credentials"]:
                return told({"name": "Earshot", "website": None, "scopes": ["read"]})
            case ["api", ("v1" | "v2"), "instance"]:
                return told({"domain": HOME_INSTANCE, "uri": HOME_INSTANCE, "version": "4.5.0"})
        return told({"error": "Not Found"}, status=404)

    def _listed(
        self,
        listing: str,
        path: str,
        query: Query,
        sizes: tuple[int, int],
        mischief: frozenset[str],
        kinds: Sequence[str] = (),
    ) -> Answer:
        self._refresh()
        rows = self._listings.get(listing if not kinds else "notifications:all", [])
        if kinds:
            rows = [row for row in rows if any(f'"type":"{kind}"'.encode() in row[1] for kind in kinds)]
        default, most = sizes
        try:
            limit = max(1, min(most, int(query.get("limit", [str(default)])[0])))
            bounds = {
                name: int(query[name][0]) for name in ("max_id", "min_id", "since_id") if query.get(name)
            }
        except ValueError:
            return told([], via=listing)
        page = page_of(rows, limit, **bounds)
        if "duplicated" in mischief and "max_id" in bounds:
            page = [*[row for row in rows if row[0] == bounds["max_id"]], *page]
        if "duplicated" in mischief and page:
            page = [*page, page[0]]
        headers = {}
        if page:
            headers["Link"] = _link(path, query, newest=page[0][0], oldest=page[-1][0], base=_BASE)
        if "reordered" in mischief:
            page = page[:]
            random.Random(len(page)).shuffle(page)
        body = b"[" + b",".join(row[1] for row in page) + b"]"
        items = tuple(item for row in page for item in row[2])
        return Answer(body=body, headers=headers, items=items, via=listing)

    def _context(self, number: str, *, signed_in: bool) -> Answer:
        said = self._by_number(number)
        if said is None:
            return told(NOT_FOUND, status=404)
        above: list[Said] = []
        parent = self.stage.get(said.line.reply_to)
        while parent is not None:
            above.insert(0, parent)
            parent = self.stage.get(parent.line.reply_to)
        below = self._below(said)
        if not signed_in:
            above, below = above[-40:], below[:60]
        body = {
            "ancestors": [self.status(one) for one in above],
            "descendants": [self.status(one) for one in below],
        }
        return told(body, items=self._items(*above, *below), via="context")

    def _below(self, said: Said) -> list[Said]:
        """Everything that answers a post, depth first, older first."""
        found: list[Said] = []
        for one in self.stage.on("mastodon"):
            if one.line.reply_to == said.line.key:
                found += [one, *self._below(one)]
        return found

    def _one(self, said: Said) -> Answer:
        return told(self.status(said), items=self._items(said), via="status")

    def _several(self, numbers: Sequence[str]) -> Answer:
        found = [said for number in numbers if (said := self._by_number(number)) is not None]
        return told([self.status(said) for said in found], items=self._items(*found), via="statuses")

    def _by_number(self, number: str) -> Said | None:
        if not number.isdigit():
            return None
        wanted = int(number)
        return next((said for said in self.stage.on("mastodon") if said.number == wanted), None)

    # How it is written down.

    def status(self, said: Said) -> dict[str, Any]:
        """A Status entity; a boost carries the boosted status and no text of its own."""
        line, people = said.line, self.stage.script.cast
        parent = self.stage.get(line.reply_to)
        inner = self.stage.get(line.repost_of)
        quoted = self.stage.get(line.quote_of)
        url = f"{line.by.mastodon_url}/{line.external_id.rsplit('/', 1)[1]}"
        text = "" if inner else said.text
        entity: dict[str, Any] = {
            "id": str(said.number),
            "created_at": _time(said.created_at),
            "in_reply_to_id": str(parent.number) if parent else None,
            "in_reply_to_account_id": str(parent.line.by.number) if parent else None,
            "sensitive": False,
            "spoiler_text": "",
            "visibility": "public",
            "language": None if inner else line.lang,
            "uri": f"{line.external_id}/activity" if inner else line.external_id,
            "url": url,
            "replies_count": self.stage.replies[line.key],
            "reblogs_count": self.stage.reposts[line.key],
            "favourites_count": line.by.number % 7,
            "quotes_count": 0,
            "edited_at": _time(said.edited_at) if said.edited_at else None,
            "content": mastodon_html(text, people) if text else "",
            "reblog": self.status(inner) if inner else None,
            "application": {"name": "Web", "website": None} if line.by.own else None,
            "account": account(line.by),
            "media_attachments": [],
            "mentions": [_mention(people[key]) for key in mentioned(text)],
            "tags": [
                {"name": tag.lower(), "url": f"https://{HOME_INSTANCE}/tags/{tag.lower()}"}
                for tag in hashtags(text)
            ],
            "emojis": [],
            "quote": {"state": "accepted", "quoted_status": self.status(quoted)} if quoted else None,
            "card": None,
            "poll": None,
        }
        if line.poison == "no_id":
            del entity["id"], entity["uri"], entity["url"]
        if line.poison == "no_author":
            entity["account"] = None
        return entity

    def notification(self, said: Said, kind: str) -> dict[str, Any]:
        """A Notification entity; its ids count upwards and have nothing to do with those of statuses."""
        number = 1_000 + said.ordinal
        subject = self.stage.get(said.line.repost_of) if kind == "reblog" else said
        assert subject is not None
        return {
            "id": str(number),
            "type": kind,
            "created_at": _time(said.indexed_at),
            "group_key": f"ungrouped-{number}",
            "account": account(said.line.by),
            "status": self.status(subject),
        }

    def _refresh(self) -> None:
        """Make the listings anew when the world has changed since."""
        if self._seen == self.stage.changed:
            return
        self._seen = self.stage.changed
        listings: dict[str, list[Row]] = {}
        for said in self.stage.on("mastodon"):
            line = said.line
            source = self.stage.get(line.repost_of) if line.repost_of else said
            if source is None:
                continue
            body = encoded(self.status(said))
            for tag in hashtags(source.text):
                listings.setdefault(f"tag:{tag.lower()}", []).append((said.number, body, self._items(said)))
            kind = self._concerns_us(said)
            if kind:
                notification = self.notification(said, kind)
                row = (int(notification["id"]), encoded(notification), self._items(source))
                listings.setdefault("notifications:all", []).append(row)
        listings["notifications"] = listings.get("notifications:all", [])
        for rows in listings.values():
            rows.sort(key=lambda row: row[0])
        self._listings = listings

    def _items(self, *several: Said) -> tuple[Item, ...]:
        """What the statuses tell; a boost tells two things, itself and what it boosts."""
        found: list[Item] = []
        for said in several:
            line = said.line
            inner = self.stage.get(line.repost_of)
            if line.poison == "no_id":
                found.append(Item("reject", line.key))
            elif inner is not None:
                found.append(Item("repost", f"{line.external_id}/activity"))
                found.append(Item("post", inner.line.external_id, inner.version))
            else:
                found.append(Item("post", line.external_id, said.version))
        return tuple(found)

    def _concerns_us(self, said: Said) -> str | None:
        """Whether our account hears of a post, and under which type."""
        line = said.line
        if line.by.own:
            return None
        boosted = self.stage.get(line.repost_of)
        if boosted is not None:
            return "reblog" if boosted.line.by.own else None
        return "mention" if "us" in mentioned(said.text) else None


_REFUSED = 'Bearer realm="Doorkeeper", error="invalid_token", error_description="The access token is invalid"'
_BASE = "{base}"
"""Stands for the server's base URL until the answer goes out."""


def _mention(person: Person) -> dict[str, str]:
    return {
        "id": str(person.number),
        "username": person.mastodon.split("@")[0],
        "url": person.mastodon_url,
        "acct": account_name(person),
    }


def page_of(
    rows: list[Row],
    limit: int,
    max_id: int | None = None,
    min_id: int | None = None,
    since_id: int | None = None,
) -> list[Row]:
    """A page of rows that are sorted by id: newest first, all bounds exclusive."""
    low = bisect_right(rows, min_id, key=_id) if min_id is not None else 0
    if since_id is not None:
        low = max(low, bisect_right(rows, since_id, key=_id))
    high = bisect_left(rows, max_id, key=_id) if max_id is not None else len(rows)
    chosen = rows[low : min(high, low + limit)] if min_id is not None else rows[max(low, high - limit) : high]
    return chosen[::-1]


def _id(row: Row) -> int:
    return row[0]


def _link(path: str, query: Query, *, newest: int, oldest: int, base: str) -> str:
    kept = [(name, value) for name, values in query.items() if name not in _BOUNDS for value in values]
    older = urlencode([*kept, ("max_id", oldest)])
    newer = urlencode([*kept, ("min_id", newest)])
    where = f"{base}/{path.lstrip('/')}"
    return f'<{where}?{older}>; rel="next", <{where}?{newer}>; rel="prev"'


_BOUNDS = ("max_id", "min_id", "since_id")
