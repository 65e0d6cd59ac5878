"""May this request be made now? Short windows, shared by all workers through the broker's server.

What a platform's headers say is learned per (host, endpoint class, credential) and asked before each request. A window that
is over begins anew, as long and as wide as the last one, until an answer says otherwise: nobody waits for that answer, and
nobody asks for more than was announced. A lost window costs at most one 429, so nothing here needs to survive a flush.

Surprising: a reset that is further away than a wait of ours is no reset for us; what was left goes on to be what is left.
"""

from __future__ import annotations

import hashlib
import logging
import time
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from connectors._base import TryLater

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio import Redis

    from connectors._limits import Limits

log = logging.getLogger(__name__)

_LONGEST = 15 * 60.0
"""Seconds; a platform that asks for more is asked again after this long."""

_TELL_EVERY = 2.0
"""Seconds between two reports on a window that has plenty left."""

_AHEAD, _AHEAD_LASTS = 4, 0.25
"""Requests that a process which asks again within so many seconds takes from such a window at once; they are good for as
long as that, since another process may learn meanwhile that it is closed."""

_KNOWN = 10_000
"""Windows that a process remembers, at most."""

_REMEMBERED = 86_400_000
"""Milliseconds after which a window of which nothing is heard is forgotten."""

# Says for how many ms to wait, how many requests were taken, and how many ms the window still lasts.
_ASK = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local w = redis.call('HMGET', KEYS[1], 'left', 'reset', 'closed', 'limit', 'span')
local left, reset, closed = tonumber(w[1]), tonumber(w[2]), tonumber(w[3])
if closed and closed > now then return {closed - now, 0, 0} end
if not (left and w[4]) then return {0, 1, 0} end
if reset <= now then
  redis.call('HSET', KEYS[1], 'before', reset)
  left, reset = tonumber(w[4]), now + tonumber(w[5])
  redis.call('HSET', KEYS[1], 'left', left, 'reset', reset)
end
if left <= 0 then return {reset - now, 0, 0} end
local most, take = tonumber(ARGV[1]), 1
if left > most * 8 then take = most end
redis.call('HINCRBY', KEYS[1], 'left', -take)
return {0, take, reset - now}
"""

# Answers come back out of order: within one window only the lowest figure is believed, and one from the window before
# says nothing but that it was used up. `before` is there while a window is our own guess.
_LEARN = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local left, reset_in, closed_for = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local limit, cut = tonumber(ARGV[4]), ARGV[5] == '1'
local w = redis.call('HMGET', KEYS[1], 'left', 'reset', 'limit', 'span', 'before')
local known, till, before = tonumber(w[1]), tonumber(w[2]), tonumber(w[5])
local ends = now + reset_in
local runs = known and till > now
local late = runs and (before and ends < before + 2000 or not before and ends < till - 2000)
if left >= 0 and reset_in > 0 and not late then
  local same = runs and (before or math.abs(till - ends) < 2000)
  if same and known < left then left = known end
  if limit <= 0 then limit = math.max(left + 1, tonumber(w[3]) or 0) end
  if cut then limit = math.max(left, 1) end
  local span = math.max(reset_in, tonumber(w[4]) or 0)
  redis.call('HSET', KEYS[1], 'left', left, 'reset', ends, 'limit', limit, 'span', span)
  redis.call('HDEL', KEYS[1], 'before')
elseif left == 0 and late then
  closed_for = math.max(closed_for, reset_in)
elseif left >= 0 and reset_in == 0 and before then
  redis.call('HDEL', KEYS[1], 'left', 'reset', 'before')
end
if closed_for > 0 then redis.call('HSET', KEYS[1], 'closed', now + closed_for) end
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return 0
"""


class Budget:
    """Asks and learns; `redis` is the process's client."""

    def __init__(
        self, redis: Redis, prefix: str = "earshot:budget:", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._prefix = prefix
        self._ask = redis.register_script(_ASK)
        self._learn = redis.register_script(_LEARN)
        self._told: dict[str, float] = {}
        self._ahead: dict[str, tuple[int, float]] = {}
        self._asked: dict[str, float] = {}

    def _key(self, host: str, endpoint: str, whose: str | None) -> str:
        # what may be a token names its window without being readable in the server
        named = hashlib.blake2b(whose.encode(), digest_size=8).hexdigest() if whose else "anonymous"
        return f"{self._prefix}{host}:{endpoint}:{named}"

    async def ask(self, *, host: str, endpoint: str, whose: str | None) -> None:
        """Take one request from the window. Raises TryLater with the wait when nothing is left in it.

        Who asks again and again takes a few at once from a window with plenty left.
        """
        key, now = self._key(host, endpoint, whose), self._clock()
        ahead, until = self._ahead.get(key, (0, 0.0))
        if ahead > 0 and now < until:
            self._ahead[key] = (ahead - 1, until)
            return
        often = now - self._asked.get(key, float("-inf")) < _AHEAD_LASTS
        if len(self._asked) > _KNOWN:
            self._asked.clear()
            self._ahead.clear()
        self._asked[key] = now
        try:
            wait, taken, lasts = await self._ask(keys=[key], args=[_AHEAD if often else 1])
        except RedisError as broken:
            log.warning("The budget cannot be asked (%s); the request is made", type(broken).__name__)
            return
        if wait > 0:
            raise TryLater(f"the budget of {host} is spent", after=wait / 1000, limited=True)
        if taken > 1:
            self._ahead[key] = (taken - 1, now + min(_AHEAD_LASTS, lasts / 1000))

    def _worth_telling(self, key: str, limits: Limits | None) -> bool:
        """Asking counts down by itself; a window that is far from spent need be told once in a while only."""
        now = self._clock()
        if len(self._told) > _KNOWN:
            self._told.clear()
        if (
            limits is not None
            and limits.remaining is not None
            and limits.limit
            and limits.remaining > limits.limit / 4
            and now - self._told.get(key, float("-inf")) < _TELL_EVERY
        ):
            return False
        self._told[key] = now
        return True

    async def learn(
        self, *, host: str, endpoint: str, whose: str | None, limits: Limits | None, status: int
    ) -> None:
        """Note what an answer said of the window: requests left, seconds to its reset, or closed (429)."""
        if limits is None and status != 429:
            return
        key = self._key(host, endpoint, whose)
        if status == 429:
            self._ahead.pop(key, None)
        elif not self._worth_telling(key, limits):
            return
        left = limits.remaining if limits and limits.remaining is not None else -1
        limit = limits.limit if limits and limits.limit else 0
        reset = min(limits.reset_in, _LONGEST) if limits and limits.reset_in else 0
        closed = (reset or 60.0) if status == 429 else 0
        if closed and not limit:
            left = -1  # what was refused says when to come back, not how wide the window is
        args = [int(left), int(reset * 1000), int(closed * 1000), limit, int(reset >= _LONGEST), _REMEMBERED]
        try:
            await self._learn(keys=[key], args=args)
        except RedisError as broken:
            log.warning("What %s said of its limits is lost (%s)", host, type(broken).__name__)
