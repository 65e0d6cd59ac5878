"""May this be spent? Quotas and money by the day and the month, kept in PostgreSQL.

Before each request the most that it can take is set aside (held); the transaction that lands its page writes down what
it took. What was held by a request that was cut off stays held, because it may have been taken: it is shown as
uncertain and counts until its period is over. Only what visits have set aside that still go on is waited for. Short windows, which a platform's headers tell of, are workers/budget.py.

Surprising: for a platform that takes money nothing may be spent until somebody has said how much.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text

from connectors._base import Garbled, Quota, Spend, TryLater
from workers._rows import as_json
from workers.lease import LEASE_FREE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from connectors._base import Connector, ConnectorError

OF = ("requests", "units", "money")
KEPT = 0.1
"""This share of a quota is left to sources that are urgent or of a campaign, where there are such."""
USUAL = 100
"""A source's priority unless somebody has said otherwise; less is more urgent."""
LONGEST = timedelta(hours=6)
"""A source that waits for its next period looks again after this long: somebody may have allowed more."""


SOON = 15.0
"""Seconds after which a source looks again that only waits for what others have set aside."""


class Allowance(NamedTuple):
    """One quota as it holds for a request: whose it is (None: all of the organisation's credentials share it)."""

    credential: UUID | None
    of: str
    period: str
    amount: int
    zone: str


class Stands(NamedTuple):
    """What of a window is written down as spent, what is set aside, and what of that by visits that still go on."""

    spent: int
    held: int
    under_way: int = 0


class Window(NamedTuple):
    """An allowance in the period that a moment lies in."""

    credential: UUID | None
    of: str
    period: str
    starts_on: date
    amount: int
    ends: datetime


@dataclass(frozen=True, slots=True)
class Hold:
    """What was set aside for one request, and in which windows."""

    poll: UUID | None
    most: Spend
    windows: tuple[Window, ...]


def period_of(allowance: Allowance, now: datetime) -> Window:
    """The day or month of the allowance's calendar that `now` is in."""
    zone = ZoneInfo(allowance.zone)
    starts = now.astimezone(zone).date()
    if allowance.period == "month":
        starts = starts.replace(day=1)
        after = (starts + timedelta(days=32)).replace(day=1)
    else:
        after = starts + timedelta(days=1)
    ends = datetime.combine(after, time(), zone).astimezone(UTC)
    return Window(allowance.credential, allowance.of, allowance.period, starts, allowance.amount, ends)


def amount_in(spend: Spend, of: str) -> int:
    """What it takes of requests, units or money."""
    taken: int = getattr(spend, of)
    return taken


def said(of: str, amount: int) -> str:
    """An amount with its unit: $1.25, 10,000 units, 1 unit."""
    if of == "money":
        return f"${amount / 1e6:,.2f}"
    return f"{amount:,} {of if amount != 1 else of.removesuffix('s')}"


def metered(connector: Connector, spend: Spend) -> bool:
    """Is anything counted of such a request but its rate?"""
    return bool(spend.units or spend.money or quotas_of(connector))


def quotas_of(connector: Connector) -> Sequence[Quota]:
    """What the platform itself allows one credential."""
    return getattr(connector, "quotas", ())


