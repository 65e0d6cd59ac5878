"""Which workers answer: a broadcast over the broker, and a short wait for the replies."""

from __future__ import annotations

from collections.abc import Mapping

WAIT = 1.5
"""Seconds in which a worker that lives has answered."""
PATIENCE = 3.0
"""Seconds until a broker that does not answer is said to be away."""


def queues() -> Mapping[str, list[str]]:
    """The queues that each living worker reads, by worker. Raises redis.RedisError."""
    import redis

    from workers._settings import settings

    # asked first: Celery would try again and again to reach a broker that is away
    with redis.Redis.from_url(
        settings().redis, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
    ) as broker:
        broker.ping()

    from workers.app import app

    replies = app.control.inspect(timeout=WAIT).active_queues() or {}
    return {worker: sorted(queue["name"] for queue in found) for worker, found in sorted(replies.items())}
