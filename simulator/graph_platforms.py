"""Facebook Pages, Instagram and Threads as they are here; what they have in common is in `graph`.

On Facebook a line's feed is the page that it stands on (`tarnbeck` is our own); on Instagram and Threads it stands on its
author's profile. A page's limit is code 32, an app's on Instagram 4 with 403, on Threads 613.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from simulator.answers import Answer, Item, told
from simulator.graph import (
    STRANGER,
    Graph,
    item_of,
    missing,
    page_id,
    person_id,
    place_of,
    refused,
    stamp,
    written,
)
from simulator.markup import hashtags, mentioned
from simulator.people import number_of
from simulator.stage import Said, Stage

if TYPE_CHECKING:
    from simulator.asked import Asked


class Facebook(Graph):
    """Pages, their visitors and what they say under each other's posts."""

    platform = "facebook"
    limit_code, kind = 32, "pages"

    def asked_for(self, path: list[str], asked: Asked) -> Answer:
        us = self.stage.script.cast["us"]
        match path:
            case ["me"]:
                return told({"id": self._id(us.forum), "name": us.name})
            case ["me", "permissions"]:
                return refused(
                    100, None, "Tried accessing nonexisting field (permissions) on node type (Page)"
                )
            case [page, "feed"]:
                name = self._page(page)
                found = [said for said in self.there().posts if said.line.feed == name]
                return missing() if name is None else self.listed(asked, found, f"feed:{name}")
            case [page, "tagged"]:
                name = self._page(page)
                if name is None:
                    return missing()
                return self.listed(asked, self._tagged(name), f"tagged:{name}", by_time=True)
            case [post, "comments"]:
                root = self.find(post)
                return (
                    missing() if root is None else self.listed(asked, self.beneath(root), f"comments:{post}")
                )
            case [ident]:
                return self.single(ident, asked)
        return refused(2500, None, "Unknown path components")

    def _id(self, name: str) -> str:
        return page_id(self.stage.script.seed, name)

    def _page(self, asked: str) -> str | None:
        """A page's name, by its number, its name, or as our own."""
        us = self.stage.script.cast["us"].forum
        names = {us, *(said.line.feed for said in self.there().posts)}
        wanted = us if asked == "me" else asked
        return next((name for name in sorted(names) if wanted in (name, self._id(name))), None)

    def _tagged(self, name: str) -> list[Said]:
        """Posts elsewhere that name the person whose page it is."""
        people = self.stage.script.cast
        who = {key for key, person in people.items() if person.forum == name}
        return [
            said for said in self.there().posts if said.line.feed != name and who & set(mentioned(said.text))
        ]

    def written_down(self, said: Said, asked: Asked) -> dict[str, Any]:
        line = said.line
        words, tags = self._tags(said)
        value: dict[str, Any] = {"id": line.external_id, "created_time": self.time(said)}
        if words:
            value["message"] = words
        if tags:
            value["message_tags"] = tags
        if asked.token != STRANGER and line.poison != "no_author":
            page = self._id(line.feed) if line.by.forum == line.feed else person_id(line.by)
            value["from"] = {"id": page, "name": line.by.name}
        root = self.stage.said[self.there().roots[line.key]]
        where = f"https://www.facebook.com/{self._id(root.line.feed)}/posts/{root.line.external_id.partition('_')[2]}"
        if line.reply_to is None:
            last = max((written(one) for one in self.beneath(said)), default=written(said))
            value["permalink_url"] = where
            value["updated_time"] = stamp(max(last, said.edited_at or last))
            value["comments"] = {"data": [], "summary": {"total_count": self.count(said)}}
            value["reactions"] = {"data": [], "summary": {"total_count": line.by.number % 9}}
            return value
        value["permalink_url"] = f"{where}/?comment_id={line.external_id.partition('_')[2]}"
        parent = self.stage.get(line.reply_to)
        if parent is not None and parent.line.reply_to is not None:
            value["parent"] = {"id": parent.line.external_id, "created_time": self.time(parent)}
        return value

    def _tags(self, said: Said) -> tuple[str, list[dict[str, Any]]]:
        """The words, in which names are people's full ones, and where those stand."""
        words, tags = "", []
        for part in self.spelled(said):
            if part.kind != "mention":
                words += part.value
                continue
            who = self.stage.script.cast[part.value]
            ident = self._id(who.forum) if who.own else person_id(who)
            tags.append({"id": ident, "name": who.name, "offset": len(words), "length": len(who.name)})
            words += who.name
        return words, tags


