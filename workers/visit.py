"""A source that is being visited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from connectors._base import Cursor


@dataclass(frozen=True, slots=True)
class Visit:
    """A claimed source: what to follow, where it stands, and under which fence we may write."""

    source: UUID
    org: str
    platform: str
    kind: str
    term: str
    host: str
    cursor: Cursor | None
    fence: int
    poll: UUID
    every: float
    failures: int
    page_size: int | None
    credential: UUID | None
    urgent: bool
    now: datetime
