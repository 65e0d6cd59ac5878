"""A question that is no visit (a preview, a look at a credential), within what may be spent.

Its most is set aside before it is asked, and becomes what it took; what nobody knows stays set aside, as it does for a
visit (workers/fetch.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from connectors._base import ConnectorError
from workers import quotas

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

    from connectors._base import Connector, Spend

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Paying:
    """Whose budget it is: an organisation's on one platform, and the credential that asks."""

    org: str
    platform: str
    credential: UUID | None
    connector: Connector
    now: datetime
    sessions: async_sessionmaker[AsyncSession]

    async def for_(self, most: Spend, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask. What comes back may say what it has `spent`. Raises as `ask` does, and TryLater when a quota or the money
        does not allow it."""
        held = None
        if quotas.metered(self.connector, most):
            async with self.sessions() as session, session.begin():
                held = await quotas.hold(
                    session,
                    org=self.org,
                    platform=self.platform,
                    credential=self.credential,
                    connector=self.connector,
                    poll=None,
                    most=most,
                    urgent=True,
                    now=self.now,
                )
        try:
            answer = await ask()
        except ConnectorError as error:
            spent = quotas.after_error(error, most)
            if held and spent:
                await self._settled(held, spent)
            raise
        if held:
            await self._settled(held, getattr(answer, "spent", None) or most)
        return answer

    async def _settled(self, held: quotas.Hold, spent: Spend) -> None:
        async with self.sessions() as session, session.begin():
            await quotas.settle(session, self.org, self.platform, held, spent)