_SET = text("""
    SELECT credential_id, of, period, amount, zone FROM quotas
    WHERE org_id = :org AND platform = :platform AND (credential_id IS NULL OR credential_id = :credential)
""")
_OPEN = text("""
    INSERT INTO spendings (org_id, platform, credential_id, of, period, starts_on)
    SELECT :org, :platform, w.credential, w.of, w.period, w.starts_on
    FROM json_to_recordset(CAST(:windows AS json)) AS w(credential uuid, of text, period text, starts_on date)
    ORDER BY w.credential, w.of, w.period, w.starts_on
    ON CONFLICT ON CONSTRAINT uq_spendings_window DO NOTHING
""")
# one statement, so that it is one transaction also where each statement is its own
_HOLD = text("""
    WITH w AS MATERIALIZED (
        SELECT * FROM json_to_recordset(CAST(:windows AS json)) AS w(
            credential uuid, of text, period text, starts_on date, most bigint, allowed bigint)
    ), stands AS MATERIALIZED (
        SELECT s.id, s.credential_id AS credential, s.of, s.period, s.starts_on, s.spent, s.held, w.most, w.allowed
        FROM w JOIN spendings s ON s.org_id = :org AND s.platform = :platform
            AND s.credential_id IS NOT DISTINCT FROM w.credential AND s.of = w.of AND s.period = w.period
            AND s.starts_on = w.starts_on
        ORDER BY s.id FOR NO KEY UPDATE OF s
    ), fits AS MATERIALIZED (
        SELECT bool_and(spent + stands.held + most <= allowed) AS all_of_them FROM stands
    ), held AS (
        UPDATE spendings s SET held = s.held + stands.most FROM stands, fits
        WHERE s.id = stands.id AND fits.all_of_them
    ), noted AS (
        UPDATE polls SET held_units = held_units + :units, held_money = held_money + :money FROM fits
        WHERE id = :poll AND fits.all_of_them
    )
    SELECT stands.credential, stands.of, stands.period, stands.starts_on, stands.spent, stands.held FROM stands
""")
_RUSHED = text("""
    SELECT EXISTS (SELECT FROM sources WHERE org_id = :org AND platform = :platform AND state = 'active'
                   AND (priority < :usual OR campaign_id IS NOT NULL))
""")
_UNDER_WAY = text(f"""
    SELECT s.credential_id AS credential, count(*) AS requests,
           sum(p.held_units)::bigint AS units, sum(p.held_money)::bigint AS money
    FROM sources s JOIN polls p ON p.id = s.poll_id
    WHERE s.org_id = :org AND s.platform = :platform AND p.id IS DISTINCT FROM CAST(:poll AS uuid)
      AND NOT {LEASE_FREE.format(row="s")}
    GROUP BY s.credential_id
""")
_MOVE = text("""
    WITH w AS MATERIALIZED (
        SELECT * FROM json_to_recordset(CAST(:windows AS json)) AS w(
            credential uuid, of text, period text, starts_on date, held bigint, spent bigint)
    ), counted AS (
        UPDATE spendings s SET held = s.held + w.held, spent = s.spent + w.spent
        FROM w WHERE s.org_id = :org AND s.platform = :platform
            AND s.credential_id IS NOT DISTINCT FROM w.credential AND s.of = w.of AND s.period = w.period
            AND s.starts_on = w.starts_on
    )
    UPDATE polls SET held_units = held_units + :held_units, held_money = held_money + :held_money,
                     units = units + :units, money = money + :money
    WHERE id = :poll
""")


def allowances(
    rows: Iterable[Allowance], own: Sequence[Quota], credential: UUID | None, spend: Spend
) -> list[Allowance]:
    """What holds for a request that takes so much: what was set, and of the platform's own quotas those that nobody
    has set otherwise. Pure."""
    found = list(rows)
    spoken = {(one.of, one.period) for one in found}
    found += [
        Allowance(credential, quota.of, quota.period, quota.amount, quota.zone)
        for quota in own
        if (quota.of, quota.period) not in spoken
    ]
    if spend.money and not any(one.of == "money" for one in rows):
        found.append(Allowance(None, "money", "month", 0, "UTC"))
    return [one for one in found if amount_in(spend, one.of)]


def refusal(
    windows: Sequence[Window],
    taken: dict[Window, Stands],
    most: Spend,
    *,
    leave: float,
    platform: str,
    now: datetime,
) -> TryLater | None:
    """The first window in which this is no longer possible, as the error that says so. `leave`: the share that has to
    stay. Pure."""
    for window in windows:
        limit, stands, wanted = allowed(window, leave), taken[window], amount_in(most, window.of)
        if stands.spent + stands.held + wanted <= limit:
            continue
        after = max(1.0, min(window.ends - now, LONGEST).total_seconds())
        if window.amount == 0 and window.of == "money":
            why = f"no money is set aside for {platform}: earshot budget set {platform} 20 usd"
            return TryLater(why, after=after, limited=True)
        uncertain = stands.held - stands.under_way
        if stands.under_way and stands.spent + uncertain + wanted <= limit:
            # the pages of others that are under way seldom take all that was set aside for them
            why = f"the budget of {platform} waits: others are asking, and {said(window.of, stands.under_way)} are set aside for them"
            return TryLater(why, after=min(after, SOON), limited=True)
        of_all = f"{said(window.of, stands.spent + stands.held)} of {said(window.of, window.amount)}"
        why = f"the budget of {platform} waits: {of_all} are taken this {window.period}"
        if uncertain:
            why += f", {said(window.of, uncertain)} of it uncertain"
        if limit < window.amount:
            why += "; what is left is kept for urgent sources and campaigns"
        return TryLater(why, after=after, limited=True)
    return None


