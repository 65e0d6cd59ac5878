"""Comments as YouTube writes them, its errors, and both as we mean them.

https://developers.google.com/youtube/v3/docs/commentThreads, .../comments, .../errors. Surprising: a thread carries
a few of its replies, in no promised order, and says by a count that there are more; a reply that is read on its own does
not say under which video it stands. `textDisplay` is HTML unless plain text was asked for, and 403 is quota, missing
permission and comments that are switched off alike: the reason in the body decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from connectors import _text, _times
from connectors._base import (
    Answer,
    Author,
    ConnectorError,
    Denied,
    Garbled,
    Gone,
    Mention,
    Post,
    Reject,
    TryLater,
)
from connectors._decode import raw_text
from connectors._html import plain
from connectors._limits import read_limits

PACIFIC = ZoneInfo("America/Los_Angeles")
PAUSE = 30.0
"""Seconds to wait when too much was asked in too short a time and nothing says for how long."""
MAX_HTML = 1_000_000

_NOTHING = msgspec.Raw(b"null")


class Page(msgspec.Struct):
    """What every list answers with. Other numbers in it are estimates."""

    items: list[msgspec.Raw]
    token: str | None = msgspec.field(name="nextPageToken", default=None)


class Channel(msgspec.Struct):
    value: str | None = None


class Snippet(msgspec.Struct, rename="camel"):
    published_at: str | None = None
    updated_at: str | None = None
    text_original: str | None = None
    text_display: str | None = None
    author_display_name: str | None = None
    author_channel_url: str | None = None
    author_channel_id: Channel | None = None
    channel_id: str | None = None
    video_id: str | None = None
    parent_id: str | None = None
    like_count: int | None = None


class Comment(msgspec.Struct):
    id: str
    snippet: Snippet


class _About(msgspec.Struct, rename="camel"):
    top_level_comment: msgspec.Raw = _NOTHING
    channel_id: str | None = None
    video_id: str | None = None
    total_reply_count: int | None = None


class _Replies(msgspec.Struct):
    comments: list[msgspec.Raw] = []


class _Thread(msgspec.Struct):
    id: str
    snippet: _About
    replies: msgspec.Raw = _NOTHING


class Parent(msgspec.Struct, frozen=True, array_like=True):
    """A top comment as its replies need it: the video and the channel it stands at, and whose it is."""

    id: str
    video: str | None = None
    place: str | None = None
    author: str | None = None


class Thread(msgspec.Struct, frozen=True, kw_only=True):
    """A thread that was read. `at` is when its top comment was made, None where that cannot be read; `total` replies
    are said to exist, of which `held` came along."""

    parent: Parent
    at: datetime | None
    total: int
    held: int


_THREAD = msgspec.json.Decoder(_Thread)
_COMMENT = msgspec.json.Decoder(Comment)
_REPLIES = msgspec.json.Decoder(_Replies)


def threads(items: Sequence[msgspec.Raw], now: datetime) -> tuple[list[Thread], list[Post], list[Reject]]:
    """Every thread, its top comment and the replies that came along as posts, and what could not be read."""
    read: list[Thread] = []
    posts: list[Post] = []
    rejects: list[Reject] = []
    for item in items:
        try:
            thread = _THREAD.decode(item)
        except msgspec.ValidationError as error:
            rejects.append(Reject(raw=raw_text(item), reason=f"no thread of comments: {error}"))
            continue
        about = thread.snippet
        parent = Parent(id=thread.id, video=about.video_id, place=about.channel_id)
        made, unread = comments([about.top_level_comment], now, parent, replies=about.total_reply_count)
        author = made[0].author if made else None
        parent = Parent(
            id=parent.id, video=parent.video, place=parent.place, author=author.id if author else None
        )
        at = made[0].posted_at if made else None
        inner: list[msgspec.Raw] = []
        if bytes(thread.replies) != b"null":
            try:
                inner = _REPLIES.decode(thread.replies).comments
            except msgspec.ValidationError as error:
                unread.append(Reject(raw=raw_text(thread.replies), reason=f"no list of replies: {error}"))
        answers, unheard = comments(inner, now, parent) if inner else ([], [])
        posts += made + answers
        rejects += unread + unheard
        total = _text.count(about.total_reply_count or 0) if thread.id.strip() else 0
        read.append(Thread(parent=parent, at=at, total=total, held=len(answers)))
    return read, posts, rejects


def comments(
    items: Sequence[msgspec.Raw],
    now: datetime,
    parent: Parent | None = None,
    *,
    replies: int | None = None,
) -> tuple[list[Post], list[Reject]]:
    """Comments as posts. `parent` is the top comment of their thread (or stands for the one that is read), `replies`
    how many a top comment has."""
    made: list[Post] = []
    rejects: list[Reject] = []
    for item in items:
        try:
            comment = _COMMENT.decode(item)
        except msgspec.ValidationError as error:
            rejects.append(Reject(raw=raw_text(item), reason=f"no comment: {error}"))
            continue
        post = _post(comment, now, parent, replies)
        if post is None:
            reason = "no id" if not comment.id.strip() else "publishedAt is no time we believe"
            rejects.append(Reject(raw=raw_text(item), reason=f"a comment with {reason}"))
        else:
            made.append(post)
    return made, rejects


def _post(comment: Comment, now: datetime, parent: Parent | None, replies: int | None) -> Post | None:
    said = comment.snippet
    published = _times.parse(said.published_at)
    posted_at = _times.believable(published, now)
    if posted_at is None or published is None or not comment.id.strip():
        return None
    answers = said.parent_id or comment.id.rpartition(".")[0] or None
    video = said.video_id or (parent.video if parent else None)
    place = said.channel_id or (parent.place if parent else None)
    text, truncated = _text.body(_words(said))
    counts: dict[str, int] = {}
    if said.like_count is not None:
        counts["likes"] = _text.count(said.like_count)
    if replies is not None:
        counts["replies"] = _text.count(replies)
    edited = None
    if said.updated_at and said.updated_at != said.published_at:
        updated = _times.parse(said.updated_at)
        edited = _times.believable(updated, now) if updated and updated > published else None
    return Post(
        id=_text.ident(comment.id),
        posted_at=posted_at,
        verb="comment",
        text=text,
        author=_author(said),
        url=_address(video, comment.id) if video else None,
        reply_to=_text.ident(answers) if answers else None,
        reply_to_author=parent.author if parent and answers == parent.id else None,
        thread=_text.ident(answers) if answers else None,
        place=_text.ident(place) if place else None,
        mentions=_mentions(text) if "@" in text else (),
        hashtags=_text.distinct([_text.tag(t) for t in _TAG.findall(text)]) if "#" in text else (),
        links=_text.distinct([_text.web(_unended(u)) or "" for u in _LINK.findall(text)])
        if "://" in text
        else (),
        counts=counts,
        edited_at=edited,
        truncated=truncated,
    )


def placed(post: Post, parent: Parent | None) -> Post:
    """The same with what its thread says of where it stands, as far as it does not say that by itself."""
    if parent is None:
        return post
    return msgspec.structs.replace(
        post,
        url=post.url or (_address(parent.video, post.id) if parent.video else None),
        place=post.place or (_text.ident(parent.place) if parent.place else None),
        reply_to_author=parent.author if post.reply_to == parent.id else None,
    )


_MARKUP = re.compile(r"<br ?/?>|<a href=|&(?:#39|quot|amp|lt|gt);")
# the sign stands first, and then what must not be before it: that is several times as fast to search for
_HANDLE = re.compile(r"@(?<![\w@./-]@)(\w(?:[\w.\-·]{0,28}\w)?)")
_TAG = re.compile(r"#(?<![\w&/#]#)(?=\w*[^\W\d])(\w{1,100})")
_PLAIN_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}").fullmatch
_LINK = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)


def _address(video: str, comment: str) -> str | None:
    """Where a comment can be seen; an id that is like none of YouTube's leads nowhere."""
    if not _PLAIN_ID(video) or not _PLAIN_ID(comment):
        return None
    return f"https://www.youtube.com/watch?v={video}&lc={comment}"


