"""Sources: what is followed, added with care, paused and resumed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from connectors._base import Connector, ConnectorError, Gone, Need
from connectors._guard import check_url, is_public
from console.inbound import INBOUND
from console.keys import base_url, known_platform, the_credential
from console.refusal import BadInput, CannotDo

URGENT = 10
"""The priority of a source that goes before others; see workers/quotas.py for the usual one."""
LEAST_EVERY = 1.0
"""Seconds between two visits at least; a platform's own wish comes on top."""

_EMPTY = frozenset(
    [
        "a",
        "about",
        "all",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "but",
        "by",
        "can",
        "do",
        "for",
        "from",
        "get",
        "go",
        "had",
        "has",
        "have",
        "he",
        "her",
        "him",
        "his",
        "how",
        "i",
        "if",
        "in",
        "is",
        "it",
        "its",
        "just",
        "me",
        "my",
        "no",
        "not",
        "of",
        "on",
        "one",
        "or",
        "our",
        "out",
        "she",
        "so",
        "that",
        "the",
        "their",
        "them",
        "they",
        "this",
        "to",
        "up",
        "us",
        "was",
        "we",
        "what",
        "when",
        "who",
        "why",
        "will",
        "with",
        "you",
        "your",
        "rt",
        "http",
        "https",
        "www",
        "com",
    ]
)
"""Words that stand in almost every post: following one of them follows everybody."""

DELIVERED = Need(term="a name for it", example="our-page", credential="none")
"""A platform that delivers by itself has the kind `inbound`, whatever else can be followed there."""


@dataclass(frozen=True)
class Wanted:
    """A source as it will be stored, checked."""

    platform: str
    kind: str
    term: str
    host: str
    credential: UUID | None
    every: float


_ADD = text("""
    INSERT INTO sources (org_id, platform, kind, term, host, exclude, credential_id, owner_id, every,
                         escalate_from, priority, campaign_id)
    VALUES (:org, :platform, :kind, :term, :host, :exclude, :credential, :owner, :every,
            coalesce(:escalate_from, now()), :priority, :campaign)
    ON CONFLICT (org_id, platform, kind, host, term) DO NOTHING
    RETURNING id
""")
_CAMPAIGN = text("SELECT name, starts_on, ends_on FROM campaigns WHERE id = :id")
_FOR = text("""
    UPDATE sources SET campaign_id = :campaign
    WHERE org_id = :org AND platform = :platform AND kind = :kind AND host = :host AND term = :term
      AND campaign_id IS DISTINCT FROM :campaign
    RETURNING id
""")
_FIND = text("""
    SELECT id, platform, kind, term, state FROM sources
    WHERE org_id = :org AND (id::text LIKE :begins OR id::text LIKE :ends OR lower(term) = lower(:named))
    ORDER BY created_at LIMIT 20
""")
_STATE = text("""
    UPDATE sources
    SET state = :state, due_at = CASE WHEN :state = 'active' THEN now() ELSE due_at END,
        failures = CASE WHEN :state = 'active' THEN 0 ELSE failures END
    WHERE id = ANY(:ids)
""")


def check(
    session: Session,
    org: str,
    platform: str,
    kind: str,
    term: str | None,
    *,
    host: str | None = None,
    credential: str | None = None,
    every: float | None = None,
) -> Wanted:
    """What is to be followed, as it would be stored. Raises BadInput or CannotDo with what is wrong and what would do."""
    connector = known_platform(platform)
    need = connector.watches.get(kind)
    if need is None and kind == INBOUND and hasattr(connector, "receive"):
        connector, need = known_platform("webhook"), DELIVERED
    if need is None:
        kinds = "; ".join(f"{name} ({one.term})" for name, one in connector.watches.items())
        raise BadInput(f"{platform} has nothing called {kind!r} to follow; it has: {kinds}.")
    if every is not None and not LEAST_EVERY <= every <= 86_400 * 30:
        raise BadInput(f"A source is visited every {LEAST_EVERY:g} s at most and every 30 days at least.")
    server = base_url(host) if host else None
    key = None
    if need.credential != "none":
        key = the_credential(session, org, platform, server, credential)
        if key is None and need.credential == "required":
            raise CannotDo(
                f"Following {kind} on {platform} takes a credential:"
                f" earshot credentials add {platform} ACCOUNT."
            )
    elif credential is not None:
        raise BadInput(f"Following a {kind} on {platform} takes no credential.")
    server = server or (key["host"] if key else None) or need.host or connector.default_host
    if server is None and platform != "feeds":
        raise BadInput(f"On which server? Say it with --host, like --host {platform}.example.")
    return Wanted(
        platform=platform,
        kind=kind,
        term=_followable(connector, kind, checked_term(platform, kind, term, need)),
        host="" if platform == "feeds" or server is None else server,
        credential=key["id"] if key else None,
        every=every or connector.interval,
    )


def _followable(connector: Connector, kind: str, term: str) -> str:
    """The term, unless its connector knows (`check_term`, where it has one) that it can never be followed."""
    known = getattr(connector, "check_term", None)
    if known is not None:
        try:
            known(kind, term)
        except ConnectorError as refused:
            raise BadInput(f"{term!r} cannot be followed: {refused}.") from None
    return term