async def hold(
    session: AsyncSession,
    *,
    org: str,
    platform: str,
    credential: UUID | None,
    connector: Connector,
    poll: UUID | None,
    most: Spend,
    urgent: bool,
    now: datetime,
) -> Hold | None:
    """Set aside the most that a request can take. Raises TryLater when a quota or the money does not allow it; None
    where nothing is counted. `urgent`: may use what is kept back. What is set aside has to be committed before the
    request is made; it is one statement. Without a `poll` it is no visit that asks."""
    if not metered(connector, most):
        return None
    which = {"org": org, "platform": platform}
    rows = [Allowance(*row) for row in await session.execute(_SET, {**which, "credential": credential})]
    found = allowances(rows, quotas_of(connector), credential, most)
    windows = tuple(sorted((period_of(one, now) for one in found), key=_order))
    kept = not urgent and await session.scalar(_RUSHED, {**which, "usual": USUAL})
    leave = KEPT if kept else 0.0
    asked = [
        {**_named(window), "most": amount_in(most, window.of), "allowed": allowed(window, leave)}
        for window in windows
    ]
    values = {**which, "windows": as_json(asked)}
    await session.execute(_OPEN, values)
    about = {**values, "poll": poll, "units": most.units, "money": most.money}
    taken_now = {
        (row.credential, row.of, row.period, row.starts_on): Stands(row.spent, row.held)
        for row in await session.execute(_HOLD, about)
    }
    taken = {window: taken_now[window[:4]] for window in windows}
    about_it: dict[str, Any] = {"leave": leave, "platform": platform, "now": now}
    refused = refusal(windows, taken, most, **about_it)
    if refused and any(stands.held for stands in taken.values()):
        others = (await session.execute(_UNDER_WAY, {**which, "poll": poll})).all()
        waited = {
            one: stands._replace(under_way=_held_by(others, one, stands)) for one, stands in taken.items()
        }
        refused = refusal(windows, waited, most, **about_it) or refused
    if refused:
        raise refused
    return Hold(poll, most, windows)


def _held_by(others: Sequence[Any], window: Window, stands: Stands) -> int:
    """What other visits hold of a window. A visit's row does not tell its requests: it has one at a time."""
    theirs = [row for row in others if window.credential in (None, row.credential)]
    held: int = sum(getattr(row, window.of) for row in theirs)
    return min(held, stands.held)


def allowed(window: Window, leave: float) -> int:
    """How much may be taken of a window when a share of it has to stay. Pure."""
    return int(window.amount * (1.0 - leave))


def after_error(error: ConnectorError, most: Spend) -> Spend | None:
    """What a request took that ended in an error; None where nobody knows, and it stays set aside. Pure.

    An answer that is an error costs no money; it counts in units unless it only said "wait". What could not be read was
    delivered all the same, and charged.
    """
    if isinstance(error, TryLater):
        if error.uncertain:
            return None
        return Spend(requests=int(error.sent), units=most.units if error.sent and not error.limited else 0)
    if isinstance(error, Garbled):
        return most
    return Spend(units=most.units)


async def settle(session: AsyncSession, org: str, platform: str, held: Hold, spent: Spend) -> None:
    """What was set aside becomes what it really took, in one statement."""
    moved = [
        {
            **_named(window),
            "held": -amount_in(held.most, window.of),
            "spent": amount_in(spent, window.of),
        }
        for window in held.windows
    ]
    await session.execute(
        _MOVE,
        {
            "org": org,
            "platform": platform,
            "windows": as_json(moved),
            "poll": held.poll,
            "held_units": -held.most.units,
            "held_money": -held.most.money,
            "units": spent.units,
            "money": spent.money,
        },
    )


def _named(window: Window) -> dict[str, object]:
    return {
        "credential": window.credential,
        "of": window.of,
        "period": window.period,
        "starts_on": window.starts_on,
    }


def _order(window: Window) -> tuple[str, str, str, date]:
    return str(window.credential or ""), window.of, window.period, window.starts_on
