"""Credentials, asked of their platforms: whose they are, what they may do, what their sources would lack."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session

from connectors import connectors
from console.asking import requests
from console.keys import credentials, known_platform, mending
from console.refusal import CannotDo
from workers._settings import settings
from workers.checks import Standing, ask, lacking

_SOURCES = text("""
    SELECT kind, term, state FROM sources
    WHERE org_id = :org AND credential_id = :id ORDER BY kind, term
""")


@dataclass(frozen=True)
class Checked:
    """What the platform said of one credential (`row` as `credentials` has it, from after the asking).

    `kinds`: the scopes that each kind of watch of the platform would lack, by its name; `lacking`: the sources among them.
    """

    row: dict[str, Any]
    standing: Standing
    kinds: dict[str, list[str]]
    lacking: list[dict[str, Any]] = field(default_factory=list)
    mends: str = ""

    @property
    def wrong(self) -> bool:
        """Does somebody have to do something?"""
        return bool(self.standing.answer not in ("good", "unasked") or self.lacking or self.row["ends_soon"])


def chosen(session: Session, org: str, platform: str | None, account: str | None) -> list[dict[str, Any]]:
    """The credentials that are meant: all, a platform's, or one account's. Raises CannotDo when there is none, BadInput for a
    platform that there is not."""
    rows = credentials(session, org)
    if platform is not None and platform != "all":
        known_platform(platform)
        rows = [row for row in rows if row["platform"] == platform]
    if account is not None:
        wanted = account.strip().removeprefix("@")
        rows = [row for row in rows if wanted in (row["identifier"], str(row["id"]))]
    if not rows:
        named = " ".join(word for word in (platform, account) if word and word != "all")
        of = f" for {named}" if named else ""
        raise CannotDo(f"There is no credential{of}; see `earshot credentials list`.")
    return rows


def check(rows: Sequence[dict[str, Any]]) -> list[Standing]:
    """Ask the platforms of these credentials, all at once; what they say is written down as the fleet would."""
    return asyncio.run(_ask(rows))


async def _ask(rows: Sequence[dict[str, Any]]) -> list[Standing]:
    ours = settings()
    engine = create_async_engine(ours.database, hide_parameters=True, poolclass=NullPool)
    sessions, now = async_sessionmaker(engine), datetime.now(UTC)
    try:
        async with requests(ours) as http:
            asked = [
                ask(
                    row["id"],
                    connectors()[row["platform"]],
                    sessions,
                    http.of(str(row["id"])),
                    now=now,
                    anyway=True,
                )
                for row in rows
            ]
            return await asyncio.gather(*asked)
    finally:
        await engine.dispose()


def found(
    session: Session, org: str, rows: Sequence[dict[str, Any]], standings: Sequence[Standing]
) -> list[Checked]:
    """The standings beside what their credentials are used for, in the order of the rows."""
    after = {row["id"]: row for row in credentials(session, org)}
    told = []
    for before, standing in zip(rows, standings, strict=True):
        row = after.get(before["id"], before)
        connector = connectors()[row["platform"]]
        taking = [kind for kind, need in connector.watches.items() if need.credential != "none"]
        kinds = {kind: lacking(connector, kind, row["scopes"]) for kind in taking}
        sources = [dict(one) for one in session.execute(_SOURCES, {"org": org, "id": row["id"]}).mappings()]
        short = [{**one, "lacks": kinds[one["kind"]]} for one in sources if kinds.get(one["kind"])]
        mends = mending({**row, "org": org})
        told.append(Checked(row, standing, kinds, short, mends))
    return told
