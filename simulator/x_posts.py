"""Posts as X writes them: with ids that tell the time, all versions of each, and what they refer to.

https://docs.x.com/x-api/fundamentals/data-dictionary, .../edit-posts. An id is made when a post, or an edit of one,
comes into the world; so the ids of the script are provisional, and only posts that were there before anybody
looked have times of their own.
"""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from simulator.markup import hashtags, mentioned, parts
from simulator.people import Person, letters_of
from simulator.stage import Said, Stage
from simulator.x_query import Facts

EPOCH = datetime(2010, 11, 4, 1, 42, 54, 657_000, tzinfo=UTC)
_TIMES = {"year_1": "0001-01-01T00:00:00.000Z", "year_10000": "10000-01-01T00:00:00.000Z"}


def handle_of(person: Person) -> str:
    """A person's handle: at most fifteen letters, digits and underscores."""
    return re.sub(r"\W", "_", person.forum)[:15]


def id_at(when: datetime) -> int:
    """The lowest id that is made at this time."""
    return (when - EPOCH) // timedelta(milliseconds=1) << 22


def time_of(number: int) -> datetime:
    return EPOCH + timedelta(milliseconds=number >> 22)


class Posts:
    """What has been said on X: `there` are those that can be seen, `versions` all ids of each by its key."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.versions: dict[str, list[int]] = {}
        self.by_id: dict[int, Said] = {}
        self.there: list[tuple[Said, Facts]] = []
        self._changed = -1
        self._last = 0

    def look(self) -> None:
        """Give ids to what is new since the last look, in the order in which it came, and index what can be seen."""
        if self._changed == self.stage.changed:
            return
        first_look, self._changed = self._changed < 0, self.stage.changed
        mine = [said for said in self.stage.said.values() if said.line.platform == "x"]
        if first_look:
            mine.sort(key=lambda said: said.sort_at)
        for said in mine:
            ids = self.versions.setdefault(said.line.key, [])
            if not ids:
                ids.append(self._made(said.sort_at if first_look else said.indexed_at))
                said.line = replace(said.line, external_id=str(ids[0]))
                if said.line.key in self.stage.script.lines:
                    self.stage.script.lines[said.line.key] = said.line
            while len(ids) <= said.version:
                ids.append(self._made(said.edited_at or said.indexed_at))
            self.by_id |= dict.fromkeys(ids, said)
        self.there = [(said, self._facts(said)) for said in mine if self._is_there(said)]

    def _made(self, when: datetime) -> int:
        """An id of this time, above all that there were before."""
        self._last = max(id_at(when), self._last + 1)
        return self._last

    def _is_there(self, said: Said) -> bool:
        """A repost goes with what it repeats."""
        original = self.stage.said.get(said.line.repost_of or "")
        return not said.deleted and (
            said.line.repost_of is None or (original is not None and not original.deleted)
        )

    def newest(self, said: Said) -> int:
        return self.versions[said.line.key][-1]

    def _root(self, said: Said) -> Said:
        while (above := self.stage.said.get(said.line.reply_to or "")) is not None:
            said = above
        return said

    def _facts(self, said: Said) -> Facts:
        line, kinds = said.line, set()
        for kind, key in (("retweet", line.repost_of), ("reply", line.reply_to), ("quote", line.quote_of)):
            if key is not None:
                kinds.add(kind)
        shown = self.stage.said.get(line.repost_of or "") or said
        text, people = self._text(shown)
        return Facts(
            text=text.lower(),
            author=handle_of(line.by).lower(),
            mentions=frozenset(handle_of(person).lower() for person in people),
            tags=frozenset(tag.lower() for tag in hashtags(shown.text)),
            lang=line.lang or "und",
            conversation=str(self.versions[self._root(said).line.key][0]),
            kinds=frozenset(kinds),
        )

    def _text(self, said: Said, version: int | None = None) -> tuple[str, list[Person]]:
        """The text of a version with handles for names, an answer beginning with whom it answers, and who is named."""
        line, cast = said.line, self.stage.script.cast
        raw = said.text if version in (None, said.version) else _version_text(said, version or 0)
        people = [cast[key] for key in mentioned(raw)]
        shown = "".join(
            f"@{handle_of(cast[p.value])}"
            if p.kind == "mention"
            else f"#{p.value}"
            if p.kind == "hashtag"
            else p.value
            for p in parts(raw)
        )
        parent = self.stage.said.get(line.reply_to or "")
        if parent is not None and parent.line.by.key != line.by.key:
            shown = f"@{handle_of(parent.line.by)} {shown}"
            people = [parent.line.by, *people]
        return shown, people

    def post(self, said: Said, number: int | None = None) -> dict[str, Any]:
        line = said.line
        ids = self.versions[line.key]
        version = ids.index(number) if number is not None else len(ids) - 1
        own = ids[version]
        text, people = self._text(said, version)
        root = self._root(said)
        post: dict[str, Any] = {
            "id": str(own),
            "edit_history_tweet_ids": [str(n) for n in ids],
            "author_id": str(line.by.number),
            "created_at": _TIMES.get(line.poison or "", stamp(time_of(own))),
            "conversation_id": str(self.versions[root.line.key][0]),
            "lang": line.lang or "und",
            "public_metrics": {
                "retweet_count": self.stage.reposts[line.key],
                "reply_count": self.stage.replies[line.key],
                "like_count": line.by.number % 9,
                "quote_count": 0,
            },
        }
        references = self._references(said)
        if references:
            post["referenced_tweets"] = references
        parent = self.stage.said.get(line.reply_to or "")
        if parent is not None:
            post["in_reply_to_user_id"] = str(parent.line.by.number)
        original = self.stage.said.get(line.repost_of or "")
        if original is not None:
            inner, _ = self._text(original)
            text = f"RT @{handle_of(original.line.by)}: {inner}"
            text = text if len(text) <= 140 else f"{text[:139]}…"
        text, urls = self._shortened(text)
        entities: dict[str, Any] = {"urls": urls} if urls else {}
        tags = hashtags(said.text)
        if tags:
            entities["hashtags"] = [{"start": 0, "end": 1, "tag": tag} for tag in tags]
        if people:
            named = ({"username": handle_of(p), "id": str(p.number)} for p in people)
            entities["mentions"] = [{"start": 0, "end": 1, **one} for one in named]
        if entities:
            post["entities"] = entities
        escaped = html.escape(text, quote=False)
        if len(text) > 280:
            post["note_tweet"] = {"text": escaped}
            escaped = html.escape(text[:279], quote=False) + "…"
        post["text"] = escaped
        if line.poison == "no_id":
            del post["id"]
        if line.poison == "no_author":
            del post["author_id"]
        return post

    def _references(self, said: Said) -> list[dict[str, str]]:
        line = said.line
        kinds = (("retweeted", line.repost_of), ("quoted", line.quote_of), ("replied_to", line.reply_to))
        return [
            {"type": kind, "id": str(self.versions[key][0])} for kind, key in kinds if key in self.versions
        ]

    def _shortened(self, text: str) -> tuple[str, list[dict[str, Any]]]:
        """Every address as t.co writes it, and what it stands for."""
        urls: list[dict[str, Any]] = []

        def short(found: re.Match[str]) -> str:
            url = f"https://t.co/{letters_of(10, found[0])}"
            urls.append({"start": found.start(), "end": found.end(), "url": url, "expanded_url": found[0]})
            return url

        return re.sub(r"https?://[^\s<>\"]+[^\s<>\".,!?;:)]", short, text), urls


def _version_text(said: Said, version: int) -> str:
    return said.line.text if version == 0 else said.line.edits[version - 1].text


def user(person: Person) -> dict[str, Any]:
    return {"id": str(person.number), "username": handle_of(person), "name": person.name or handle_of(person)}


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
