"""What a connector is: a Watch goes in, a Page of Posts comes out, or one of four errors.

A connector is a module (`connectors/mastodon.py`) that satisfies `Connector`. It knows one
platform's wire format and nothing else: no clock, no database, no retries, no sleeping, no logging.
Time comes in with the Watch; what to do about a failure is told by the class of the error.

    ConnectorError
    ├── TryLater   wait, then ask again: not a failure of the source
    ├── Denied     the credential does not open this door (refreshable: a new token may)
    ├── Gone       what is followed is no more (cursor: only our place in it is lost)
    └── Garbled    the envelope of the answer cannot be read; the cursor must not move
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal, NewType, Protocol

import msgspec

Verb = Literal["post", "comment", "repost", "quote", "like", "review", "message"]
Visibility = Literal["public", "unlisted", "private", "direct"]

Cursor = NewType("Cursor", str)
"""Where a walk stands. Opaque text to all but the connector that wrote it; None is a first visit."""


class Hiding(msgspec.Struct, frozen=True):
    """A value whose repr says of its secrets only that they are there: it may end up in a log or a traceback."""

    hidden: ClassVar[frozenset[str]] = frozenset()

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        shown = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return [(name, "***" if value and name in self.hidden else value) for name, value in shown]

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({fields})"


class Author(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Who wrote a post, as the platform names them.

    `id` is the platform's stable identifier (an actor URI, a DID) and survives renames; None where
    the platform has none. `handle` is without a leading @ and qualified by its instance where the
    platform has instances (`alice@town.example`).
    """

    id: str | None = None
    handle: str | None = None
    name: str | None = None
    bot: bool = False


