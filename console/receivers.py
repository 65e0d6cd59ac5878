"""Receivers: who is told of what is opened. Added with care, shown without their secret.

An address is asked for its place in the network before it is taken; one that leads inside is refused, with the reason,
here and again at every delivery. What a receiver was owed goes with it when it is removed, so that its whole name is
wanted then. Surprising: a list shows the host of a webhook alone, since the rest of its address is often a secret.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpcore
from sqlalchemy import text
from sqlalchemy.orm import Session
from uuid_utils import uuid7

from connectors._base import ConnectorError
from connectors._guard import check_url, public_addresses
from console.people import folded_name, user
from console.refusal import BadInput, CannotDo
from console.words import counted
from models.vocabulary import NEWS
from workers import signed
from workers._settings import BadSetting, Settings
from workers.credentials import seal, unseal
from workers.mail import is_address, server
from workers.notify import channels
from workers.outbox import Claimed
from workers.outbox import News as Piece
from workers.reauth import OPEN
from workers.telling import Told
from workers.webhook_out import Webhook, judged

PER_HOUR = 60
"""Messages an hour to an e-mail address unless it is said otherwise; a webhook has no limit by itself."""
LONGEST, LONGEST_URL = 80, 2000
TELLS = tuple(kind for kind in NEWS if kind != "digest")

_LIST = text("""
    SELECT r.id, r.name, r.kind, r.address, r.tells, r.per_hour, u.email AS owner, r.state, r.failures, r.last_error,
           r.last_success_at, r.created_at,
           CASE WHEN r.state <> 'paused' THEN r.due_at END AS due_at,
           (SELECT count(*) FROM owed o WHERE o.receiver_id = r.id AND o.state = 'owed') AS waiting,
           (SELECT min(o.created_at) FROM owed o WHERE o.receiver_id = r.id AND o.state = 'owed') AS oldest,
           (SELECT count(*) FROM owed o WHERE o.receiver_id = r.id AND o.state = 'failed') AS failed
    FROM receivers r LEFT JOIN users u ON u.id = r.owner_id
    WHERE r.org_id = :org ORDER BY r.name
""")
_ADD = text("""
    INSERT INTO receivers (id, org_id, name, kind, address, secret, tells, per_hour, owner_id)
    VALUES (:id, :org, :name, :kind, :address, :secret, :tells, :per_hour, :owner)
""")
_SET = "UPDATE receivers SET {columns}, due_at = now() WHERE org_id = :org AND id = :id"
_PAUSE = text("UPDATE receivers SET state = 'paused' WHERE org_id = :org AND id = :id")
_RESUME = text(f"""
    WITH woken AS (
        UPDATE owed SET due_at = now() WHERE receiver_id = :id AND state = 'owed' AND attempts > 0
    ), told AS (
        UPDATE activities SET status = 'done'
        WHERE id = (SELECT activity_id FROM receivers WHERE id = :id) AND status IN {OPEN}
    )
    UPDATE receivers SET state = 'active', failures = 0, last_error = NULL, due_at = now()
    WHERE org_id = :org AND id = :id
""")
_REMOVE = text(f"""
    WITH told AS (
        UPDATE activities SET status = 'cancelled'
        WHERE id IN (SELECT unnest(ARRAY[activity_id, lost_id]) FROM receivers WHERE id = :id) AND status IN {OPEN}
    )
    DELETE FROM receivers WHERE org_id = :org AND id = :id
""")
_CLAIMED = text("""
    SELECT id, org_id AS org, name, kind, address, secret, per_hour, state, failures, fence
    FROM receivers WHERE id = :id
