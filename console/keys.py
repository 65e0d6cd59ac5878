"""Credentials: kept encrypted, shown without their secret. The account that a credential opens is ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
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
from console.refusal import BadInput, CannotDo
from workers.checks import lacking
from workers.credentials import seal
from workers.reauth import OPEN, WARNED_DAYS, command

_KEEP = text("""
    INSERT INTO credentials (id, org_id, platform, host, identifier, secret, me)
    VALUES (:id, :org, :platform, :host, :identifier, :secret, :me)
    ON CONFLICT (org_id, platform, host, identifier) DO UPDATE
    SET secret = excluded.secret, session = NULL, fence = credentials.fence + 1, state = 'ok',
        refreshing_until = NULL, last_error = NULL, me = coalesce(excluded.me, credentials.me),
        scopes = NULL, checked_at = NULL, expires_at = NULL, renew_at = NULL, activity_id = NULL
""")
_ID = text("""
    SELECT id FROM credentials
    WHERE org_id = :org AND platform = :platform AND host = :host AND identifier = :identifier
    FOR UPDATE
""")
_TOLD = text(f"""
    UPDATE activities SET status = :status
    WHERE id = (SELECT activity_id FROM credentials WHERE id = :id) AND status IN {OPEN}
""")
# whoever waited for this credential goes on where it stood; who is under way with the old secret has to come again,
# for else its refusal would be written after this
_WAKE = text("""
    UPDATE sources
    SET state = 'active', due_at = now(), last_error = NULL,
        fence = CASE WHEN lease_until IS NULL THEN fence ELSE fence + 1 END,
        lease_until = CASE WHEN lease_until IS NULL THEN NULL ELSE now() - interval '1 second' END
    WHERE org_id = :org AND credential_id = :id
      AND (state = 'needs_reauth' OR state = 'active' AND lease_until IS NOT NULL)
    RETURNING lease_until IS NULL AS waited
""")
# and so does what was switched off because it had none
_TAKE_IN = text("""
    UPDATE sources SET state = 'active', due_at = now(), last_error = NULL, failures = 0, credential_id = :id
    WHERE org_id = :org AND credential_id IS NULL AND platform = :platform AND (host = :host OR :only_host)
      AND kind = ANY(:kinds) AND state IN ('off', 'needs_reauth')
    RETURNING id
""")
_LIST = text("""
    SELECT c.id, c.platform, c.identifier, c.host, c.state, c.last_error, c.created_at, c.checked_at,
           c.expires_at, c.renew_at IS NOT NULL AS renews, c.scopes,
           c.expires_at < now() + make_interval(days => :soon) AND c.renew_at IS NULL AS ends_soon,
           count(s.id) AS sources,
           coalesce(array_agg(DISTINCT s.kind) FILTER (WHERE s.id IS NOT NULL), '{}') AS kinds
    FROM credentials c LEFT JOIN sources s ON s.credential_id = c.id
    WHERE c.org_id = :org GROUP BY c.id ORDER BY c.platform, c.identifier
""")
_PART = text("""
    UPDATE sources
    SET credential_id = NULL,
        state = CASE WHEN kind = ANY(:needing) AND state = 'active' THEN 'needs_reauth' ELSE state END,
        last_error = CASE WHEN kind = ANY(:needing) AND state = 'active' THEN 'its credential was removed'
                          ELSE last_error END
    WHERE org_id = :org AND credential_id = :id
    RETURNING kind = ANY(:needing) AS needs, state
