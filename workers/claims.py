"""Which identity a handle was first seen with: whoever comes with it later is somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import text

from workers._rows import as_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from workers.draft import Draft


class ClaimLost(Exception):
    """Another worker has seen the handle with another identity at the same moment: resolve anew."""


_CLAIMS = text("""
    UPDATE aliases a SET identity_id = x.identity_id
    FROM json_to_recordset(CAST(:rows AS json)) AS x(id uuid, identity_id uuid)
    WHERE a.id = x.id AND a.identity_id IS NULL
    RETURNING a.id
""")


def record_claims(session: Session, drafts: Iterable[Draft]) -> None:
    """Note which identity each handle was first seen with. Raises ClaimLost when it is too late for one."""
    claims: dict[UUID, str] = {}
    for draft in drafts:
        author = draft.resolved.author
        for alias, _ in draft.resolved.claims:
            if author is not None and claims.setdefault(alias, author.id) != author.id:
                raise ClaimLost
    if claims:
        rows = [{"id": alias, "identity_id": identity} for alias, identity in sorted(claims.items())]
        if len(session.execute(_CLAIMS, {"rows": as_json(rows)}).all()) < len(claims):
            raise ClaimLost
