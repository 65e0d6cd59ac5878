"""The simulated world as the demo meets it: what it wants us to know beforehand, and what it knows afterwards.

Speaks the simulator's control side over HTTP, so that the world may as well run in another container.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text
from sqlalchemy.orm import Session

from console.following import add_source, check
from console.importing import Imported, import_csv
from console.keys import add_credential, base_url
from console.own import add_own
from console.refusal import CannotDo

EVERY = 3.0
"""Seconds between two visits to a source of the demo: a world that tells its story in a minute is watched closely."""
THREAD_SLOWER = 4
"""A thread is read whole at every visit, so it is visited so many times less often."""

TABLES = ("accounts", "contacts", "campaigns", "aliases")

# an earlier run's simulator had another address: nothing is there any more
_RETIRE = text("""
    UPDATE sources SET state = 'paused' WHERE org_id = :org AND state <> 'paused' AND NOT (id = ANY(:kept))
""")
_KEPT = text("""
    SELECT id FROM sources WHERE org_id = :org AND platform = :platform AND kind = :kind AND host = :host
      AND term = :term
""")
_WAKE = text("UPDATE sources SET state = 'active', due_at = now(), failures = 0 WHERE id = ANY(:kept)")
_FATES = text("""
    SELECT e.platform, e.external_id, e.id, e.ticket_id IS NOT NULL AS ticketed, e.case_id IS NOT NULL AS cased,
           e.text, e.sentiment, e.unscored, e.held_back, e.addressed, e.about_us
    FROM json_to_recordset(CAST(:rows AS json)) AS x (platform text, external_id text)
    JOIN social_events e ON e.org_id = :org AND e.platform = x.platform AND e.external_id = x.external_id
