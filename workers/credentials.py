"""The keys of a source: a token as it is, or a session that one process at a time renews.

At rest both are encrypted and bound to their row: the plaintext begins with the row's id, so that a
ciphertext that was moved to another row does not open. A secret that does not open with our keys is our
trouble and not the platform's refusal: sources wait (Locked) until the key is back or the secret given anew.
"""

from __future__ import annotations

from functools import cache
from math import isfinite
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import text

from connectors._base import ConnectorError, Denied, Login, Session, TryLater
from workers import reauth
from workers._settings import BadSetting, settings
from workers.answered import Answered
from workers.reauth import WAS, WAY_BACK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

    from connectors._base import Connector, Http, SignsIn

REFRESH_SECONDS = 20.0
LOCKED_SECONDS = 60.0
LONGEST = 10 * 365 * 86_400.0
"""Seconds; what lasts longer does not end."""


class Locked(TryLater):
    """A stored secret cannot be opened here. The message says why, and nothing of the secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, after=LOCKED_SECONDS)


def _keys() -> list[Fernet]:
    keys = settings().keys()
    if not keys:
        raise BadSetting("encryption_key", "not set, and without it no credential can be kept or used")
    try:
        return [Fernet(key) for key in keys]
    except ValueError:
        raise BadSetting("encryption_key", "each key is 32 bytes in URL-safe base64, 44 characters") from None


@cache
def _fernet() -> MultiFernet:
    return MultiFernet(_keys())


def seal(row: UUID, secret: str) -> bytes:
    """Encrypt a secret for one row. Raises BadSetting without a usable key."""
    return _fernet().encrypt(row.bytes + secret.encode())


def unseal(row: UUID, sealed: bytes) -> str:
    """Decrypt a row's secret. Raises Locked when the key is lost or the ciphertext is another row's, BadSetting
    without a usable key."""
    try:
        opened = _fernet().decrypt(sealed)
    except InvalidToken:
        raise Locked("the stored secret does not open with the encryption key") from None
    if opened[:16] != row.bytes:
        raise Locked("the stored secret belongs to another credential")
    return opened[16:].decode()


def resealed(row: UUID, sealed: bytes) -> bytes | None:
    """The same secret under the first key of the setting; None where it is so already. Raises as `unseal`."""
    secret = unseal(row, sealed)
    try:
        _keys()[0].decrypt(sealed)
    except InvalidToken:
        return seal(row, secret)
    return None


_READ = text("""
    SELECT id, org_id AS org, platform, host, identifier, secret, session, me, state, fence, last_error,
           (session IS NOT NULL AND expires_at <= now()) IS TRUE AS ended, now() AS now
    FROM credentials WHERE id = :id
""")
_TAKE = text("""
    UPDATE credentials SET refreshing_until = now() + make_interval(secs => :lease)
    WHERE id = :id AND fence = :fence AND (state <> 'needs_reauth' OR :anyway)
      AND (refreshing_until IS NULL OR refreshing_until < now())
    RETURNING id
""")
# an account that we can sign in to is ourselves
_STORE = text(f"""
    WITH {WAS}, mended AS (SELECT * FROM was), {WAY_BACK}, kept AS (
        UPDATE credentials c
        SET session = :session, me = nullif(:me, ''), fence = c.fence + 1, refreshing_until = NULL, state = 'ok',
            last_error = NULL, activity_id = NULL,
            expires_at = now() + make_interval(secs => CAST(:lasts AS double precision)),
            renew_at = now() + make_interval(secs => CAST(:renew_in AS double precision))
        FROM was WHERE c.id = was.id
        RETURNING c.id, c.org_id, c.platform
    ), ours AS (
        INSERT INTO identities (org_id, platform, stable_id, handle, ours)
        SELECT org_id, platform, :me, :handle, true FROM kept WHERE :me <> ''
        ON CONFLICT (org_id, platform, stable_id) DO UPDATE SET ours = true
    )
    SELECT id FROM kept
""")
_RELEASE = text("""
    UPDATE credentials SET refreshing_until = NULL, last_error = :error WHERE id = :id AND fence = :fence
""")


def lasting(seconds: float | None) -> float | None:
    """Seconds that a platform says a token lasts, as far as it can be believed; None: no end is known."""
    if seconds is None or not isfinite(seconds) or seconds > LONGEST:
        return None
    return max(0.0, seconds)


def renewing(lasts: float | None) -> float | None:
    """Seconds until a session is to be renewed: at 80 % of its life and 10 minutes before its end at the latest, but
    not before half of it."""
    return None if lasts is None else max(min(0.8 * lasts, lasts - 600.0), lasts / 2)


async def read(credential: UUID, sessions: async_sessionmaker[AsyncSession]) -> dict[str, Any]:
    """The credential's row, its secrets as they are stored."""
    async with sessions() as session:
        return dict((await session.execute(_READ, {"id": credential})).mappings().one())


