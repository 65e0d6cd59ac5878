"""What rules name: an organisation's sources, campaigns, accounts and people, and time zones, as people write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from connectors import connectors
from console.following import find_source
from console.inbound import INBOUND
from console.mentions import record
from console.people import user
from console.refusal import CannotDo

FILE = "file"
"""The kind of what is imported, on whatever platform."""

_PLATFORMS = text("SELECT id, platform FROM sources WHERE org_id = :org AND id = ANY (:ids)")
_ZONE = text("SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = :zone)")
_CALLED = text("""
    SELECT id, name FROM campaigns WHERE org_id = :org AND id = ANY (:ids)
    UNION ALL SELECT id, name FROM accounts WHERE org_id = :org AND id = ANY (:ids)
    UNION ALL SELECT id, coalesce(email, name) FROM users WHERE org_id = :org AND id = ANY (:ids)
    UNION ALL SELECT id, concat_ws(' ', platform, kind, term) FROM sources WHERE org_id = :org AND id = ANY (:ids)
""")


class Known:
    """What there is to be named, asked only for what is."""

    def __init__(self, session: Session, org: str) -> None:
        self._session, self._org = session, org
        kinds: dict[str, Callable[[str], UUID | None]] = {
            "sources": self._source,
            "campaigns": partial(record, session, org, "campaign"),
            "accounts": partial(record, session, org, "account"),
        }
        self._by = kinds

    def row(self, field: str, named: str) -> UUID:
        """The row that a field of a rule names. Raises CannotDo with what is there instead."""
        found = self._by.get(field, partial(user, self._session, self._org))(named)
        assert found is not None
        return found

    def platforms_of(self, sources: Sequence[UUID]) -> dict[UUID, str]:
        """The platform of each source that there is."""
        found = self._session.execute(_PLATFORMS, {"org": self._org, "ids": list(sources)})
        return {row.id: row.platform for row in found}

    def has_zone(self, name: str) -> bool:
        """Does the database know this time zone? It works out when quiet hours end."""
        return bool(self._session.scalar(_ZONE, {"zone": name}))

    def _source(self, named: str) -> UUID:
        found = find_source(self._session, self._org, named)["id"]
        assert isinstance(found, UUID)
        return found


def called(session: Session, org: str, ids: Sequence[UUID]) -> dict[UUID, str]:
    """What the records, sources and people behind these ids are called, as far as they are still there."""
    if not ids:
        return {}
    return {row.id: row.name for row in session.execute(_CALLED, {"org": org, "ids": list(ids)})}


def kinds_of(platform: str) -> frozenset[str]:
    """The kinds of sources that there may be on a platform."""
    connector = connectors().get(platform)
    if connector is None:
        return frozenset((FILE,))
    delivers = (INBOUND,) if hasattr(connector, "receive") else ()
    return frozenset((*connector.watches, *delivers, FILE))


__all__ = ["CannotDo", "Known", "called", "kinds_of"]