class _Renewed(Graph):
    """Tokens that end after sixty days and are renewed while they live."""

    prefix = ""
    seconds = 60 * 86_400.0

    def renew(self, asked: Asked) -> Answer:
        if asked.one("grant_type") != f"{self.prefix}_refresh_token":
            return refused(100, None, "Invalid parameter")
        token = f"sim-{self.prefix}-{len(self.tokens)}"
        self.tokens[token] = asked.now.timestamp() + self.seconds
        return told({"access_token": token, "token_type": "bearer", "expires_in": int(self.seconds)})


class Instagram(_Renewed):
    """Media, comments and one level of answers to them. `tags` are the hashtags that an account asked for, by when."""

    platform = "instagram"
    prefix, kind, limit_status = "ig", "instagram", 403
    inline = 50

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.tags: dict[str, datetime] = {}

    def asked_for(self, path: list[str], asked: Asked) -> Answer:
        us = self.stage.script.cast["us"]
        ours = {"me", person_id(us)}
        match path:
            case ["refresh_access_token"]:
                return self.renew(asked)
            case ["me"]:
                return told({"id": person_id(us), "user_id": person_id(us), "username": us.forum})
            case ["ig_hashtag_search"]:
                return self._number(asked)
            case [who, "media"] if who in ours:
                return self.listed(asked, [said for said in self.there().posts if said.line.by.own], "media")
            case [who, "tags"] if who in ours:
                found = [s for s in self.there().posts if "us" in mentioned(s.text) and not s.line.by.own]
                return self.listed(asked, found, "tags")
            case [number, "recent_media"]:
                return self._recent(number, asked)
            case [media, "comments"]:
                root = self.find(media)
                if root is None:
                    return missing()
                top = [one for one in self.beneath(root) if one.line.reply_to == root.line.key]
                return self.listed(asked, top, f"comments:{media}", self._with_answers)
            case [comment, "replies"]:
                above = self.find(comment)
                return (
                    missing()
                    if above is None
                    else self.listed(asked, self._answers(above), f"replies:{comment}")
                )
            case [ident]:
                return self.single(ident, asked)
        return missing()

    def _number(self, asked: Asked) -> Answer:
        """A hashtag's number: thirty different ones in seven days."""
        name, now = asked.one("q").lower(), asked.now
        self.tags = {tag: when for tag, when in self.tags.items() if when > now - timedelta(days=7)}
        if name not in self.tags and len(self.tags) >= 30:
            return refused(18, None, "more than 30 unique hashtags", status=403)
        self.tags.setdefault(name, now)
        return told({"data": [{"id": self._of(name)}]})

    def _of(self, name: str) -> str:
        return f"178{number_of(self.stage.script.seed, 'hashtag', name)}"

    def _recent(self, number: str, asked: Asked) -> Answer:
        """The last 24 hours of a hashtag, whoever wrote them."""
        if not asked.one("user_id"):
            return refused(100, None, "The parameter user_id is required")
        since = asked.now - timedelta(hours=24)
        found = [
            said
            for said in self.there().posts
            if written(said) > since and number in {self._of(tag.lower()) for tag in hashtags(said.text)}
        ]
        return self.listed(asked, found, f"hashtag:{number}", self._nameless)

    def _answers(self, comment: Said) -> list[Said]:
        """All that is said under a comment, oldest first: here there is one level of answers."""
        root = self.stage.said[self.there().roots[comment.line.key]]
        return [
            one for one in reversed(self.beneath(root)) if self._top(one) is comment and one is not comment
        ]

    def _top(self, said: Said) -> Said:
        """The comment under which an answer is shown."""
        root = self.there().roots[said.line.key]
        while (
            said.line.reply_to != root
            and (parent := self.stage.said.get(said.line.reply_to or "")) is not None
        ):
            said = parent
        return said

    def written_down(self, said: Said, asked: Asked) -> dict[str, Any]:
        line, words = said.line, self.plain(said)
        value: dict[str, Any] = {"id": line.external_id, "timestamp": self.time(said)}
        named = asked.token != STRANGER and line.poison != "no_author"
        if named:
            value["username"] = line.by.forum
        if line.reply_to is None:
            value |= {
                "media_type": "IMAGE",
                "permalink": f"https://www.instagram.com/p/{line.external_id[-11:]}/",
            }
            value["comments_count"] = self.count(said)
            return {**value, "caption": words} if words else value
        value["text"] = words
        if named:
            value["from"] = {"id": person_id(line.by), "username": line.by.forum}
        top = self._top(said)
        return value if top is said else {**value, "parent_id": top.line.external_id}

    def _nameless(self, said: Said, asked: Asked) -> dict[str, Any]:
        value = self.written_down(said, asked)
        value.pop("username", None)
        return value

    def _with_answers(self, said: Said, asked: Asked) -> dict[str, Any]:
        value, answers = self.written_down(said, asked), self._answers(said)
        there = [one for one in answers[: self.inline] if not one.deleted]
        if not there:
            return value
        replies: dict[str, Any] = {"data": [self.written_down(one, asked) for one in there]}
        if len(answers) > self.inline:
            after = place_of(answers[self.inline - 1])
            query = urlencode({"access_token": asked.token, "after": after})
            replies["paging"] = {"cursors": {"after": after}, "next": f"{asked.base}/x/replies?{query}"}
        return {**value, "replies": replies}

    def items(self, said: Said, asked: Asked) -> list[Item]:
        """A comment comes with its first answers."""
        inner = self._answers(said) if "replies" in asked.one("fields") and said.line.reply_to else []
        return [item_of(said), *(item_of(one) for one in inner[: self.inline] if not one.deleted)]