class Mention(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Somebody named in a post by the platform's own markup: by stable id, by handle, or both."""

    id: str | None = None
    handle: str | None = None


class Post(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One utterance, in no platform's words.

    `id` is global (a URI where the platform has one), at most 512 characters. `text` is plain text,
    at most 64 kB of UTF-8, without NUL and lone surrogates; a content warning stands in `warning`.
    `posted_at` and `edited_at` are aware and in UTC. `reply_to` and `thread` are ids as in `id`, or, where
    the platform answers with numbers of one server only (Mastodon), a `local_id`: `{netloc}/{number}`.
    `local_id` is that second name of this post, as the server that was asked knows it; None elsewhere.
    `reply_to_author` is the stable id of the author answered, where the platform tells it.
    `place` is the stable id of the page, product or profile it was posted on or reviews.
    `repost_of` is set on a repost only and names the post that it repeats.
    `lang` is what the platform says (BCP 47, lower-cased primary tag), `rating` is in stars, 1 to 5.
    """

    id: str
    posted_at: datetime
    verb: Verb
    text: str = ""
    author: Author | None = None
    url: str | None = None
    local_id: str | None = None
    reply_to: str | None = None
    reply_to_author: str | None = None
    thread: str | None = None
    place: str | None = None
    repost_of: str | None = None
    mentions: tuple[Mention, ...] = ()
    hashtags: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    lang: str | None = None
    warning: str | None = None
    counts: Mapping[str, int] = {}
    rating: float | None = None
    visibility: Visibility = "public"
    edited_at: datetime | None = None
    truncated: bool = False


class Reject(msgspec.Struct, frozen=True, kw_only=True):
    """An item of a readable page that is no post: the item as it came (JSON or text) and why not."""

    raw: str
    reason: str


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch that the platform no longer offers, said aloud in the ledger. Times are aware UTC."""

    since: datetime | None = None
    until: datetime | None = None
    reason: str


class Spend(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is counted of a request beside its rate: requests, the platform's own quota units, and money in
    millionths of a US dollar."""

    requests: int = 1
    units: int = 0
    money: int = 0


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """What a platform allows one credential by the day, or by the month, of the calendar of `zone` (an IANA name).

    `of` is the field of Spend that it counts, `amount` in that field's unit.
    """

    of: Literal["requests", "units", "money"]
    amount: int
    period: Literal["day", "month"]
    zone: str = "UTC"


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What one call brought.

    `cursor` is where to go on and never passes a post that is not in a page up to this one.
    `more`: the platform has more right now (ask again without waiting). `gap`: what was lost.
    `pause` is the platform's wish for the least time before the next visit, in seconds.
    `spent` is what it really took; None means what `cost` said.
    """

    posts: tuple[Post, ...]
    rejects: tuple[Reject, ...]
    cursor: Cursor | None
    more: bool = False
    gap: Gap | None = None
    pause: float | None = None
    spent: Spend | None = None


class Watch(Hiding, frozen=True, kw_only=True):
    """What to follow and as whom: a source's row as a value, with the time passed in.

    `host` is the base URL of the API without a trailing slash (`https://mastodon.social`).
    `token` is an access token in clear, `me` the stable id of the account it belongs to; both None for
    anonymous access. `page_size` is a wish, at most the platform's own limit. `now` is aware UTC.
    """

    hidden = frozenset({"token"})

    kind: str
    term: str
    host: str
    now: datetime
    token: str | None = None
    me: str | None = None
    page_size: int | None = None


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What a kind of watch takes: what its term means, an example, whether a credential must be there, and the
    scopes that it must have been granted, in the platform's own words."""

    term: str
    example: str
    credential: Literal["none", "optional", "required"]
    host: str | None = None
    scopes: tuple[str, ...] = ()


class Login(Hiding, frozen=True, kw_only=True):
    """What it takes to sign in: an account's name and secret, and the refresh token of the last session.

    `now` is aware UTC, for platforms that want a request signed with the time.
    """

    hidden = frozenset({"secret", "refresh"})

    host: str
    identifier: str
    secret: str
    refresh: str | None = None
    now: datetime | None = None


class Session(Hiding, frozen=True, kw_only=True):
    """A signed-in session: tokens in clear (encrypted at rest), whose it is, and where to talk to.

    `lasts` is in seconds from now until the access token ends, None where the platform does not say.
    """

    hidden = frozenset({"access", "refresh"})

    access: str
    refresh: str | None
    account_id: str
    handle: str
    host: str
    lasts: float | None = None


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What a platform says of a token: whose it is (None: an app's, nobody's), the scopes that it has been granted
    (None: the platform does not tell), and the seconds that it still lasts (None: not told)."""

    account_id: str | None = None
    handle: str | None = None
    scopes: frozenset[str] | None = None
    lasts: float | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a look-up by ids brought: posts as they stand now, unreadable items, and the ids that the platform says,
    or shows by their absence, are gone. `deleted` are those of `gone` of which it says so outright; the others are only
    not told, and believed to be gone when a later look-up does not tell them either."""

    posts: tuple[Post, ...]
    rejects: tuple[Reject, ...]
    gone: tuple[str, ...]
    deleted: tuple[str, ...] = ()
    spent: Spend | None = None


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """How much a watch would bring, as the platform counts it: posts a day, what each of them takes (None: a page
    costs the same whatever is on it), and what asking took."""

    posts_a_day: float
    spent: Spend
    each: Spend | None = None


class Delivery(Hiding, frozen=True, kw_only=True):
    """A request that a platform made to us: method, query, lower-cased headers, and the body as it came."""

    hidden = frozenset({"query", "headers", "body"})

    method: Literal["GET", "POST"]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """What a delivery was. `id` is the same whenever the platform delivers it again; `page` has no cursor. `answer`
    is what the platform wants to read back; without a page nothing lands."""

    id: str | None = None
    page: Page | None = None
    answer: bytes = b""


class ConnectorError(Exception):
    """Something went wrong on the way to a page; the subclass says how to recover."""


class TryLater(ConnectorError):
    """The platform asks us to wait or is out of order. Not a failure of the source.

    `after` is in seconds; None when the platform did not say. `page_size`: ask for less next time.
    `limited`: a rate limit (True) or trouble on the platform's side (False). `uncertain`: nobody knows whether the
    platform answered, and counted, what was asked; not `sent`: it was never asked.
    """

    def __init__(
        self,
        reason: str,
        *,
        after: float | None = None,
        page_size: int | None = None,
        limited: bool = False,
        uncertain: bool = False,
        sent: bool = True,
    ) -> None:
        super().__init__(reason)
        self.uncertain = uncertain
        self.sent = sent
        self.after = after
        self.page_size = page_size
        self.limited = limited


class Denied(ConnectorError):
    """The credential was refused. `refreshable`: a fresh token may open the door."""

    def __init__(self, reason: str, *, refreshable: bool) -> None:
        super().__init__(reason)
        self.refreshable = refreshable


class Gone(ConnectorError):
    """What is followed does not exist (any more). `cursor`: only our place in it; walk anew."""

    def __init__(self, reason: str, *, cursor: bool = False) -> None:
        super().__init__(reason)
        self.cursor = cursor


class Garbled(ConnectorError):
    """An answer whose envelope cannot be read. Counted, retried with backoff, cursor untouched."""


class Answer(Hiding, frozen=True, kw_only=True):
    """A successful (2xx or 304) HTTP answer: status, lower-cased headers, the body as bytes."""

    hidden = frozenset({"headers", "body"})

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes


Auth = Literal["bearer", "basic", "x-goog-api-key"]
"""How a token goes along: by a scheme of the Authorization header, or as a header of its own."""

Judge = Callable[[Answer], ConnectorError | None]
"""How a platform means an answer that is no success (400 and up): the error that fits, or None where the
status says it all."""


class Http(Protocol):
    """One request at a time, and the answer is a value or one of the four errors.

    The caller's side (budget, deadline, size cap, address guard) lives behind it; see `_http.py`.
    """

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
    ) -> Answer: ...

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
    ) -> Answer: ...


class Connector(Protocol):
    """What a module in `connectors/` offers. `platform` is its name, `watches` what it can follow."""

    platform: str
    default_host: str | None
    watches: Mapping[str, Need]
    interval: float
    """Seconds between two visits to a source of this platform, unless its row says otherwise."""

    def cost(self, watch: Watch) -> Spend:
        """The most that one `fetch` of this watch takes. Asked of the budget before each."""

    async def fetch(self, http: Http, watch: Watch, cursor: Cursor | None) -> Page:
        """One call, one page. Raises TryLater, Denied, Gone or Garbled, and nothing else."""


# What follows a module may offer as well; whoever asks looks whether the name is there. Headers in which only its platform
# tells of a rate it names to `_limits.told_in`.


class Metered(Protocol):
    """A platform that counts by the day or the month what one credential takes."""

    quotas: Sequence[Quota]


class TakesSecrets(Protocol):
    """A platform that knows credentials. `secret` says in words what the secret of one is ("an API key")."""

    secret: str

    async def check(self, http: Http, watch: Watch) -> Held:
        """What the platform says of `watch.token`. Raises Denied when it is refused."""

    def check_cost(self, watch: Watch) -> Spend:
        """The most that one `check` takes. May be left out where that is a request and nothing else."""


class SignsIn(Protocol):
    """A platform whose tokens come from a session."""

    async def sign_in(self, http: Http, login: Login) -> Session:
        """A fresh session: from the refresh token if there is one, else from the secret.

        Raises Denied(refreshable=False) when both are refused.
        """


class LooksUp(Protocol):
    """A platform that tells how stored posts stand now. `lookup_size` ids at most a call."""

    lookup_size: int

    def lookup_cost(self, count: int) -> Spend:
        """The most that looking up so many ids takes."""

    async def lookup(self, http: Http, watch: Watch, ids: Sequence[str]) -> Found:
        """How the posts with these ids stand now; of `watch` only host, token, me and now count."""


class Counts(Protocol):
    """A platform that tells how much a watch would bring without bringing it; `counted` are the kinds it can tell of."""

    counted: Collection[str]

    def volume_cost(self, watch: Watch) -> Spend:
        """The most that asking takes."""

    async def volume(self, http: Http, watch: Watch) -> Volume:
        """How much this watch would bring."""


class Receives(Protocol):
    """A platform that delivers by itself."""

    def receive(self, delivery: Delivery, secret: str, now: datetime) -> Received:
        """What was delivered, after its signature over the raw body has been verified with the secret.

        Raises Denied when the signature does not hold, Garbled when the body cannot be read.
        """
