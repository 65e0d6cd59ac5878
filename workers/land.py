"""A page, its cursor and its ledger row: together or not at all."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import msgspec
import zstandard
from sqlalchemy import text

from connectors._base import Post, Reject

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncSession

    from connectors._base import Page

_VERSION = b"\x01"


class StaleFence(Exception):
    """Somebody else holds the lease by now; what we bring is refused, and nothing was written."""


class Haul(msgspec.Struct, frozen=True, array_like=True):
    """What a landed page carries: its items are the posts, then the rejects, counted through from 0."""

    posts: tuple[Post, ...]
    rejects: tuple[Reject, ...]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Haul)


class _Codec(threading.local):
    """One compressor a thread: making one costs more than a page takes, and it is not shared safely."""

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor(level=1).compress
        self.decompress = zstandard.ZstdDecompressor().decompress


_codec = _Codec()


def pack(posts: tuple[Post, ...], rejects: tuple[Reject, ...]) -> bytes:
    """The body of a page row: a version byte, then zstd of msgpack."""
    return _VERSION + _codec.compress(_encoder.encode(Haul(posts, rejects)))


def unpack(body: bytes) -> Haul:
    """What `pack` packed. Raises ValueError for what this code cannot read, such as another version."""
    if body[:1] != _VERSION:
        raise ValueError(f"page body of version {body[:1].hex()}, this code reads {_VERSION.hex()}")
    try:
        return _decoder.decode(_codec.decompress(body[1:]))
    except (zstandard.ZstdError, msgspec.MsgspecError) as damaged:
        raise ValueError(f"damaged page body: {damaged}") from damaged


_LAND = text("""
    WITH moved AS (
        UPDATE sources
        SET cursor = :cursor,
            -- while there is more it stays due, and the row's index entry stays where it is
            due_at = CASE WHEN :more THEN due_at ELSE now() + make_interval(secs => :pause) END,
            last_success_at = now(), failures = 0, last_error = NULL
        WHERE id = :source AND fence = :fence
        RETURNING id, org_id, platform
    ), landed AS (
        INSERT INTO pages (org_id, platform, source_id, poll_id, body, fetched)
        SELECT org_id, platform, id, :poll, :body, :fetched FROM moved WHERE :fetched > 0
    ), counted AS (
        UPDATE polls
        SET pages = pages + 1, fetched = fetched + :fetched,
            gap = coalesce(polls.gap || '; ' || :gap, :gap, polls.gap)
        WHERE id = :poll AND EXISTS (SELECT FROM moved)
    )
    SELECT count(*) FROM moved
""")


async def land(
    session: AsyncSession, *, source: UUID, poll: UUID, fence: int, page: Page, pause: float
) -> None:
    """Store a page and move the source's cursor, or do neither. `pause` is in seconds.

    Raises StaleFence when the lease under which the page was fetched is not the source's any more.
    """
    fetched = len(page.posts) + len(page.rejects)
    gap = page.gap and " ".join(
        part
        for part in (
            page.gap.reason,
            page.gap.since and f"from {page.gap.since:%Y-%m-%d %H:%M:%S}Z",
            page.gap.until and f"until {page.gap.until:%Y-%m-%d %H:%M:%S}Z",
        )
        if part
    )
    moved = await session.scalar(
        _LAND,
        {
            "source": source,
            "poll": poll,
            "fence": fence,
            "cursor": page.cursor,
            "more": page.more,
            "pause": pause,
            "body": pack(page.posts, page.rejects) if fetched else None,
            "fetched": fetched,
            "gap": gap,
        },
    )
    if not moved:
        raise StaleFence(f"source {source} was claimed again after fence {fence}")
