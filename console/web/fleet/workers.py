"""`/fleet/workers`: which workers answer now. They are asked over the broker and have a moment to answer, so only who wants
to know asks."""

from __future__ import annotations

from redis import RedisError
from starlette.responses import Response

from console.web.asked import Ask
from console.workers_alive import queues
from workers._settings import BadSetting

READ = {
    "fetch": "no source is visited",
    "digest": "what was fetched is not read",
    "notify": "nobody is told of cases",
    "maintenance": "changes of names, rules and lexicons are not followed up",
}
"""The queues, and what stands still without anybody who reads one."""


def whole(ask: Ask) -> Response:
    """The page."""
    found, away = {}, ""
    try:
        found = dict(queues())
    except (RedisError, BadSetting) as error:
        away = str(error)
    read = {name for names in found.values() for name in names}
    unread = [] if away else [(name, words) for name, words in READ.items() if name not in read]
    return ask.shows("fleet/workers.html", {"workers": found, "away": away, "unread": unread})
