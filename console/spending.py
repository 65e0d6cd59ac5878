"""What may be spent on a platform, what has been taken, and when it will run out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import text
from sqlalchemy.orm import Session

from connectors import connectors
from console.keys import known_platform, the_credential
from console.refusal import BadInput, CannotDo
from models.vocabulary import QUOTA_OF, QUOTA_PERIODS
from workers.quotas import Allowance, period_of, quotas_of

UNITS = {"usd": "money", "dollars": "money", "money": "money", "units": "units", "requests": "requests"}

_QUOTAS = text("""
    SELECT q.platform, q.credential_id, c.identifier AS account, q.of, q.period, q.amount, q.zone
    FROM quotas q LEFT JOIN credentials c ON c.id = q.credential_id
    WHERE q.org_id = :org ORDER BY q.platform, c.identifier NULLS FIRST, q.of, q.period
""")
_SPENDINGS = text("""
    SELECT s.platform, s.credential_id, c.identifier AS account, s.of, s.period, s.starts_on, s.spent, s.held,
           s.first_at
    FROM spendings s LEFT JOIN credentials c ON c.id = s.credential_id
    WHERE s.org_id = :org AND s.starts_on >= now()::date - 32 ORDER BY s.starts_on
""")
_SET = text("""
    INSERT INTO quotas (org_id, platform, credential_id, of, period, amount, zone)
    VALUES (:org, :platform, :credential, :of, :period, :amount, :zone)
    ON CONFLICT (org_id, platform, credential_id, of, period)
    DO UPDATE SET amount = excluded.amount, zone = excluded.zone
""")
_REMOVE = text("""
    DELETE FROM quotas
    WHERE org_id = :org AND platform = :platform AND of = :of AND (CAST(:period AS text) IS NULL OR period = :period)
      AND credential_id IS NOT DISTINCT FROM CAST(:credential AS uuid)
    RETURNING 1
""")
# whoever waits for a budget looks at once whether the new one is enough
_WAKE = text("""
    UPDATE sources SET due_at = now()
    WHERE org_id = :org AND platform = :platform AND state = 'active' AND due_at > now()
      AND (last_error LIKE 'the budget of %' OR last_error LIKE 'no money is set aside %')
    RETURNING 1
