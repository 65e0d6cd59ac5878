"""Ask a platform what it thinks of a credential: whose it is, what it may do, when it ends.

`check` is asked where the connector has it. A platform without one is signed in to anew; where that cannot be done
either, only a visit to a source can tell. Surprising: a source that was refused says nothing of its
credential, which may lack one scope and be good for all the rest; so the credential is asked about itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from sqlalchemy import text

from connectors._base import ConnectorError, Denied, Held, Spend, Watch
from workers import reauth
from workers.answered import Answered
from workers.credentials import Locked, as_it_is, lasting, read, sign_in, stored_session, told_of, whose
from workers.paid import Paying
from workers.reauth import WARNED_DAYS, WAS, WAY_BACK

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

    from connectors._base import Connector, Http, Session, TakesSecrets

Answer = Literal["good", "refused", "locked", "unanswered", "unasked"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What asking brought: `locked` means that our keys do not open the secret, `unasked` that the platform has no
    way to ask. `said` is why, where it is not good; `held` what the platform told."""

    answer: Answer
    said: str | None = None
    held: Held | None = None


# what a sign-in wrote of its session's end stays, unless the platform was asked for it now; and what is still about to
# end is not mended by being good today
_GOOD = text(f"""
    WITH {WAS}, found AS (
        SELECT was.*, coalesce(now() + make_interval(secs => CAST(:lasts AS double precision)),
                               CASE WHEN was.signed_in THEN was.expires_at END) AS ends
        FROM was
    ), mended AS (
        SELECT * FROM found
        WHERE state = 'needs_reauth' OR ends IS NULL OR ends > now() + interval '{WARNED_DAYS} days'
    ), {WAY_BACK}, tried AS (
        -- who asked for it may have mended what a source was refused for
        UPDATE sources s SET state = 'active', due_at = now() FROM found f
        WHERE s.credential_id = f.id AND s.state = 'needs_reauth' AND f.state = 'ok' AND CAST(:anyway AS boolean)
    )
    UPDATE credentials c
    SET state = 'ok', last_error = NULL, checked_at = now(), me = coalesce(c.me, nullif(:me, '')),
        scopes = coalesce(CAST(:scopes AS text[]), c.scopes), expires_at = found.ends,
        activity_id = CASE WHEN EXISTS (SELECT FROM mended) THEN NULL ELSE c.activity_id END
    FROM found WHERE c.id = found.id
""")
_ASKED = text("UPDATE credentials SET checked_at = now() WHERE id = :id AND fence = :fence")


async def ask(
    credential: UUID,
    connector: Connector,
    sessions: async_sessionmaker[AsyncSession],
    http: Http,
    *,
    now: datetime,
    anyway: bool = False,
) -> Standing:
    """Ask the platform, and write down what it says. Never raises a ConnectorError.

    `anyway`: a credential that waits for a person is asked as well, and goes on if it is good again. Only the platform's
    own no makes it wait.
    """
    row = await read(credential, sessions)
    if row["state"] == "needs_reauth" and not anyway:
        return Standing("refused", row["last_error"])
    try:
        held = await _held(row, connector, sessions, http, now, anyway)
    except Locked as locked:
        return Standing("locked", str(locked))
    except Denied as denied:
        async with sessions() as session, session.begin():
            await reauth.refused(session, told_of(row, connector), str(denied))
        async with sessions() as session, session.begin():
            await session.execute(_ASKED, {"id": credential, "fence": row["fence"]})
        return Standing("refused", str(denied))
    except ConnectorError as error:
        return Standing("unanswered", str(error))
    if held is None:
        return Standing("unasked")
    async with sessions() as session, session.begin():
        await session.execute(
            _GOOD,
            {
                "id": credential,
                "fence": row["fence"],
                "me": held.account_id or "",
                "scopes": None if held.scopes is None else sorted(held.scopes),
                "lasts": lasting(held.lasts),
                "anyway": anyway,
            },
        )
    return Standing("good", held=held)


async def _held(
    row: dict[str, Any],
    connector: Connector,
    sessions: async_sessionmaker[AsyncSession],
    http: Http,
    now: datetime,
    anyway: bool,
) -> Held | None:
    """What the platform says; None where it cannot be asked. The row's fence goes along with a sign-in, so that a
    verdict on one secret is never written to the next."""

    asked = cast("TakesSecrets", connector)
    asks = hasattr(connector, "check")

    async def check(session: Session) -> Held:
        watch = _watch(connector, session, now)
        paying = Paying(row["org"], row["platform"], row["id"], connector, now, sessions)
        return await paying.for_(check_cost(connector, watch), lambda: asked.check(Answered(http), watch))

    async def signed_in() -> Session:
        session = await sign_in(row, stored, connector, sessions, http, anyway=anyway)
        row["fence"] += 1
        return session

    if not hasattr(connector, "sign_in"):
        token = as_it_is(row)
        return await check(token) if asks else None
    stored = stored_session(row)
    if asks and stored is not None and not row["ended"]:
        try:
            return await check(stored)
        except Denied:
            pass  # a session ends; what counts is whether there is another one
    session = await signed_in()
    if asks:
        return await check(session)
    return Held(account_id=session.account_id, handle=session.handle, lasts=session.lasts)


def check_cost(connector: Connector, watch: Watch) -> Spend:
    """The most that asking after a token takes: a request, unless the platform says what else."""
    if not hasattr(connector, "check_cost"):
        return Spend()
    return cast("TakesSecrets", connector).check_cost(watch)


def _watch(connector: Connector, session: Session, now: datetime) -> Watch:
    kind, need = next(iter(connector.watches.items()))
    return Watch(
        kind=kind,
        term=need.example,
        host=session.host,
        now=now,
        token=session.access,
        me=whose(session),
    )


def lacking(connector: Connector, kind: str, held: Collection[str] | None) -> list[str]:
    """The scopes that a kind of watch needs and a credential was not granted; none where the platform does not tell.

    A broader scope covers the narrower ones that it begins (`read` covers `read:statuses`), `*` all.
    """
    need = connector.watches.get(kind)
    if need is None or held is None:
        return []
    return [scope for scope in need.scopes if not _covered(scope, held)]


def _covered(scope: str, held: Iterable[str]) -> bool:
    return any(one in (scope, "*") or scope.startswith(f"{one}:") for one in held)