def _words(said: Snippet) -> str:
    """As it was typed, where we may see that; else as it is shown, without markup."""
    if said.text_original:
        return said.text_original
    shown = said.text_display or ""
    return plain(shown[:MAX_HTML])[0] if _MARKUP.search(shown) else shown


def _mentions(text: str) -> tuple[Mention, ...]:
    return tuple(Mention(handle=handle) for handle in _text.distinct(_HANDLE.findall(text)))


def _unended(url: str) -> str:
    return url.rstrip(".,;:!?)]}'’…")


def _author(said: Snippet) -> Author | None:
    """The name is an @handle today and was a free name once; the channel's id is what stays."""
    shown = _text.name(said.author_display_name)
    whose = said.author_channel_id.value if said.author_channel_id else None
    handle = shown[1:] if shown and shown.startswith("@") else None
    if said.author_channel_url and not (whose and handle):
        last = _last_part(said.author_channel_url)
        if handle is None and last.startswith("@"):
            handle = _text.name(last[1:])
        if not whose and last.startswith("UC"):
            whose = last
    if not whose and not shown and not handle:
        return None
    named = None if shown and shown.startswith("@") else shown
    return Author(id=_text.ident(whose) if whose else None, handle=handle or None, name=named)


def _last_part(url: str) -> str:
    try:
        return urlsplit(url).path.rstrip("/").rpartition("/")[2]
    except ValueError:
        return ""