async def session_of(
    credential: UUID,
    connector: Connector,
    sessions: async_sessionmaker[AsyncSession],
    http: Http,
    *,
    refused: Session | None = None,
) -> Session:
    """The session to fetch with; a new one when the platform refused the one given, or when its time is over.

    Raises TryLater while another process signs in, Locked when our keys do not open the secret, Denied when the platform
    refuses the secret too, or refused it before and nobody has renewed it.
    """
    row = await read(credential, sessions)
    waits = row["state"] == "needs_reauth"
    if not hasattr(connector, "sign_in"):
        if refused is not None:
            raise Denied("the token was refused, and the platform issues no new ones", refreshable=False)
        if waits:
            raise Denied("the credential waits for a person to renew it", refreshable=False)
        return as_it_is(row)
    stored = stored_session(row)
    if stored is not None and not row["ended"] and (refused is None or stored.access != refused.access):
        return _known(row, stored)
    if waits:
        raise Denied("the credential waits for a person to renew it", refreshable=False)
    return await sign_in(row, stored, connector, sessions, http)


def opened(row: Mapping[str, Any]) -> str:
    """The secret of a row that was read. Raises Locked."""
    try:
        return unseal(row["id"], row["secret"])
    except BadSetting as bad:
        raise Locked(str(bad)) from None


def as_it_is(row: Mapping[str, Any]) -> Session:
    """The secret of a row as the token that it is. Raises Locked."""
    return Session(
        access=opened(row),
        refresh=None,
        account_id=row["me"] or "",
        handle=row["identifier"],
        host=row["host"],
    )


def whose(session: Session | None) -> str | None:
    """The stable id of the account that a session is of, as a Watch has it; None for an app's own session, or without."""
    return session.account_id or None if session else None


def stored_session(row: Mapping[str, Any]) -> Session | None:
    """The session of a row that was read; None where there is none that opens: the secret makes a new one."""
    if row["session"] is None:
        return None
    try:
        return msgspec.json.decode(unseal(row["id"], row["session"]), type=Session)
    except (BadSetting, Locked, msgspec.MsgspecError):
        return None


async def sign_in(
    row: Mapping[str, Any],
    stored: Session | None,
    connector: Connector,
    sessions: async_sessionmaker[AsyncSession],
    http: Http,
    *,
    anyway: bool = False,
) -> Session:
    """A new session, made by one process at a time, and kept; the row's fence is one higher then. Raises as `session_of`.

    Only the platform's own no makes the credential wait for a person; trouble on the way there never does. `anyway`: a
    credential that waits for one is tried all the same.
    """
    which = {"id": row["id"], "fence": row["fence"]}
    login = Login(
        host=row["host"],
        identifier=row["identifier"],
        secret=opened(row),
        refresh=stored.refresh if stored else None,
        now=row["now"],
    )
    async with sessions() as session, session.begin():
        if await session.scalar(_TAKE, {**which, "lease": REFRESH_SECONDS, "anyway": anyway}) is None:
            raise TryLater("another process is signing in with this credential", after=2.0)
    try:
        fresh = await cast("SignsIn", connector).sign_in(Answered(http), login)
    except Denied as denied:
        async with sessions() as session, session.begin():
            await reauth.refused(session, told_of(row, connector), str(denied))
        raise Denied(str(denied), refreshable=False) from denied
    except ConnectorError as error:
        async with sessions() as session, session.begin():
            await session.execute(_RELEASE, {**which, "error": str(error)})
        raise
    fresh = _known(row, fresh)
    lasts = lasting(fresh.lasts)
    kept = {
        **which,
        "session": seal(row["id"], msgspec.json.encode(fresh).decode()),
        "me": fresh.account_id,
        "handle": fresh.handle,
        "lasts": lasts,
        "renew_in": renewing(lasts),
    }
    async with sessions() as session, session.begin():
        if await session.scalar(_STORE, kept) is None:
            raise TryLater("the credential was given anew while it was signed in with", after=1.0)
    return fresh


def _known(row: Mapping[str, Any], session: Session) -> Session:
    """A user's session with whose it is, where only a check could tell: it is asked once and kept, since it may be paid
    for. An app's session, which has nothing to renew it with, stays nobody's."""
    if session.account_id or session.refresh is None or not row["me"]:
        return session
    return msgspec.structs.replace(session, account_id=row["me"])


def told_of(row: Mapping[str, Any], connector: Connector) -> dict[str, Any]:
    """What ops are told of a row, with the platform's usual server."""
    named = {name: row[name] for name in ("id", "fence", "org", "platform", "host", "identifier")}
    return {**named, "default_host": connector.default_host}
