"""May this request be made now? Short windows, shared by all workers through the broker's server.

What a platform's headers say is learned per (host, endpoint class, credential) and asked before each
request. A lost window costs at most one 429, so nothing here needs to survive a flush.
"""

from __future__ import annotations

import hashlib
import logging
import time
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from connectors._base import TryLater

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from connectors._limits import Limits

log = logging.getLogger(__name__)

_LONGEST = 15 * 60.0
"""Seconds; a platform that asks for more is asked again after this long."""

_TELL_EVERY = 2.0
"""Seconds between two reports on a window that has plenty left."""

_AHEAD = 4
"""Requests that a process takes from such a window at once, to ask again only after them."""

_ASK = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local w = redis.call('HMGET', KEYS[1], 'left', 'reset', 'closed')
if w[3] and tonumber(w[3]) > now then return tonumber(w[3]) - now end
if w[1] and w[2] and tonumber(w[2]) > now then
  if tonumber(w[1]) <= 0 then return tonumber(w[2]) - now end
  if tonumber(w[1]) > tonumber(ARGV[1]) * 8 then
    redis.call('HINCRBY', KEYS[1], 'left', -tonumber(ARGV[1]))
    return -tonumber(ARGV[1])
  end
  redis.call('HINCRBY', KEYS[1], 'left', -1)
end
return 0
"""

# Answers come back out of order: within one window only the lowest figure is believed.
_LEARN = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local left, reset_in, closed_for = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local expire = 0
if left >= 0 and reset_in > 0 then
  local w = redis.call('HMGET', KEYS[1], 'left', 'reset')
  local same = w[1] and w[2] and math.abs(tonumber(w[2]) - now - reset_in) < 2000
  if same and tonumber(w[1]) < left then left = tonumber(w[1]) end
  redis.call('HSET', KEYS[1], 'left', left, 'reset', now + reset_in)
  expire = reset_in
end
if closed_for > 0 then
  redis.call('HSET', KEYS[1], 'closed', now + closed_for)
  expire = math.max(expire, closed_for)
end
if expire > 0 then redis.call('PEXPIRE', KEYS[1], expire + 1000) end
return 0
"""


class Budget:
    """Asks and learns; `redis` is the process's client."""

    def __init__(self, redis: Redis, prefix: str = "earshot:budget:") -> None:
        self._prefix = prefix
        self._ask = redis.register_script(_ASK)
        self._learn = redis.register_script(_LEARN)
        self._told: dict[str, float] = {}
        self._ahead: dict[str, tuple[int, float]] = {}

    def _key(self, host: str, endpoint: str, whose: str | None) -> str:
        # what may be a token names its window without being readable in the server
        named = hashlib.blake2b(whose.encode(), digest_size=8).hexdigest() if whose else "anonymous"
        return f"{self._prefix}{host}:{endpoint}:{named}"

    async def ask(self, *, host: str, endpoint: str, whose: str | None) -> None:
        """Take one request from the window. Raises TryLater with the wait when nothing is left in it.

        From a window with plenty left a few are taken at once; what is taken ahead is good for as long as
        that one report.
        """
        key, now = self._key(host, endpoint, whose), time.monotonic()
        ahead, until = self._ahead.get(key, (0, 0.0))
        if ahead > 0 and now < until:
            self._ahead[key] = (ahead - 1, until)
            return
        try:
            wait = float(await self._ask(keys=[key], args=[_AHEAD])) / 1000
        except RedisError as broken:
            log.warning("The budget cannot be asked (%s); the request is made", type(broken).__name__)
            return
        if wait < 0:
            self._ahead[key] = (_AHEAD - 1, now + _TELL_EVERY)
        if wait > 0:
            raise TryLater(f"the budget of {host} is spent", after=wait, limited=True)

    def _worth_telling(self, key: str, limits: Limits | None) -> bool:
        """Asking counts down by itself; a window that is far from spent need be told once in a while only."""
        now = time.monotonic()
        if len(self._told) > 10_000:
            self._told.clear()
            self._ahead.clear()
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
        reset = min(limits.reset_in, _LONGEST) if limits and limits.reset_in else 0
        closed = (reset or 60.0) if status == 429 else 0
        try:
            await self._learn(
                keys=[key],
                args=[int(left), int(reset * 1000), int(closed * 1000)],
            )
        except RedisError as broken:
            log.warning("What %s said of its limits is lost (%s)", host, type(broken).__name__)