""")


class World:
    """A running simulator at `address`."""

    def __init__(self, address: str) -> None:
        self.address = base_url(address)

    def ask(self, what: str, timeout: float = 10.0) -> dict[str, Any]:
        """One answer of the control side: status, crm, truth. Raises CannotDo."""
        try:
            answer = httpx.get(f"{self.address}/_control/{what}", timeout=timeout, trust_env=False)
            answer.raise_for_status()
            found = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            reason = type(error).__name__ if not str(error) else str(error).splitlines()[0]
            raise CannotDo(f"No simulator answers at {self.address} ({reason}).") from None
        return dict(found)

    def answers(self) -> bool:
        """Is it up?"""
        try:
            self.ask("status", timeout=1.0)
        except CannotDo:
            return False
        return True


@dataclass(frozen=True)
class Known:
    """What was brought in: rows by table, and how many sources are followed."""

    tables: Mapping[str, Imported]
    sources: int


def introduce(session: Session, org: str, crm: Mapping[str, Any], every: float = EVERY) -> Known:
    """Bring in what the world's CRM knows, and follow its sources; again, nothing doubles. Raises CannotDo.

    Goes the ways of `earshot import`, `own add`, `credentials add` and `sources add`.
    """
    tables = {name: import_csv(session, org, name, crm["csv"][name], f"{name}.csv") for name in TABLES}
    if bad := [f"{name}, line {line}: {why}" for name, told in tables.items() for line, why in told.bad]:
        raise CannotDo(f"The simulator's CRM cannot be read: {'; '.join(bad[:3])}.")
    own = crm["own"]
    for name in own.get("names", ()):
        add_own(session, org, "name", name)
    for platform in ("mastodon", "bluesky", "feeds"):
        for handle in (own.get(platform), own.get(f"{platform}_id")):
            if handle:
                add_own(session, org, "handle", handle, platform)
    mark = datetime.fromisoformat(crm["mark"])
    kept: list[UUID] = []
    for row in crm["sources"]:
        platform, host = row["platform"], row["host"]
        account = _sign_in(session, org, row, own) if row.get("login") else None
        pause = every * THREAD_SLOWER if row["kind"] == "thread" else every
        wanted = check(
            session, org, platform, row["kind"], row["term"], host=host, credential=account, every=pause
        )
        add_source(session, org, wanted, escalate_from=mark)
        which = {"platform": platform, "kind": wanted.kind, "host": wanted.host, "term": wanted.term}
        kept += session.scalars(_KEPT, {"org": org, **which})
    session.execute(_RETIRE, {"org": org, "kept": kept})
    session.execute(_WAKE, {"kept": kept})
    return Known(tables, len(kept))


def _sign_in(session: Session, org: str, row: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    login, platform = row["login"], row["platform"]
    account: str = login.get("identifier") or own[platform]
    secret = login.get("password") or login["token"]
    add_credential(session, org, platform, account, secret, row["host"], own.get(f"{platform}_id"))
    return account


@dataclass(frozen=True)
class Reckoning:
    """The world's complaints that were told to us: how many got a Ticket, how many an Activity only, and the rest.

    `missed` are (text, why) of those that opened and joined nothing; `untold` were not returned to us, and
    `undigested` were a moment ago: what becomes of them is not known yet.
    """

    told: int
    ticketed: int
    activity: int
    missed: tuple[tuple[str, str], ...]
    untold: int
    undigested: int = 0

    def sentence(self) -> str:
        """`complaints in this world N, ticketed K, missed M`, and what lies between."""
        more = f", not returned to us {self.untold:,}" if self.untold else ""
        mild = f" ({self.activity:,} of them have an activity)" if self.activity else ""
        missed = self.told - self.ticketed - self.undigested
        if self.undigested:
            more = f", not digested yet {self.undigested:,}{more}"
        return f"complaints in this world {self.told:,}, ticketed {self.ticketed:,}, missed {missed:,}{mild}{more}"


def reckon(session: Session, org: str, truth: Mapping[str, Any], *, over: bool = False) -> Reckoning:
    """Hold our tickets against what people who wrote the world call complaints.

    `over`: all is digested, and what is not among the events never will be.
    """
    import json

    told = [complaint for complaint in truth["complaints"] if complaint["returned"]]
    rows = [{"platform": one["platform"], "external_id": one["external_id"]} for one in told]
    found = session.execute(_FATES, {"org": org, "rows": json.dumps(rows)}).all()
    fates = {(row.platform, row.external_id): row for row in found}
    ticketed = activity = undigested = 0
    missed: list[tuple[str, str]] = []
    for one in told:
        fate = fates.get((one["platform"], one["external_id"]))
        if fate is not None and fate.ticketed:
            ticketed += 1
        elif fate is not None and fate.cased:
            activity += 1
        elif fate is None and not over:
            undigested += 1
        else:
            missed.append((fate.text if fate else one["text"], _why_missed(fate)))
    untold = len(truth["complaints"]) - len(told)
    return Reckoning(len(told), ticketed, activity, tuple(missed), untold, undigested)


def _why_missed(fate: Any) -> str:
    if fate is None:
        return "filtered, or in quarantine"
    if fate.held_back:
        return f"held back: {fate.held_back}"
    if fate.sentiment is None:
        return f"not scored: {fate.unscored}"
    if not fate.addressed and not fate.about_us:
        return f"{fate.sentiment:+.2f}, neither to us nor about us"
    return f"{fate.sentiment:+.2f}, no threshold crossed"


def settled(session: Session, org: str, since: datetime) -> bool:
    """Has every active source been visited to its end since that moment, and is nothing waiting?"""
    return bool(session.execute(_SETTLED, {"org": org, "since": since}).scalar_one())


_SETTLED = text("""
    SELECT NOT EXISTS (SELECT FROM pages WHERE org_id = :org AND state = 'landed')
       AND NOT EXISTS (
           SELECT FROM sources s
           WHERE s.org_id = :org AND s.state = 'active'
             AND (s.last_success_at IS NULL OR s.last_success_at < :since OR s.due_at <= s.last_success_at
                  OR s.lease_until IS NOT NULL)
             -- its platform wants to be left alone for so long that nobody waits for it
             AND NOT (s.last_error_at > coalesce(s.last_success_at, '-infinity') AND s.due_at > now() + interval '1 minute'))
""")
