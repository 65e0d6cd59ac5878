"""From the items of a batch's pages to its posts: what becomes no event is counted by its reason, and what
stands in several places is taken once, the newest edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors._base import Post
    from workers.heard import Ref
    from workers.pages import Claimed


@dataclass(slots=True, eq=False)
class Item:
    """One post of the batch after collapsing: every place where it stands, and who heard it."""

    platform: str
    post: Post
    page: Claimed
    places: list[Claimed]
    sources: dict[UUID, None]


def sift(pages: Sequence[Claimed]) -> tuple[list[tuple[str, str, str]], dict[Ref, Item]]:
    """Leave out what is filtered, count it by reason, and collapse what is left by key: the newest edit wins."""
    reposts: list[tuple[str, str, str]] = []
    items: dict[Ref, Item] = {}
    for page in pages:
        excluded = [word.casefold() for word in page.exclude]
        for at in page.part:
            if at >= len(page.posts):
                page.quarantined += 1
                continue
            post = page.posts[at]
            if reason := _filter(post, excluded):
                page.filtered[reason] += 1
                if post.repost_of:
                    reposts.append((page.platform, post.id, post.repost_of))
                continue
            key = (page.platform, post.id)
            held = items.get(key)
            if held is None:
                items[key] = Item(page.platform, post, page, [page], {page.source: None})
                continue
            held.places.append(page)
            held.sources[page.source] = None
            # without a stamp the later page tells the later text
            if (post.edited_at or post.posted_at) >= (held.post.edited_at or held.post.posted_at):
                held.post, held.page = post, page
    return reposts, items


def _filter(post: Post, excluded: Sequence[str]) -> str | None:
    """Why a post becomes no event, if so."""
    if post.verb == "repost":
        return "repost"
    if post.visibility in ("private", "direct"):
        return "private"
    if excluded:
        words = post.text.casefold()
        if any(word in words for word in excluded):
            return "excluded word"
    return None
