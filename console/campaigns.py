"""Campaigns to choose from."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

_NEWEST = text("""
    SELECT id, name FROM campaigns WHERE org_id = :org
    ORDER BY coalesce(starts_on, created_at::date) DESC, id DESC LIMIT :most
""")


def newest(session: Session, org: str, most: int = 200) -> list[dict[str, Any]]:
    """The newest campaigns: {id, name}."""
    return [dict(row) for row in session.execute(_NEWEST, {"org": org, "most": most}).mappings()]