class _Bare(msgspec.Struct):
    id: str


_BARE = msgspec.json.Decoder(_Bare)


def bare_id(item: msgspec.Raw) -> str | None:
    """The id of an item, also of one that is otherwise unreadable."""
    try:
        return _BARE.decode(item).id
    except msgspec.ValidationError:
        return None


# What YouTube refuses, and why.

_DAY = frozenset({"quotaExceeded", "dailyLimitExceeded"})
_SHORT = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"})
_KEY = frozenset(
    {
        "keyInvalid", "keyExpired", "API_KEY_INVALID", "API_KEY_EXPIRED", "accessNotConfigured", "SERVICE_DISABLED",
        "API_KEY_SERVICE_BLOCKED", "ipRefererBlocked", "API_KEY_IP_ADDRESS_BLOCKED", "dailyLimitExceededUnreg",
        "API_KEY_HTTP_REFERRER_BLOCKED",
    }
)  # fmt: skip
_GONE = frozenset(
    {
        "commentsDisabled", "videoNotFound", "channelNotFound", "commentNotFound", "commentThreadNotFound",
        "parentCommentNotFound", "channelClosed", "channelSuspended", "channelDeleted",
    }
)  # fmt: skip


class _Told(msgspec.Struct):
    reason: str | None = None
    metadata: dict[str, Any] | None = None


class _Error(msgspec.Struct):
    errors: list[_Told] | None = None
    details: list[_Told] | None = None


class _Refusal(msgspec.Struct):
    error: _Error


_REFUSAL = msgspec.json.Decoder(_Refusal)


def judge(
    answer: Answer, *, now: datetime, token: bool = False, inner: bool = False
) -> ConnectorError | None:
    """The reason in the body decides, where there is one; the status where there is none.

    `token`: a place in a walk was asked for, and a bad request can only be about that. `inner`: it was one of many
    threads, so that what is closed there is closed there only.
    """
    if answer.status >= 500:
        return None
    reasons, daily = _reasons(answer)
    if daily or reasons & _DAY:
        return TryLater("the day's quota of this API key is used up", after=until_midnight(now), limited=True)
    if reasons & _SHORT:
        limits = read_limits(answer.headers, now.timestamp())
        after = limits.reset_in if limits and limits.reset_in else PAUSE
        return TryLater("YouTube was asked too often in a short time", after=after, limited=True)
    if reasons & _KEY:
        return Denied(f"YouTube refuses the API key ({min(reasons & _KEY)})", refreshable=False)
    if reasons & _GONE:
        return Gone(f"YouTube says {min(reasons & _GONE)}")
    if inner and answer.status == 403:
        known = "forbidden" in reasons
        return Gone("this thread is not shown to us") if known else Garbled("YouTube refuses it and not why")
    if answer.status == 400 and (token or inner):
        return Gone("the place in the walk is not known any more", cursor=True)
    if answer.status == 400 and "processingFailure" in reasons:
        return TryLater("YouTube could not process the request")
    return None


def _reasons(answer: Answer) -> tuple[frozenset[str], bool]:
    """All reasons that a refusal names, and whether one is a limit of the day."""
    try:
        error = _REFUSAL.decode(answer.body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return frozenset(), False
    told = [*(error.errors or ()), *(error.details or ())]
    daily = any("PerDay" in str((one.metadata or {}).get("quota_limit")) for one in told)
    return frozenset(one.reason for one in told if one.reason), daily


def until_midnight(now: datetime) -> float:
    """Seconds until the quota's next day, which begins at midnight in California: 23, 24 or 25 hours after the last."""
    tomorrow = now.astimezone(PACIFIC).date() + timedelta(days=1)
    midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=PACIFIC)
    return (midnight - now).total_seconds()