""")
_REMOVE = text("DELETE FROM credentials WHERE org_id = :org AND id = :id")


def known_platform(name: str) -> Connector:
    """The connector of a platform. Raises BadInput with the known ones."""
    found = connectors().get(name)
    if found is None:
        raise BadInput(f"There is no platform {name!r}; Earshot follows {', '.join(connectors())}.")
    return found


def base_url(host: str) -> str:
    """A server as people write it, as the base address of its API. Raises BadInput."""
    given = host.strip().rstrip("/")
    address = given if "://" in given else f"https://{given}"
    try:
        parts = urlsplit(address)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query
        _ = parts.port
    except ValueError:
        good = False
    if not good or any(c.isspace() for c in address) or "@" in parts.netloc:
        raise BadInput(f"{host!r} is no server; write it like mastodon.social or https://mastodon.social.")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path}"


def account_on(platform: str, account: str, host: str | None = None) -> tuple[str, str]:
    """An account as its credential names it, and the base address of its server. Raises BadInput."""
    connector = known_platform(platform)
    if all(need.credential == "none" for need in connector.watches.values()):
        raise BadInput(f"{platform} needs no credential.")
    identifier = account.strip().removeprefix("@")
    if not identifier:
        raise BadInput("A credential needs the account's name on the platform.")
    if "/" in identifier or any(c.isspace() or c == "\0" for c in identifier):
        like = {"mastodon": "acme@mastodon.social", "bluesky": "acme.bsky.social"}.get(platform, "acme")
        raise BadInput(f"{account!r} is no account; write it like {like}.")
    if connector.default_host == "" and not host:
        return identifier, ""  # it comes to us: there is no server
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
    Raises BadInput, and BadSetting without an encryption key.
    """
    connector = known_platform(platform)
    identifier, server = account_on(platform, identifier, host)
    key = {"org": org, "platform": platform, "host": server, "identifier": identifier}
    row = session.scalar(_ID, key) or UUID(str(uuid7()))
    session.execute(_TOLD, {"id": row, "status": "done"})
    session.execute(_KEEP, {**key, "id": row, "secret": seal(row, one_secret(secret, platform)), "me": me})
    if server and (platform != "mastodon" or "@" in identifier):
        _is_ours(session, org, platform, identifier)
    woken = sum(found.waited for found in session.execute(_WAKE, {"org": org, "id": row}))
    takers = [kind for kind, need in connector.watches.items() if need.credential != "none"]
    more = {"only_host": connector.default_host is not None, "kinds": takers}
    woken += len(session.execute(_TAKE_IN, {**key, "id": row, **more}).all())
    return row, woken


def secret_of(platform: str) -> str:
    """What the secret of a credential is on a platform, in words."""
    return str(getattr(known_platform(platform), "secret", "its secret"))


def mending(row: Mapping[str, Any]) -> str:
    """What a person types to give a credential (org, platform, host, identifier) its secret anew."""
    return command({**row, "default_host": known_platform(row["platform"]).default_host})


def one_secret(given: str, platform: str) -> str:
    """A secret as it is kept: a line, a JSON object in one line, or a private key in its own lines. Raises BadInput,
    without a word of it."""
    secret = given.strip()
    if secret.startswith("{"):
        with suppress(ValueError):
            return json.dumps(json.loads(secret), separators=(",", ":"))
    bad = any(c < " " and c not in "\n\r\t" for c in secret)
    if not secret or bad or ("\n" in secret and "-----BEGIN" not in secret):
        raise BadInput(
            f"The secret is empty, or more than one line. On {platform} it is {secret_of(platform)}."
        )
    if not secret.isascii() and not hasattr(known_platform(platform), "sign_in"):
        raise BadInput(f"A token is plain ASCII. On {platform} the secret is {secret_of(platform)}.")
    return secret


def remove_credential(session: Session, org: str, row: dict[str, Any]) -> tuple[int, int]:
    """Forget a credential. How many sources wait for another one now, and how many go on without.

    The account stays ours, and what was heard stays. `row` is one of `credentials`.
    """
    watches = known_platform(row["platform"]).watches
    needing = [kind for kind, need in watches.items() if need.credential == "required"]
    session.execute(_TOLD, {"id": row["id"], "status": "cancelled"})
    parted = session.execute(_PART, {"org": org, "id": row["id"], "needing": needing}).all()
    session.execute(_REMOVE, {"org": org, "id": row["id"]})
    waiting = sum(one.needs for one in parted)
    return waiting, len(parted) - waiting


def _server_of(identifier: str, platform: str) -> str:
    name, at, server = identifier.rpartition("@")
    if not at or not name or not server:
        raise BadInput(
            f"On which server is {identifier}? Say it with --host, or write name@server ({platform})."
        )
    return server


def _is_ours(session: Session, org: str, platform: str, identifier: str) -> None:
    try:
        add_own(session, org, "handle", identifier, platform)
    except (CannotDo, Unfit):
        return  # an e-mail address to sign in with is no handle; the session will tell whose it is


def credentials(session: Session, org: str) -> list[dict[str, Any]]:
    """Every credential without its secret, with the number of sources that use it and the scopes that they would
    lack (`lacks`, as far as the platform told them)."""
    rows = [dict(row) for row in session.execute(_LIST, {"org": org, "soon": WARNED_DAYS}).mappings()]
    for row in rows:
        connector = connectors().get(row["platform"])
        kinds = row.pop("kinds")
        row["lacks"] = sorted(
            {s for kind in kinds if connector for s in lacking(connector, kind, row["scopes"])}
        )
    return rows


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