def refuse_inside(wanted: Wanted, trusted: Collection[str]) -> None:
    """Raise CannotDo for an address that the fleet would refuse, where that shows without resolving a name.

    `trusted` are host:port, as in EARSHOT_TRUSTED_HOSTS.
    """
    address = wanted.term if wanted.platform == "feeds" else wanted.host
    if not address:
        return
    try:
        _, netloc = check_url(address, trusted)
    except ConnectorError as refused:
        never = isinstance(refused, Gone) or "@" in urlsplit(address).netloc  # a port may yet be trusted
        said = f"{str(refused)[0].upper()}{str(refused)[1:]}."
        raise (BadInput if never else CannotDo)(said) from None
    host = netloc.rpartition(":")[0]
    inside = host == "localhost" or host.endswith(".localhost") or (_is_address(host) and not is_public(host))
    if inside and netloc not in trusted:
        raise CannotDo(
            f"{host} is not public; if that is meant, name {netloc} in EARSHOT_TRUSTED_HOSTS, here and for the fleet."
        )


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def checked_term(platform: str, kind: str, term: str | None, need: Need) -> str:
    """The term as it is stored. Raises BadInput for one that means nothing or almost everything."""
    if kind == "mentions":
        if term is not None and term.strip() != need.example:
            raise BadInput(f"The mentions are those of the account; leave {term!r} out.")
        return need.example
    words = " ".join((term or "").split())
    if not words or "\0" in words:
        raise BadInput(f"What is followed is missing: {need.term}, like {need.example}.")
    if len(words) > 500:
        raise BadInput(f"A term of {len(words)} characters is too long; 500 are the most.")
    if platform == "feeds":
        parts = urlsplit(words)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadInput(f"{words!r} is no address of a feed; it is like {need.example}.")
        return words
    if kind == "hashtag":
        words = words.removeprefix("#")
        if not words.replace("_", "").isalnum():
            raise BadInput(f"{words!r} is no hashtag: letters, digits and _ only, like {need.example}.")
    if kind in ("hashtag", "search"):
        _demand_enough(words, need)
    return words


def _demand_enough(words: str, need: Need) -> None:
    telling = [
        word for word in words.casefold().replace("_", " ").split() if word.strip("\"'-") not in _EMPTY
    ]
    if sum(c.isalnum() for word in telling for c in word) < 2:
        raise BadInput(
            f"{words!r} says next to nothing: almost every post has it."
            f" Follow what means you, like {need.example}."
        )


def add_source(
    session: Session,
    org: str,
    wanted: Wanted,
    *,
    exclude: Sequence[str] = (),
    owner: UUID | None = None,
    escalate_from: datetime | None = None,
    priority: int = 100,
    campaign: UUID | None = None,
) -> UUID | None:
    """Follow it from now on; None when it is followed already. Posts before `escalate_from` (None: now)
    are imported and never open a case; all that it brings within the dates of `campaign` is the campaign's."""
    words = [" ".join(word.split()) for word in exclude]
    if any(len(word) < 2 for word in words):
        raise BadInput("A word to exclude has two characters at least.")
    row: UUID | None = session.scalar(
        _ADD,
        {
            "org": org,
            "platform": wanted.platform,
            "kind": wanted.kind,
            "term": wanted.term,
            "host": wanted.host,
            "exclude": words,
            "credential": wanted.credential,
            "owner": owner,
            "every": wanted.every,
            "escalate_from": escalate_from,
            "priority": priority,
            "campaign": campaign,
        },
    )
    return row


def campaign_of(session: Session, campaign: UUID) -> str:
    """A campaign with its days, as a sentence names it."""
    row = session.execute(_CAMPAIGN, {"id": campaign}).one()
    days = [f"from {row.starts_on}" if row.starts_on else "", f"until {row.ends_on}" if row.ends_on else ""]
    within = " ".join(day for day in days if day)
    return f"the campaign {row.name!r}" + (f" ({within})" if within else "")


def set_campaign(session: Session, org: str, wanted: Wanted, campaign: UUID | None) -> bool:
    """Say of a source that is followed already what campaign it is for (None: for none); False when that is so."""
    which = {"platform": wanted.platform, "kind": wanted.kind, "host": wanted.host, "term": wanted.term}
    return session.scalar(_FOR, {"org": org, "campaign": campaign, **which}) is not None


def find_source(session: Session, org: str, named: str) -> dict[str, Any]:
    """The source whose id begins or ends so, or whose term it is. Raises CannotDo for none and for several."""
    part = named.strip().lower()
    begins, ends = (part + "%", "%" + part) if part and set(part) <= set("0123456789abcdef-") else ("", "")
    found = [
        dict(row)
        for row in session.execute(
            _FIND, {"org": org, "begins": begins, "ends": ends, "named": named.strip().removeprefix("#")}
        ).mappings()
    ]
    if not found:
        raise CannotDo(f"No source of {org} is called {named!r}; see `earshot sources list`.")
    if len(found) > 1:
        which = "; ".join(f"{str(one['id'])[-8:]} {one['platform']} {one['kind']}" for one in found)
        raise CannotDo(f"{named!r} fits {len(found)} sources ({which}); give the whole id.")
    return found[0]


def set_state(session: Session, sources: Sequence[dict[str, Any]], state: str) -> None:
    """Pause sources, or let them go on where they stood (due at once)."""
    session.execute(_STATE, {"state": state, "ids": [one["id"] for one in sources]})
