"""Rows of the stream for tests: ten days of the same quiet hours, and a morning on which something went wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from connectors._base import Author, Post
from tests.journey import Journey

CALM = (
    "The parcel is here on Monday.",
    "Coffee with a friend, as on every Tuesday.",
    "Thank you, that is lovely and kind!",
    "A new bakery opened in our street.",
)
ANGRY = "This recall is terrible, the grinder broke and nobody answers. I hate it."


class Morning(NamedTuple):
    """The spike: the hour it is in, its thread, how many posts it has."""

    at: datetime
    thread: str
    n: int


def stream(journey: Journey, ago: int = 3, days: int = 9, *, every: int = 1, angry: int = 40) -> Morning:
    """Two posts `every` so many hours over `days`, and `ago` hours before this one `angry` ones that answer one thread."""
    source = journey.source(term="acme", host="https://town.example")
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    said = [
        post(
            f"quiet-{hour}-{nth}",
            CALM[(hour + nth) % 4],
            now - timedelta(hours=hour, minutes=-2 - nth),
            f"p{hour % 17}",
        )
        for hour in range(0, days * 24, every)
        for nth in range(2)
        if now - timedelta(hours=hour, minutes=-2 - nth) < datetime.now(UTC)
    ]
    at = now - timedelta(hours=ago)
    said.append(post("root", "The recall of our grinder: what we know so far.", at, "newsdesk"))
    for nth in range(angry):
        by = "furious" if nth % 3 == 0 else f"angry{nth}"
        told = post(f"angry-{nth}", f"{ANGRY} {nth}", at + timedelta(minutes=1 + nth), by, "root")
        said.append(told)
    journey.hear(source, *said)
    return Morning(at, "root", angry + 1 + (0 if ago % every else 2))


def post(id: str, text: str, at: datetime, by: str, thread: str | None = None) -> Post:  # noqa: A002 - its own word
    """A post at a moment, in a thread."""
    author = Author(id=f"https://town.example/users/{by}", handle=f"{by}@town.example")
    return Post(
        id=id,
        posted_at=at,
        text=text,
        author=author,
        verb="post",
        lang="en",
        url=f"https://town.example/@{by}/{id}",
        reply_to=thread,
        thread=thread,
        counts={"likes": 3, "replies": 1},
    )
