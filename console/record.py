"""One answer of a live platform as a recording for the tests: asked once, scrubbed, written with what came of it.

Scrubbed are secrets wherever they stand, headers but for those that mean something, what addresses carry as keys, people's
handles and names (each becomes a name of its own, the same everywhere), e-mail addresses and telephone numbers. Who is a
person is told by the shape of the answer, and by the posts that the connector made of it. What people said stays as they
said it: somebody has to read the file before it is shared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote, unquote_plus

import msgspec

from connectors._base import Answer, Auth, ConnectorError, Denied, Gone, Http, Judge, Page, TryLater, Watch
from workers.folding import addresses_in, phones_in

KEPT_HEADERS = re.compile(
    r"(?:content-type|date|retry-after|link|etag|last-modified|www-authenticate|location)$"
    r"|(?:x-)?rate-?limit|x-(?:app|page|business-use-case|ad-account)-usage"
)
_SECRET_PARAMETER = re.compile(
    r"(?i)([?&;](?:access_token|key|token|sig|signature|client_secret|appsecret_proof|oh|oe|code)=)[^&#\"\s]*"
)
_SECRET_KEY = re.compile(r"(?i)(?:access|refresh|id|page)?_?(?:token|jwt|secret|password)$")
_PEOPLE = frozenset(
    [
        "username",
        "screen_name",
        "acct",
        "handle",
        "author",
        "author_handle",
        "authorname",
        "authordisplayname",
        "display_name",
        "displayname",
        "author_fullname",
        "name_of_author",
        "preferredusername",
        "from_username",
        "link_author",
    ]
)
"""Keys whose text is somebody's name or handle, wherever they stand."""
_PERSONS = frozenset(
    [
        "account",
        "actor",
        "author",
        "authors",
        "commenter",
        "creator",
        "from",
        "mentions",
        "message_tags",
        "owner",
        "profile",
        "reviewer",
        "sender",
        "story_tags",
        "to",
        "user",
        "users",
        "with_tags",
    ]
)
"""Keys whose objects are people, or name them."""
_NAMED = frozenset(["name", "label", "title"])
"""Keys that hold a person's name only in an object that is one, or that says elsewhere who it is."""
_WHO = frozenset(["username", "screen_name", "acct", "handle", "did", "uri", "authorchannelid"])
LEAST = 3
"""Shorter names are replaced where they stand as names, and not in what people said."""
_BETWEEN_SPACES = 0x590
"""Scripts from here on write names together with what stands before or after them."""


@dataclass(slots=True)
class Recorder:
    """An `Http` that asks another and keeps its answers, those that are errors too."""

    asked: Http
    answers: list[Answer] = field(default_factory=list)

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        auth: Auth = "bearer",
        endpoint: str = "read",
        judge: Judge | None = None,
    ) -> Answer:
        """As Http's."""
        answer = await self.asked.get(
            url,
            params=params,
            headers=headers,
            token=token,
            auth=auth,
            endpoint=endpoint,
            judge=self._keeping(judge),
        )
        self.answers.append(answer)
        return answer

    async def post(
        self,
        url: str,
        *,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        auth: Auth = "bearer",
        endpoint: str = "write",
        judge: Judge | None = None,
    ) -> Answer:
        """As Http's."""
        answer = await self.asked.post(
            url,
            json=json,
            form=form,
            headers=headers,
            token=token,
            auth=auth,
            endpoint=endpoint,
            judge=self._keeping(judge),
        )
        self.answers.append(answer)
        return answer

    def _keeping(self, judge: Judge | None) -> Judge:
        def keep(answer: Answer) -> ConnectorError | None:
            self.answers.append(answer)
            return judge(answer) if judge else None

        return keep


def recording(
    watch: Watch, answer: Answer, came: Page | ConnectorError, secrets: Iterable[str]
) -> dict[str, Any]:
    """One answer as a file of `tests/recordings/PLATFORM/`, scrubbed. `documented` and `shows` are for a person to fill in."""
    scrub = _Scrub([secret for secret in (*secrets, watch.token) if secret])
    try:
        body: Any = json.loads(answer.body)
    except ValueError:
        body = None
    expected = _expected(came)
    scrub.learn(body)
    scrub.learn(expected)
    headers = {name: scrub.words(value) for name, value in answer.headers.items() if KEPT_HEADERS.match(name)}
    told = (
        {"body": scrub.value(body)}
        if body is not None
        else {"text": scrub.words(answer.body.decode("utf-8", "replace"))}
    )
    return {
        "documented": "",
        "shows": "",
        "watch": {
            "kind": watch.kind,
            "term": scrub.words(watch.term),
            **({"token": "t"} if watch.token else {}),
        },
        "status": answer.status,
        "headers": headers,
        **told,
        "expect": scrub.value(expected),
    }