""")
_HELD = text("SELECT id, secret FROM receivers WHERE id = :id FOR NO KEY UPDATE")
_REKEY = text("UPDATE receivers SET secret = :secret WHERE id = :id")


def receivers(session: Session, org: str) -> list[dict[str, Any]]:
    """Every receiver, with how much waits for it, since when, and how much was given up. Of a URL it is the host only."""
    return [row | {"address": _origin(row)} for row in _receivers(session, org)]


def _receivers(session: Session, org: str) -> list[dict[str, Any]]:
    return [dict(row) for row in session.execute(_LIST, {"org": org}).mappings()]


def _origin(row: dict[str, Any]) -> str:
    parts = urlsplit(row["address"])
    return f"{parts.scheme}://{parts.netloc}" if row["kind"] == "webhook" else row["address"]


def the_receiver(session: Session, org: str, named: str) -> dict[str, Any]:
    """The receiver of this name, or the only one whose name or id begins so, with its whole address. Raises CannotDo."""
    found, wanted = _receivers(session, org), folded_name(named)
    fits = [row for row in found if folded_name(row["name"]) == wanted] or [
        row
        for row in found
        if wanted and (folded_name(row["name"]).startswith(wanted) or str(row["id"]).startswith(wanted))
    ]
    if not fits:
        raise CannotDo(f"There is no receiver {named!r} in {org}; see `earshot receivers list`.")
    if len(fits) > 1:
        raise CannotDo(
            f"{named!r} may be {' or '.join(repr(row['name']) for row in fits)}: write more of it."
        )
    return fits[0]


def add_webhook(
    session: Session,
    org: str,
    name: str,
    url: str,
    ours: Settings,
    *,
    tells: Sequence[str] = (),
    per_hour: int | None = None,
    owner: str | None = None,
) -> str:
    """Add a webhook; the secret that signs what it gets, which nobody sees again. Raises BadInput and CannotDo."""
    address = reachable(url, ours)
    row, secret = UUID(str(uuid7())), signed.new_secret()
    _add(session, org, row, name, "webhook", address, seal(row, secret), tells, per_hour, owner)
    return secret


def add_email(
    session: Session,
    org: str,
    name: str,
    address: str,
    ours: Settings,
    *,
    tells: Sequence[str] = (),
    per_hour: int | None = PER_HOUR,
    owner: str | None = None,
) -> None:
    """Add an e-mail address. Raises BadInput and CannotDo, and BadSetting where no mail server is set."""
    mailbox = _mailbox(address, ours)
    _add(session, org, UUID(str(uuid7())), name, "email", mailbox, None, tells, per_hour, owner)


def _mailbox(address: str, ours: Settings) -> str:
    address = address.strip()
    if not is_address(address):
        raise BadInput(f"{address!r} is no e-mail address.")
    server(ours)
    return address


def reachable(url: str, ours: Settings) -> str:
    """The address of a webhook, once it leads to a place that may be told. Raises BadInput with the reason."""
    address = url.strip()
    if len(address) > LONGEST_URL or not address.isascii() or not address.isprintable() or " " in address:
        raise BadInput("The address of a webhook is an https URL in plain characters, at most 2,000.")
    try:
        Webhook(address, signed.new_secret(), trusted=ours.trusted_hosts, agent="", deadline=1)
        _, netloc = check_url(address, ours.trusted_hosts)
        host, _, port = netloc.rpartition(":")
        if netloc not in ours.trusted_hosts:
            asyncio.run(public_addresses(host, int(port)))
    except (ConnectorError, httpcore.ConnectError) as refused:
        raise BadInput(f"That address cannot be told anything: {refused}.") from None
    return address


def _add(
    session: Session,
    org: str,
    row: UUID,
    name: str,
    kind: str,
    address: str,
    secret: bytes | None,
    tells: Sequence[str],
    per_hour: int | None,
    owner: str | None,
) -> None:
    name = " ".join(name.split())
    if not any(c.isalnum() for c in name) or len(name) > LONGEST or not name.isprintable():
        raise BadInput(f"A receiver needs a name that people can say, of {LONGEST} characters at most.")
    if any(folded_name(other["name"]) == folded_name(name) for other in _receivers(session, org)):
        raise CannotDo(f"There is a receiver {name!r} already.")
    values = {"id": row, "org": org, "name": name, "kind": kind, "address": address, "secret": secret}
    limits = {"tells": _wanted(tells), "per_hour": _limit(per_hour)}
    who = user(session, org, owner) if owner else None
    session.execute(_ADD, {**values, **limits, "owner": who})


def _wanted(tells: Sequence[str]) -> list[str]:
    wanted = list(dict.fromkeys(kind.strip() for kind in tells if kind.strip()))
    for word in wanted:
        if word not in TELLS:
            raise BadInput(f"tells: {word!r} is none of {', '.join(TELLS)}.")
    return wanted


def _limit(per_hour: int | None) -> int | None:
    if per_hour is not None and per_hour < 1:
        raise BadInput(f"per hour: {per_hour} is no number of deliveries.")
    return per_hour


def change(session: Session, org: str, row: dict[str, Any], ours: Settings, **new: Any) -> None:
    """Set what `new` names of tells (none: all kinds), per_hour (None: no limit), owner (an e-mail address, None: nobody)
    and address. Its secret stays and so does what it is owed, which is tried at once. Raises BadInput and CannotDo."""
    columns: dict[str, Any] = {}
    for name, value in new.items():
        match name:
            case "tells":
                columns["tells"] = _wanted(value)
            case "per_hour":
                columns["per_hour"] = _limit(value)
            case "owner":
                columns["owner_id"] = user(session, org, value) if value else None
            case "address":
                takes = reachable if row["kind"] == "webhook" else _mailbox
                columns["address"] = takes(value, ours)
    listed = ", ".join(f"{column} = :{column}" for column in columns)
    session.execute(text(_SET.format(columns=listed)), {"org": org, "id": row["id"], **columns})


def opens(session: Session, row: dict[str, Any]) -> bool:
    """Does its secret open, where it has one? An encryption key that cannot be used is another check's matter."""
    held = session.execute(_CLAIMED, {"id": row["id"]}).one()
    try:
        return held.secret is None or bool(unseal(held.id, held.secret))
    except ConnectorError:
        return False
    except BadSetting:
        return True