class Threads(_Renewed):
    """Posts and conversations. `searches` are the times of those that found something: 2,200 in a day."""

    platform = "threads"
    prefix, limit_code, nextless = "th", 613, True
    searches_a_day = 2_200

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.searches: list[datetime] = []

    def asked_for(self, path: list[str], asked: Asked) -> Answer:
        us = self.stage.script.cast["us"]
        ours = {"me", person_id(us)}
        match path:
            case ["refresh_access_token"]:
                return self.renew(asked)
            case ["me"]:
                return told({"id": person_id(us), "username": us.forum})
            case ["keyword_search"]:
                return self._search(asked)
            case [who, "threads"] if who in ours:
                return self.listed(
                    asked, [said for said in self.there().posts if said.line.by.own], "threads"
                )
            case [who, "mentions"] if who in ours:
                return self.listed(
                    asked,
                    [s for s in self._all() if "us" in mentioned(s.text) and not s.line.by.own],
                    "mentions",
                )
            case [post, "conversation"]:
                root = self.find(post)
                if root is None:
                    return missing()
                if not root.line.by.own:
                    return refused(
                        10, None, "Application does not have permission for this action", status=500
                    )
                return self.listed(asked, self.beneath(root), f"conversation:{post}")
            case [ident]:
                return self.single(ident, asked)
        return missing()

    def _all(self) -> list[Said]:
        found = [*self.there().posts, *(one for several in self.there().below.values() for one in several)]
        return sorted(found, key=lambda said: (written(said), said.ordinal), reverse=True)

    def _search(self, asked: Asked) -> Answer:
        now, q = asked.now, asked.one("q").lower()
        self.searches = [when for when in self.searches if when > now - timedelta(days=1)]
        if len(self.searches) >= self.searches_a_day:
            return refused(613, None, "Calls to this api have exceeded the rate limit.")
        if asked.one("search_mode") == "TAG":
            found = [s for s in self._all() if q in {tag.lower() for tag in hashtags(s.text)}]
        else:
            words = [re.compile(rf"(?<!\w){re.escape(word)}") for word in q.split()]
            found = [s for s in self._all() if all(word.search(self.plain(s).lower()) for word in words)]
        answer = self.listed(asked, found, f"search:{q}")
        if answer.items:
            self.searches.append(now)
        return answer

    def items(self, said: Said, asked: Asked) -> list[Item]:
        """A repost is an item of its own kind."""
        return [Item("repost", said.line.external_id)] if said.line.repost_of else [item_of(said)]

    def written_down(self, said: Said, asked: Asked) -> dict[str, Any]:
        line, there = said.line, self.there()
        value: dict[str, Any] = {
            "id": line.external_id,
            "timestamp": self.time(said),
            "permalink": f"https://www.threads.net/@{line.by.forum}/post/{line.external_id[-11:]}",
            "has_replies": bool(self.count(said)),
            "is_quote_post": line.quote_of is not None,
            "is_reply": line.reply_to is not None,
        }
        if line.poison != "no_author":
            value["username"] = line.by.forum
        lines = self.stage.script.lines
        other = self.stage.said.get(line.repost_of or line.quote_of or "")
        above = other.line if other else lines.get(line.repost_of or line.quote_of or "")
        if line.repost_of:
            inner = {"reposted_post": {"id": above.external_id}} if above else {}
            return {**value, "media_type": "REPOST_FACADE", **inner}
        value |= {"media_type": "TEXT_POST", "text": self.plain(said)}
        if line.quote_of and above:
            value["quoted_post"] = {"id": above.external_id}
        parent = self.stage.said.get(line.reply_to or "")
        if parent is not None:
            root = self.stage.said[there.roots[line.key]]
            value |= {
                "replied_to": {"id": parent.line.external_id},
                "root_post": {"id": root.line.external_id},
            }
        return value
