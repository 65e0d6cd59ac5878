"""Which workers answer: a broadcast over the broker, and a short wait for the replies."""

from __future__ import annotations

from collections.abc import Mapping

WAIT = 1.5
"""Seconds in which a worker that lives has answered."""


def queues() -> Mapping[str, list[str]]:
    """The queues that each living worker reads, by worker. Raises redis.RedisError or OSError."""
    from kombu.exceptions import OperationalError

    from console.refusal import CannotDo
    from workers.app import app

    try:
        replies = app.control.inspect(timeout=WAIT).active_queues() or {}
    except OperationalError as error:
        raise CannotDo(f"The broker does not answer ({error}).") from None
    return {worker: sorted(queue["name"] for queue in found) for worker, found in sorted(replies.items())}