def _expected(came: Page | ConnectorError) -> dict[str, Any]:
    if isinstance(came, Page):
        posts = msgspec.json.decode(msgspec.json.encode(came.posts))
        return {"posts": posts, "rejects": len(came.rejects), "more": came.more}
    flags: dict[str, Any] = {"error": type(came).__name__}
    match came:
        case TryLater():
            flags |= {"limited": came.limited} | ({"after": came.after} if came.after is not None else {})
        case Denied():
            flags["refreshable"] = came.refreshable
        case Gone():
            flags["cursor"] = came.cursor
    return flags


class _Scrub:
    """Takes out what belongs to somebody. `learn` first, so that a name is replaced wherever it stands."""

    def __init__(self, secrets: list[str]) -> None:
        self._secrets = sorted(secrets, key=len, reverse=True)
        self._instead: dict[str, str] = {}

    def learn(self, value: Any, key: str = "", *, who: bool = False) -> None:
        """Note the people of an answer. `who`: the value is one of them, or several."""
        if isinstance(value, dict):
            who = who or any(name.lower() in _WHO for name in value)
            for name, inner in value.items():
                self.learn(inner, name, who=_who(inner, name, who))
        elif isinstance(value, list):
            for inner in value:
                self.learn(inner, key, who=who)
        elif isinstance(value, str) and who:
            self._person(value)

    def _person(self, name: str) -> None:
        bare = name.strip().lstrip("@")
        if bare and bare not in self._instead:
            own, at, host = bare.partition("@")
            number = 1 + len({new for new in self._instead.values() if "@" not in new})
            self._instead.setdefault(own, f"person{number}")
            if at:
                self._instead[bare] = f"{self._instead[own]}@{host}"

    def value(self, value: Any, key: str = "", *, who: bool = False) -> Any:
        """The same without what has been noted."""
        if isinstance(value, dict):
            who = who or any(name.lower() in _WHO for name in value)
            return {
                name: self.value(inner, name, who=_who(inner, name, who)) for name, inner in value.items()
            }
        if isinstance(value, list):
            return [self.value(inner, key, who=who) for inner in value]
        if not isinstance(value, str):
            return value
        if _SECRET_KEY.fullmatch(key):
            return "-"
        bare = value.strip().lstrip("@")
        if who and bare in self._instead:
            return value.replace(bare, self._instead[bare])
        return self.words(value)

    def words(self, text: str) -> str:
        """One text scrubbed."""
        for secret in self._secrets:
            text = text.replace(secret, "-")
        text = _SECRET_PARAMETER.sub(r"\1-", text)
        for found in sorted({hit[0] for hit in addresses_in(text)}, key=len, reverse=True):
            if found not in self._instead:
                text = text.replace(found, "somebody@mail.example")
        for found in sorted({hit[0] for hit in phones_in(text)}, key=len, reverse=True):
            text = text.replace(found, "+1 555 0100")
        return self._names.sub(lambda found: self._instead_of(found[0]), text) if self._instead else text

    @cached_property
    def _names(self) -> re.Pattern[str]:
        """All names, the longest first; between what is no letter where the script has spaces."""
        named = sorted((name for name in self._instead if len(name) >= LEAST), key=len, reverse=True)
        return re.compile("|".join(_in_text(name) for name in named) or "(?!)", re.IGNORECASE)

    def _instead_of(self, found: str) -> str:
        bare = " ".join(unquote_plus(found).split()).casefold()
        same = (new for name, new in self._instead.items() if " ".join(name.split()).casefold() == bare)
        return next(same, "somebody")


def _who(inner: Any, name: str, who: bool) -> bool:
    """Is what stands under this name somebody, or somebody's name, in an object that is one (`who`) or not?"""
    low = name.lower().replace("-", "_")
    if isinstance(inner, str):
        return low in _PEOPLE or low.replace("_", "") in _PEOPLE or (who and low in _NAMED)
    return low in _PERSONS or (who and (low in _NAMED or low == "data" or low.isdigit()))


def _in_text(name: str) -> str:
    parts = ((re.escape(part), re.escape(quote(part))) for part in name.split())
    pattern = r"(?:\s|\+|%20)+".join(rf"(?:{plain}|{quoted})" for plain, quoted in parts)
    if any(ord(letter) >= _BETWEEN_SPACES for letter in name):
        return pattern
    return rf"(?<!\w){pattern}(?!\w)"
