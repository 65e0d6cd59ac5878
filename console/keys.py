"""Credentials: kept encrypted, shown without their secret. The account that a credential opens is ours."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session
from uuid_utils import uuid7

from connectors import connectors
from connectors._base import Connector
from console.aliases import Unfit
from console.own import add_own
from console.refusal import CannotDo
from workers.credentials import seal

_KEEP = text("""
    INSERT INTO credentials (id, org_id, platform, host, identifier, secret, me)
    VALUES (:id, :org, :platform, :host, :identifier, :secret, :me)
    ON CONFLICT (org_id, platform, host, identifier) DO UPDATE
    SET secret = excluded.secret, session = NULL, fence = credentials.fence + 1, state = 'ok',
        refreshing_until = NULL, last_error = NULL, me = coalesce(excluded.me, credentials.me)
""")
_ID = text("""
    SELECT id FROM credentials
    WHERE org_id = :org AND platform = :platform AND host = :host AND identifier = :identifier
    FOR UPDATE
""")
# whoever waited for this credential goes on where it stood
_WAKE = text("""
    UPDATE sources SET state = 'active', due_at = now(), last_error = NULL
    WHERE org_id = :org AND credential_id = :id AND state = 'needs_reauth'
""")
_LIST = text("""
    SELECT c.id, c.platform, c.identifier, c.host, c.state, c.last_error, c.created_at,
           count(s.id) AS sources
    FROM credentials c LEFT JOIN sources s ON s.credential_id = c.id
    WHERE c.org_id = :org GROUP BY c.id ORDER BY c.platform, c.identifier
""")


def known_platform(name: str) -> Connector:
    """The connector of a platform. Raises CannotDo with the known ones."""
    found = connectors().get(name)
    if found is None:
        raise CannotDo(f"There is no platform {name!r}; Earshot follows {', '.join(connectors())}.")
    return found


def base_url(host: str) -> str:
    """A server as people write it, as the base address of its API. Raises CannotDo."""
    given = host.strip().rstrip("/")
    address = given if "://" in given else f"https://{given}"
    try:
        parts = urlsplit(address)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query
        _ = parts.port
    except ValueError:
        good = False
    if not good or any(c.isspace() for c in address) or "@" in parts.netloc:
        raise CannotDo(f"{host!r} is no server; write it like mastodon.social or https://mastodon.social.")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path}"


def account_on(platform: str, account: str, host: str | None = None) -> tuple[str, str]:
    """An account as its credential names it, and the base address of its server. Raises CannotDo."""
    connector = known_platform(platform)
    if all(need.credential == "none" for need in connector.watches.values()):
        raise CannotDo(f"{platform} needs no credential.")
    identifier = account.strip().removeprefix("@")
    if not identifier:
        raise CannotDo("A credential needs the account's name on the platform.")
    if "/" in identifier or any(c.isspace() or c == "\0" for c in identifier):
        like = "acme@mastodon.social" if platform == "mastodon" else f"acme.{platform}.example"
        raise CannotDo(f"{account!r} is no account; write it like {like}.")
    return identifier, base_url(host or connector.default_host or _server_of(identifier, platform))


def add_credential(
    session: Session,
    org: str,
    platform: str,
    identifier: str,
    secret: str,
    host: str | None = None,
    me: str | None = None,
) -> tuple[UUID, int]:
    """Keep a secret, or replace the one of the same account. Its id, and how many sources it woke up.

    `identifier` is the account's name on the platform; `host` the base address of its server (None: the
    platform's, or the one that the identifier names); `me` the account's stable id where it is known.
    Raises CannotDo, and BadSetting without an encryption key.
    """
    identifier, server = account_on(platform, identifier, host)
    secret = secret.strip()
    if not secret or any(c in secret for c in "\0\n"):
        raise CannotDo("The secret is empty, or more than one line.")
    key = {"org": org, "platform": platform, "host": server, "identifier": identifier}
    row = session.scalar(_ID, key) or UUID(str(uuid7()))
    session.execute(_KEEP, {**key, "id": row, "secret": seal(row, secret), "me": me})
    if platform != "mastodon" or "@" in identifier:
        _is_ours(session, org, platform, identifier)
    woken = session.execute(_WAKE, {"org": org, "id": row})
    return row, getattr(woken, "rowcount", 0)


def _server_of(identifier: str, platform: str) -> str:
    name, at, server = identifier.rpartition("@")
    if not at or not name or not server:
        raise CannotDo(
            f"On which server is {identifier}? Say it with --host, or write name@server ({platform})."
        )
    return server


def _is_ours(session: Session, org: str, platform: str, identifier: str) -> None:
    try:
        add_own(session, org, "handle", identifier, platform)
    except (CannotDo, Unfit):
        return  # an e-mail address to sign in with is no handle; the session will tell whose it is


def credentials(session: Session, org: str) -> list[dict[str, Any]]:
    """Every credential without its secret, with the number of sources that use it."""
    return [dict(row) for row in session.execute(_LIST, {"org": org}).mappings()]


def the_credential(
    session: Session, org: str, platform: str, host: str | None, named: str | None
) -> dict[str, Any] | None:
    """The credential that a source means: by identifier or the beginning of its id, else the only one.

    None when there is none. Raises CannotDo when the name fits none or it cannot be told which is meant.
    """
    held = [row for row in credentials(session, org) if row["platform"] == platform]
    if host is not None:
        held = [row for row in held if row["host"] == host]
    if named is not None:
        wanted = named.strip().removeprefix("@")
        held = [row for row in held if row["identifier"] == wanted or str(row["id"]).startswith(wanted)]
        if not held:
            raise CannotDo(
                f"There is no credential {named!r} for {platform}; see `earshot credentials list`."
            )
    if len(held) > 1:
        names = ", ".join(row["identifier"] for row in held)
        raise CannotDo(f"{platform} has several credentials ({names}); say which with --credential.")
    return held[0] if held else None
