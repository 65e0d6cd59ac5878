"""The keys of a source: a token as it is, or a session that one process at a time renews.

At rest both are encrypted and bound to their row: the plaintext begins with the row's id, so that a
ciphertext that was moved to another row does not open.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import text

from connectors._base import ConnectorError, Denied, Login, Session, TryLater
from workers._settings import BadSetting, settings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

    from connectors._base import Connector, Http, SignsIn

REFRESH_SECONDS = 20.0


@cache
def _fernet() -> MultiFernet:
    keys = settings().keys()
    if not keys:
        raise BadSetting("encryption_key", "not set, and without it no credential can be kept or used")
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise BadSetting("encryption_key", "each key is 32 bytes in URL-safe base64, 44 characters") from None


def seal(row: UUID, secret: str) -> bytes:
    """Encrypt a secret for one row."""
    return _fernet().encrypt(row.bytes + secret.encode())


def unseal(row: UUID, sealed: bytes) -> str:
    """Decrypt a row's secret. Raises Denied when the key is lost or the ciphertext is another row's."""
    try:
        opened = _fernet().decrypt(sealed)
    except InvalidToken:
        raise Denied("the stored secret does not open with the encryption key", refreshable=False) from None
    if opened[:16] != row.bytes:
        raise Denied("the stored secret belongs to another credential", refreshable=False)
    return opened[16:].decode()


_READ = text("""
    SELECT platform, host, identifier, secret, session, me, state, fence FROM credentials WHERE id = :id
""")
_TAKE = text("""
    UPDATE credentials SET refreshing_until = now() + make_interval(secs => :lease)
    WHERE id = :id AND fence = :fence AND state <> 'needs_reauth'
      AND (refreshing_until IS NULL OR refreshing_until < now())
    RETURNING id
""")
# an account that we can sign in to is ourselves
_STORE = text("""
    WITH kept AS (
        UPDATE credentials
        SET session = :session, me = :me, fence = fence + 1, refreshing_until = NULL, state = 'ok',
            last_error = NULL
        WHERE id = :id AND fence = :fence
        RETURNING org_id, platform
    )
    INSERT INTO identities (org_id, platform, stable_id, handle, ours)
    SELECT org_id, platform, :me, :handle, true FROM kept
    ON CONFLICT (org_id, platform, stable_id) DO UPDATE SET ours = true
""")
_RELEASE = text("""
    UPDATE credentials
    SET refreshing_until = NULL, last_error = :error, state = coalesce(:state, state)
    WHERE id = :id AND fence = :fence
""")


async def session_of(
    credential: UUID,
    connector: Connector,
    sessions: async_sessionmaker[AsyncSession],
    http: Http,
    *,
    refused: Session | None = None,
) -> Session:
    """The session to fetch with; a new one when the platform refused the one given.

    Raises TryLater while another process signs in, Denied when the platform refuses the secret too.
    """
    async with sessions() as session:
        row = (await session.execute(_READ, {"id": credential})).mappings().one()
    if not hasattr(connector, "sign_in"):
        if refused is not None:
            raise Denied("the token was refused, and the platform issues no new ones", refreshable=False)
        return Session(
            access=unseal(credential, row["secret"]),
            refresh=None,
            account_id=row["me"] or "",
            handle=row["identifier"],
            host=row["host"],
        )
    stored = msgspec.json.decode(unseal(credential, row["session"]), type=Session) if row["session"] else None
    if stored is not None and (refused is None or stored.access != refused.access):
        return stored
    if row["state"] == "needs_reauth":
        raise Denied("the credential waits for a person to renew it", refreshable=False)
    return await _sign_in(credential, row, stored, cast("SignsIn", connector), sessions, http)


async def _sign_in(
    credential: UUID,
    row: Any,
    stored: Session | None,
    connector: SignsIn,
    sessions: async_sessionmaker[AsyncSession],
    http: Http,
) -> Session:
    which = {"id": credential, "fence": row["fence"]}
    async with sessions() as session, session.begin():
        if await session.scalar(_TAKE, {**which, "lease": REFRESH_SECONDS}) is None:
            raise TryLater("another process is signing in with this credential", after=2.0)
    login = Login(
        host=row["host"],
        identifier=row["identifier"],
        secret=unseal(credential, row["secret"]),
        refresh=stored.refresh if stored else None,
    )
    try:
        fresh = await connector.sign_in(http, login)
    except ConnectorError as error:
        state = "needs_reauth" if isinstance(error, Denied) else None
        async with sessions() as session, session.begin():
            await session.execute(_RELEASE, {**which, "error": str(error), "state": state})
        if isinstance(error, Denied):
            raise Denied(str(error), refreshable=False) from error
        raise
    async with sessions() as session, session.begin():
        await session.execute(
            _STORE,
            {
                **which,
                "session": seal(credential, msgspec.json.encode(fresh).decode()),
                "me": fresh.account_id,
                "handle": fresh.handle,
            },
        )
    return fresh
