"""Rate windows, counted for real, and the headers that each platform wraps them in.

Mastodon: `X-RateLimit-*`, the reset an ISO 8601 instant, a 429 without Retry-After
(docs.joinmastodon.org/api/rate-limits). Bluesky: `RateLimit-*`, the reset in epoch seconds, and a policy
(docs.bsky.app/docs/advanced-guides/rate-limits).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass
class Window:
    """So many requests in so many seconds; the window starts anew when it is over."""

    limit: int
    seconds: int
    used: int = 0
    until: float = 0.0

    def take(self, now: float) -> bool:
        """Count one request; False when it is one too many."""
        if now >= self.until:
            self.used, self.until = 0, now + self.seconds
        self.used += 1
        return self.used <= self.limit

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)


def mastodon_headers(window: Window) -> dict[str, str]:
    reset = datetime.fromtimestamp(window.until, UTC).isoformat(timespec="microseconds")
    return {
        "X-RateLimit-Limit": str(window.limit),
        "X-RateLimit-Remaining": str(window.remaining),
        "X-RateLimit-Reset": reset.replace("+00:00", "Z"),
    }


def bluesky_headers(window: Window) -> dict[str, str]:
    return {
        "RateLimit-Limit": str(window.limit),
        "RateLimit-Remaining": str(window.remaining),
        "RateLimit-Reset": str(math.ceil(window.until)),
        "RateLimit-Policy": f"{window.limit};w={window.seconds}",
    }
