"""A review as Google's publishing API writes it, and as we keep it, together with our answer to it.

https://developers.google.com/android-publisher/api-ref/rest/v3/reviews. Surprising: 64-bit numbers are strings in
JSON; a text is `title<tab>body`, with the tab in front where there is no title; whoever has no name is nobody we can
tell apart: the API gives no id of an author.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from msgspec import field

from connectors import _text, _times
from connectors._base import Author, Post, Reject
from connectors._decode import raw_text


class Moment(msgspec.Struct):
    seconds: str | int = 0
    nanos: int = 0


class Said(msgspec.Struct):
    text: str | None = None
    original: str | None = field(name="originalText", default=None)
    modified: Moment | None = field(name="lastModified", default=None)
    stars: int | None = field(name="starRating", default=None)
    language: str | None = field(name="reviewerLanguage", default=None)
    up: int | None = field(name="thumbsUpCount", default=None)
    down: int | None = field(name="thumbsDownCount", default=None)


class Comment(msgspec.Struct):
    user: Said | None = field(name="userComment", default=None)
    developer: msgspec.Raw = field(name="developerComment", default=msgspec.Raw(b"null"))


class Review(msgspec.Struct):
    id: str = field(name="reviewId")
    comments: list[Comment]
    author: str | None = field(name="authorName", default=None)


_REVIEW = msgspec.json.Decoder(Review)
_SAID = msgspec.json.Decoder(Said)


def review(item: msgspec.Raw, *, package: str, now: datetime) -> tuple[list[Post], list[Reject]]:
    """The review as a post, and our answer to it as another."""
    try:
        found = _REVIEW.decode(item)
    except msgspec.ValidationError as error:
        return [], [Reject(raw=raw_text(item), reason=f"no review: {error}")]
    user = next((comment.user for comment in found.comments if comment.user is not None), None)
    if not found.id or user is None:
        return [], [
            Reject(raw=raw_text(item), reason="a review without its id or without what the user said")
        ]
    at = _when(user, now)
    if at is None or user.stars is None or not 1 <= user.stars <= 5:
        lacks = "a time that we believe" if at is None else "one to five stars"
        return [], [Reject(raw=raw_text(item), reason=f"a review without {lacks}")]
    text, truncated = _text.body(_words(user.original or user.text))
    name = _text.name(found.author)
    identifier = _text.ident(found.id)
    posts = [
        Post(
            id=identifier,
            posted_at=at,
            edited_at=at,
            verb="review",
            text=text,
            author=Author(id=identifier, name=name),
            place=package,
            lang=_text.language(user.language),
            rating=float(user.stars),
            counts={what: _text.count(n) for what, n in _thumbs(user) if n is not None},
            truncated=truncated,
        )
    ]
    rejects: list[Reject] = []
    for comment in found.comments:
        if bytes(comment.developer) == b"null":
            continue
        answer = _answer(comment.developer, identifier, package, now)
        if isinstance(answer, Post):
            posts.append(answer)
        else:
            rejects.append(answer)
    return posts, rejects


def _answer(item: msgspec.Raw, of: str, package: str, now: datetime) -> Post | Reject:
    """What the developer answered: there is one answer to a review, and it is the app's own."""
    try:
        said = _SAID.decode(item)
    except msgspec.ValidationError as error:
        return Reject(raw=raw_text(item), reason=f"no answer: {error}")
    at = _when(said, now)
    if at is None:
        return Reject(raw=raw_text(item), reason="an answer without a time that we believe")
    text, truncated = _text.body((said.text or "").strip())
    return Post(
        id=_text.ident(f"{of}#answer"),
        posted_at=at,
        edited_at=at,
        verb="comment",
        text=text,
        author=Author(id=package, handle=package),
        reply_to=of,
        thread=of,
        place=package,
        truncated=truncated,
    )


def _words(text: str | None) -> str:
    return "\n".join(part for part in (part.strip() for part in (text or "").split("\t", 1)) if part)


def _thumbs(said: Said) -> tuple[tuple[str, int | None], ...]:
    return ("likes", said.up), ("dislikes", said.down)


def _when(said: Said, now: datetime) -> datetime | None:
    if said.modified is None:
        return None
    try:
        seconds = int(said.modified.seconds)
        when = datetime.fromtimestamp(seconds, UTC).replace(microsecond=said.modified.nanos // 1000)
    except (ValueError, OverflowError, OSError):
        return None
    return _times.believable(when, now)
