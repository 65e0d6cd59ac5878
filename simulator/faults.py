"""What goes wrong on the way, on demand: each fault waits for a request that it fits and spoils that one.

On the answer: rate_limited, server_error, bad_gateway, html_200, expired_token, truncated, empty, big_body,
gzip_bomb, slow, drip, cut. On the page: duplicated, reordered.
"""

from __future__ import annotations

import gzip
import math
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from simulator.answers import Answer, Pace, told

KINDS = frozenset(
    {
        "rate_limited", "server_error", "bad_gateway", "html_200", "expired_token", "truncated", "empty",
        "big_body", "gzip_bomb", "slow", "drip", "cut", "duplicated", "reordered",
    }
)  # fmt: skip
ON_THE_PAGE = frozenset({"duplicated", "reordered"})

HTML_500 = (
    b"<!DOCTYPE html><html lang=en><head><title>We're sorry, but something went wrong (500)</title></head>"
    b"<body><h1>We're sorry, but something went wrong.</h1></body></html>"
)
HTML_502 = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><center><h1>502 Bad Gateway</h1></center><hr>nginx</body></html>\r\n"
HTML_200 = b"<!doctype html><html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>"


@dataclass(kw_only=True)
class Fault:
    """One fault. It fits requests of its platform whose path contains `endpoint`; it lets `after` of them
    pass and then spoils `times`. `seconds`: how long a limit lasts, or an answer takes."""

    kind: str
    platform: str
    endpoint: str = ""
    times: int = 1
    after: int = 0
    seconds: float = 3.0
    spoilt: int = 0


class Faults:
    """The faults that are still to come, and how many of each have happened."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []
        self.happened: dict[str, int] = {}

    def add(self, row: dict[str, Any]) -> Fault:
        """One more. Raises ValueError for a kind that does not exist, TypeError for a word it does not know."""
        fault = Fault(**row)
        if fault.kind not in KINDS:
            raise ValueError(f"no fault is called {fault.kind!r}; there are {', '.join(sorted(KINDS))}")
        self.waiting.append(fault)
        return fault

    def take(self, platform: str, path: str) -> Fault | None:
        """The fault that this request meets, if any."""
        for fault in self.waiting:
            if fault.platform != platform or fault.endpoint not in path:
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            fault.times -= 1
            fault.spoilt += 1
            if fault.times <= 0:
                self.waiting.remove(fault)
            self.happened[fault.kind] = self.happened.get(fault.kind, 0) + 1
            return fault
        return None

    def listed(self) -> dict[str, Any]:
        return {"waiting": [asdict(fault) for fault in self.waiting], "happened": self.happened}


def instead(fault: Fault, now: float) -> Answer | None:
    """The answer that a fault gives before anything is looked up; None when it spoils the real one."""
    platform = fault.platform
    if fault.kind == "rate_limited":
        return too_many(platform, now + fault.seconds, now)
    if fault.kind == "server_error":
        return Answer(
            status=503 if platform == "feeds" else 500, body=HTML_500, media_type="text/html; charset=utf-8"
        )
    if fault.kind == "bad_gateway":
        return Answer(status=502, body=HTML_502, media_type="text/html")
    if fault.kind == "html_200":
        return Answer(body=HTML_200, media_type="text/html; charset=utf-8")
    if fault.kind == "empty":
        return Answer(body=b"")
    if fault.kind == "expired_token" and platform == "mastodon":
        return told({"error": "The access token is invalid"}, status=401)
    return None


def too_many(platform: str, until: float, now: float) -> Answer:
    """A 429 as the platform words it."""
    if platform == "mastodon":
        reset = datetime.fromtimestamp(until, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        headers = {"X-RateLimit-Limit": "300", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
        return Answer(status=429, body=b'{"error":"Too many requests"}', headers=headers)
    if platform == "bluesky":
        headers = {
            "RateLimit-Limit": "3000",
            "RateLimit-Remaining": "0",
            "RateLimit-Reset": str(math.ceil(until)),
            "RateLimit-Policy": "3000;w=300",
        }
        answer = told({"error": "RateLimitExceeded", "message": "Rate Limit Exceeded"}, status=429)
        answer.headers.update(headers)
        return answer
    after = str(max(1, math.ceil(until - now)))
    return Answer(
        status=429, body=b"Too Many Requests", media_type="text/plain", headers={"Retry-After": after}
    )


def spoilt(answer: Answer, fault: Fault) -> tuple[Answer, Pace]:
    """The real answer after the fault, and how it goes out. A body that cannot be read tells nothing."""
    if fault.kind == "truncated" and answer.status == 200:
        half = Answer(body=answer.body[: len(answer.body) * 2 // 3], media_type=answer.media_type)
        return half, "at once"
    if fault.kind == "big_body":
        return Answer(
            body=b'[{"content":"' + b"x" * 12_000_000 + b'"}]', media_type=answer.media_type
        ), "at once"
    if fault.kind == "gzip_bomb":
        body = gzip.compress(b"[" + b" " * 50_000_000 + b"]")
        return Answer(
            body=body, media_type=answer.media_type, headers={"Content-Encoding": "gzip"}
        ), "at once"
    if fault.kind == "slow":
        return answer, "slow"
    if fault.kind == "drip":
        return answer, "drip"
    if fault.kind == "cut":
        return answer, "cut"
    return answer, "at once"


def demo_schedule() -> list[dict[str, Any]]:
    """A few of each for the demo: enough to see the fleet recover, not so many that nothing else is seen."""
    return [
        {"kind": "rate_limited", "platform": "mastodon", "endpoint": "timelines", "after": 9, "seconds": 4},
        {"kind": "bad_gateway", "platform": "mastodon", "endpoint": "notifications", "after": 6},
        {"kind": "expired_token", "platform": "bluesky", "endpoint": "searchPosts", "after": 8},
        {
            "kind": "rate_limited",
            "platform": "bluesky",
            "endpoint": "listNotifications",
            "after": 7,
            "seconds": 5,
        },
        {"kind": "truncated", "platform": "bluesky", "endpoint": "searchPosts", "after": 14},
        {"kind": "server_error", "platform": "feeds", "endpoint": "forum", "after": 4},
        {"kind": "slow", "platform": "feeds", "endpoint": "news", "after": 3, "seconds": 2},
        {"kind": "duplicated", "platform": "mastodon", "endpoint": "timelines", "after": 15, "times": 3},
        {
            "kind": "reordered",
            "platform": "bluesky",
            "endpoint": "listNotifications",
            "after": 12,
            "times": 2,
        },
    ]


def long_rest() -> dict[str, Any]:
    """A limit that lasts long enough to be looked at."""
    return {"kind": "rate_limited", "platform": "feeds", "times": 3, "seconds": 600}
