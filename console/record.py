"""One answer of a live platform as a recording for the tests: asked once, scrubbed, written with what came of it.

Scrubbed are secrets wherever they stand, headers but for those that mean something, what addresses carry as keys, people's
handles and names (each becomes a name of its own, the same everywhere), e-mail addresses and telephone numbers. What
people said stays as they said it: somebody has to read the file before it is shared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

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
    ]
)
_NAMED = frozenset(["name", "label", "title"])
"""Keys that hold a person's name only where the object says elsewhere who it is."""
_WHO = frozenset(["username", "screen_name", "acct", "handle", "did", "uri", "authorchannelid"])
LEAST = 3
"""Shorter names are not replaced elsewhere: they stand in too many words."""


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
    scrub.learn(body)
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
        "expect": scrub.value(_expected(came)),
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
        self._instead = dict.fromkeys(secrets, "-")

    def learn(self, value: Any, key: str = "") -> None:
        """Note the people of an answer."""
        if isinstance(value, dict):
            somebody = any(name.lower() in _WHO for name in value)
            for name, inner in value.items():
                low = name.lower().replace("-", "_")
                if isinstance(inner, str) and (
                    low in _PEOPLE or low.replace("_", "") in _PEOPLE or (somebody and low in _NAMED)
                ):
                    self._person(inner)
                self.learn(inner, low)
        elif isinstance(value, list):
            for inner in value:
                self.learn(inner, key)

    def _person(self, name: str) -> None:
        bare = name.strip().lstrip("@")
        if len(bare) >= LEAST and bare not in self._instead:
            own, at, host = bare.partition("@")
            number = 1 + len({new for new in self._instead.values() if new.startswith("person")})
            self._instead.setdefault(own, f"person{number}")
            if at:
                self._instead.setdefault(bare, f"person{number}@{host}")

    def value(self, value: Any, key: str = "") -> Any:
        """The same without what has been noted."""
        if isinstance(value, dict):
            return {name: self.value(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.value(inner, key) for inner in value]
        if isinstance(value, str):
            return "-" if _SECRET_KEY.fullmatch(key) else self.words(value)
        return value

    def words(self, text: str) -> str:
        """One text scrubbed."""
        text = _SECRET_PARAMETER.sub(r"\1-", text)
        for found in sorted({hit[0] for hit in addresses_in(text)}, key=len, reverse=True):
            if found not in self._instead:
                text = text.replace(found, "somebody@mail.example")
        for found in sorted({hit[0] for hit in phones_in(text)}, key=len, reverse=True):
            text = text.replace(found, "+1 555 0100")
        for name in sorted(self._instead, key=len, reverse=True):
            text = text.replace(name, self._instead[name])
        return text