def pause(session: Session, org: str, row: dict[str, Any]) -> None:
    """Tell it nothing. What it is owed waits, and what comes is written down for it."""
    session.execute(_PAUSE, {"org": org, "id": row["id"]})


def resume(session: Session, org: str, row: dict[str, Any]) -> None:
    """Tell it again, at once and as if nothing had been wrong."""
    session.execute(_RESUME, {"org": org, "id": row["id"]})


def remove(session: Session, org: str, row: dict[str, Any], named: str) -> None:
    """Forget it, and what it was owed. Raises CannotDo where that is something and `named` is neither its whole name nor
    its id."""
    whole = folded_name(named) in (folded_name(row["name"]), str(row["id"]))
    if (row["waiting"] or row["failed"]) and not whole:
        raise CannotDo(f"With {row['name']} {lost(row)} would be lost: write its whole name to remove it.")
    session.execute(_REMOVE, {"org": org, "id": row["id"]})


def lost(row: dict[str, Any]) -> str:
    """What goes with a receiver, in words."""
    failed = f" and {row['failed']:,} that were given up" if row["failed"] else ""
    return f"{counted(row['waiting'], 'piece')} of news that wait{'s' if row['waiting'] == 1 else ''}{failed}"


def rotate(session: Session, row: dict[str, Any]) -> str:
    """Give a webhook a new secret; for a day those before sign as well. Raises CannotDo."""
    if row["kind"] != "webhook":
        raise CannotDo(f"{row['name']} is an e-mail address and has no secret.")
    held = session.execute(_HELD, {"id": row["id"]}).one()
    new, now = signed.new_secret(), datetime.now(UTC)
    try:
        before = unseal(held.id, held.secret)
        if len(signed.keys(before, now)) >= signed.AT_ONCE:
            raise CannotDo(
                f"{row['name']} was given {signed.AT_ONCE - 1} new secrets within a day, and all of them sign: try tomorrow."
            )
        kept = signed.exchanged(new, before, now)
    except ConnectorError:
        kept = new  # with its key lost, the old one signs nothing any more
    session.execute(_REKEY, {"id": held.id, "secret": seal(held.id, kept)})
    return new


def ask(session: Session, row: dict[str, Any], ours: Settings) -> dict[str, Any]:
    """Send one test message now, whatever the receiver's state: {taken, said, status, seconds, answer}."""
    held = Claimed(**session.execute(_CLAIMED, {"id": row["id"]}).mappings().one())
    now = datetime.now(UTC)
    body = json.dumps({"said": f"Earshot asks whether {held.name} hears it."})
    piece = Piece(0, None, "test", now, 0, body)
    began = monotonic()
    status, told, answer = asyncio.run(_asked(held, piece, ours))
    return {
        "receiver": row["name"],
        "taken": told.why is None,
        "said": told.why,
        "status": status,
        "seconds": round(monotonic() - began, 3),
        "answer": answer,
    }


async def _asked(held: Claimed, piece: Piece, ours: Settings) -> tuple[int | None, Told, str]:
    try:
        channel = channels(ours)(held)
    except ConnectorError as error:
        return None, Told(str(error)), ""
    try:
        if not isinstance(channel, Webhook):
            return None, await channel.tell(piece), ""
        answer = await channel.ask(signed.name_of(piece), signed.payload(piece))
        if isinstance(answer, Told):
            return None, answer, ""
        return answer.status, judged(channel.host, answer), answer.body[:200].decode("utf-8", "replace")
    finally:
        await channel.aclose()