""")


@dataclass(frozen=True, slots=True)
class Budget:
    """One allowance and how it stands in its present period.

    Amounts are requests, units, or millionths of a US dollar. `uncertain`: set aside for requests that are under way,
    or that were cut off and may have been taken. `runs_out`: when, if it goes on as in this period; None if it does not.
    """

    platform: str
    account: str | None
    of: str
    period: str
    amount: int
    spent: int
    uncertain: int
    ends: datetime
    runs_out: datetime | None
    shipped: bool

    @property
    def left(self) -> int:
        """What may still be taken."""
        return max(0, self.amount - self.spent - self.uncertain)


def runs_out(amount: int, taken: int, since: datetime, now: datetime, ends: datetime) -> datetime | None:
    """When it is all taken, if it goes on as it has gone since then; None when that is not before the period's end.

    Within the first ten minutes too little is known to tell.
    """
    if taken >= amount:
        return now
    lasted = (now - since).total_seconds()
    if taken <= 0 or lasted < 600:
        return None
    seconds = (amount - taken) / (taken / lasted)
    return now + timedelta(seconds=seconds) if seconds < (ends - now).total_seconds() else None


def budgets(session: Session, org: str, now: datetime) -> list[Budget]:
    """Everything that is limited, or that something has been taken of, in the periods that it is now."""
    taken = {
        (row.platform, row.credential_id, row.of, row.period, row.starts_on): row
        for row in session.execute(_SPENDINGS, {"org": org})
    }
    found = []
    told: set[tuple[Any, ...]] = set()
    for row in session.execute(_QUOTAS, {"org": org}):
        allowance = Allowance(row.credential_id, row.of, row.period, row.amount, row.zone)
        key = (row.platform, *period_of(allowance, now)[:4])
        told.add(key)
        found.append(_stands(row.platform, row.account, allowance, taken.get(key), now, shipped=False))
    for key, row in taken.items():
        if key in told:
            continue
        shipped = (
            [
                quota
                for quota in quotas_of(connectors()[row.platform])
                if (quota.of, quota.period) == (row.of, row.period)
            ]
            if row.platform in connectors()
            else []
        )
        for quota in shipped:
            allowance = Allowance(row.credential_id, row.of, row.period, quota.amount, quota.zone)
            if period_of(allowance, now).starts_on == row.starts_on:
                found.append(_stands(row.platform, row.account, allowance, row, now, shipped=True))
    return sorted(found, key=lambda one: (one.platform, one.account or "", one.of, one.period))


def _stands(
    platform: str, account: str | None, allowance: Allowance, row: Any, now: datetime, *, shipped: bool
) -> Budget:
    window = period_of(allowance, now)
    spent, held = (row.spent, row.held) if row else (0, 0)
    begun = datetime.combine(window.starts_on, time(), ZoneInfo(allowance.zone)).astimezone(UTC)
    since = max(begun, row.first_at) if row else begun
    return Budget(
        platform, account, allowance.of, allowance.period, allowance.amount, spent, held, window.ends,
        runs_out(allowance.amount, spent + held, since, now, window.ends), shipped,
    )  # fmt: skip


def parsed_amount(words: str, unit: str) -> tuple[str, int]:
    """What an amount is of, and how much in that unit; money in millionths of a dollar. Raises BadInput."""
    of = UNITS.get(unit.casefold())
    if of is None:
        raise BadInput(f"{unit!r} cannot be counted; say usd, units or requests.")
    try:
        amount = Decimal(words.replace(",", "").lstrip("$"))
    except InvalidOperation:
        raise BadInput(f"{words!r} is no amount; say 20, or 2.50.") from None
    amount = amount * 1_000_000 if of == "money" else amount
    if not 0 <= amount < 2**62 or amount != int(amount):
        raise BadInput(f"{words} {unit} cannot be an amount; it is a number from 0 on.")
    return of, int(amount)


def set_budget(
    session: Session,
    org: str,
    platform: str,
    of: str,
    amount: int,
    period: str | None = None,
    account: str | None = None,
    zone: str | None = None,
) -> tuple[str, str, int]:
    """Allow so much a day or month; returns the period, its zone, and how many sources look again for it now."""
    connector = known_platform(platform)
    if of not in QUOTA_OF or (period is not None and period not in QUOTA_PERIODS):
        raise BadInput("A budget is of money, units or requests, by the day or by the month.")
    own = next((one for one in quotas_of(connector) if one.of == of and period in (None, one.period)), None)
    period = period or (own.period if own else "month" if of == "money" else "day")
    zone = zone or (own.zone if own else "UTC")
    if zone not in available_timezones():
        raise BadInput(f"{zone!r} is no time zone; say UTC, or one like America/Los_Angeles.")
    session.execute(
        _SET,
        {
            "org": org,
            "platform": platform,
            "credential": _credential(session, org, platform, account),
            "of": of,
            "period": period,
            "amount": amount,
            "zone": zone,
        },
    )
    woken = session.execute(_WAKE, {"org": org, "platform": platform}).all()
    return period, zone, len(woken)


def remove_budget(
    session: Session, org: str, platform: str, of: str, period: str | None = None, account: str | None = None
) -> int:
    """Take back what was set; the platform's own quotas hold then. Raises CannotDo when nothing was set."""
    known_platform(platform)
    gone = session.execute(
        _REMOVE,
        {
            "org": org,
            "platform": platform,
            "of": of,
            "period": period,
            "credential": _credential(session, org, platform, account),
        },
    ).all()
    if not gone:
        raise CannotDo(f"Nothing was set for the {of} of {platform}; see earshot budget list.")
    session.execute(_WAKE, {"org": org, "platform": platform})
    return len(gone)


def _credential(session: Session, org: str, platform: str, account: str | None) -> UUID | None:
    if account is None:
        return None
    found = the_credential(session, org, platform, None, account)
    assert found is not None  # named, it is there or refused
    chosen: UUID = found["id"]
    return chosen
