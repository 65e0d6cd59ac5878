"""Who wrote each post and what it is about: posts in, matches and their projection out.

Two round trips a batch, whatever its size: the identities of authors and of those named (with the
tickets that a text gives the number of), then the events that are known already or are answered.
Nothing is written here, and a post never creates a Contact.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sqlalchemy import text
from uuid_utils import uuid7

from workers._rows import as_json
from workers.directory import Found, addresses_in, domain_of, folded, ticket_numbers_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sqlalchemy.orm import Session

    from connectors._base import Author, Post
    from workers.directory import Directory, Entry

SURE = {
    "identity": 1.0,
    "handle": 1.0,
    "reply": 1.0,
    "ticket number": 0.95,
    "e-mail": 0.98,
    "link domain": 0.95,
    "hashtag": 0.95,
    "UTM tag": 0.98,
    "alias": 0.9,
    "keyword": 0.9,
}


class Known(NamedTuple):
    """An identity as the database has it, or as it will be written."""

    id: str
    platform: str
    stable_id: str
    handle: str | None
    name: str | None
    bot: bool
    ours: bool = False
    contact_id: UUID | None = None
    account_id: UUID | None = None
    contact_account: UUID | None = None
    stored: bool = True
    """Is it in the database as it stands here?"""


class Parent(NamedTuple):
    """The stored event that a post answers: whose it is and the case it belongs to."""

    event: UUID
    external_id: str
    ours: bool
    case: UUID | None
    case_open: bool
    ticket: UUID | None


@dataclass(frozen=True, slots=True)
class Matched:
    """One record that a post is about, and how we know."""

    kind: str
    record: UUID
    how: str
    evidence: str | None
    starts: int | None = None
    ends: int | None = None


@dataclass(slots=True)
class Resolved:
    """What resolve found out about one post."""

    post: Post
    platform: str
    author: Known | None = None
    ours: bool = False
    competitor: bool = False
    addressed: bool = False
    about_us: bool = False
    parent: Parent | None = None
    matches: list[Matched] = field(default_factory=list)
    contact: UUID | None = None
    account: UUID | None = None
    campaign: UUID | None = None
    ticket: UUID | None = None

    @property
    def named(self) -> bool:
        """Does it name one of our accounts or campaigns?"""
        return any(match.kind in ("account", "campaign") for match in self.matches)


_IDENTITIES = text("""
    SELECT i.id::text AS id, i.platform, i.stable_id, i.handle, i.name, i.bot, i.ours, i.contact_id, i.account_id,
           c.account_id AS contact_account, NULL::bigint AS number
    FROM json_to_recordset(CAST(:ids AS json)) AS x(platform text, id text), LATERAL (
        SELECT * FROM identities i
        WHERE i.org_id = :org AND i.platform = x.platform AND i.stable_id = x.id OFFSET 0
    ) i
    LEFT JOIN contacts c ON c.id = i.contact_id
    UNION ALL
    SELECT t.id::text, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, t.number
    FROM json_array_elements_text(CAST(:numbers AS json)) AS n(number)
    JOIN tickets t ON t.org_id = :org AND t.number = n.number::bigint
""")

_PARENTS = text("""
    SELECT x.ref, x.platform, e.id AS event, e.external_id, e.direction = 'outbound' AS ours, e.case_id AS case,
           coalesce(c.closed_at IS NULL AND c.id IS NOT NULL, false) AS case_open, e.ticket_id AS ticket
    FROM json_to_recordset(CAST(:refs AS json)) AS x(platform text, ref text)
    JOIN LATERAL (
        SELECT * FROM social_events e
        WHERE e.org_id = :org AND e.platform = x.platform AND e.external_id = x.ref
        UNION ALL
        SELECT * FROM social_events e WHERE e.org_id = :org AND e.platform = x.platform AND e.local_ref = x.ref
        LIMIT 1
    ) e ON true
    LEFT JOIN cases c ON c.id = e.case_id
""")


def resolve(
    session: Session, org: str, posts: Sequence[tuple[str, Post]], directory: Directory
) -> list[Resolved]:
    """What each (platform, post) is about, in the order given; reposts need not be sent here."""
    identities, tickets = _look_up_identities(session, org, posts)
    parents = _look_up_parents(session, org, posts)
    found = [_resolve(platform, post, directory, identities, tickets, parents) for platform, post in posts]
    _answer_ours(found)
    return found


def _answer_ours(batch: Sequence[Resolved]) -> None:
    """What answers a post of ours that is in the same batch is addressed to us as well."""
    ours = {
        (one.platform, name) for one in batch if one.ours for name in (one.post.id, one.post.local_id) if name
    }
    for one in batch if ours else ():
        if one.post.reply_to and (one.platform, one.post.reply_to) in ours and not one.ours:
            one.addressed = True


def _look_up_identities(
    session: Session, org: str, posts: Sequence[tuple[str, Post]]
) -> tuple[dict[tuple[str, str], Known], dict[int, UUID]]:
    wanted: set[tuple[str, str]] = set()
    numbers: set[int] = set()
    for platform, post in posts:
        if post.author and post.author.id:
            wanted.add((platform, post.author.id))
        if post.reply_to_author:
            wanted.add((platform, post.reply_to_author))
        if post.place:
            wanted.add((platform, post.place))
        for mention in post.mentions:
            if mention.id:
                wanted.add((platform, mention.id))
        numbers.update(ticket_numbers_in(post.text))
    if not wanted and not numbers:
        return {}, {}
    rows = session.execute(
        _IDENTITIES,
        {
            "org": org,
            "ids": as_json([{"platform": platform, "id": stable} for platform, stable in sorted(wanted)]),
            "numbers": as_json([str(number) for number in sorted(numbers)]),
        },
    )
    identities: dict[tuple[str, str], Known] = {}
    tickets: dict[int, UUID] = {}
    for row in rows:
        if row.number is not None:
            tickets[row.number] = UUID(row.id)
        else:
            identities[row.platform, row.stable_id] = Known(*row[:10])
    return identities, tickets


def _look_up_parents(
    session: Session, org: str, posts: Sequence[tuple[str, Post]]
) -> dict[tuple[str, str], Parent]:
    refs = sorted({(platform, post.reply_to) for platform, post in posts if post.reply_to})
    if not refs:
        return {}
    rows = session.execute(
        _PARENTS,
        {"org": org, "refs": as_json([{"platform": platform, "ref": ref} for platform, ref in refs])},
    )
    return {(row.platform, row.ref): Parent(*row[2:]) for row in rows}


def _resolve(
    platform: str,
    post: Post,
    directory: Directory,
    identities: dict[tuple[str, str], Known],
    tickets: dict[int, UUID],
    parents: dict[tuple[str, str], Parent],
) -> Resolved:
    found = Resolved(post, platform)
    day = post.posted_at.date()
    if post.author:
        found.author = _author(platform, post.author, directory, identities, day)
        entries = _entries(directory, platform, post.author, day)
        found.ours = bool(found.author and found.author.ours) or _is(entries, "ourselves")
        found.competitor = _is(entries, "competitor")
    if post.reply_to:
        found.parent = parents.get((platform, post.reply_to))

    _mentions(found, directory, identities, day)
    _answered(found, directory, identities, day)
    _words(found, directory, tickets, day)
    _place(found, directory, identities, day)
    _project(found)
    return found


def _is(entries: Sequence[Entry], of: str) -> bool:
    return any(entry.of == of for entry in entries)


def _entries(directory: Directory, platform: str, author: Author, day: date) -> list[Entry]:
    held = directory.handle(platform, author.id) or directory.handle(platform, author.handle)
    return [entry for entry in held if entry.holds_on(day)]


def _author(
    platform: str,
    author: Author,
    directory: Directory,
    identities: dict[tuple[str, str], Known],
    day: date,
) -> Known | None:
    """The author's identity: the stored one, else a new one; linked by a handle that we know.

    What is linked stays as it is: a stable id goes before a handle. An identity that belongs to nobody yet
    is linked when its handle turns up among the names, be it years after its first post.
    """
    if not author.id:
        return None
    known = identities.get((platform, author.id)) or Known(
        str(uuid7()), platform, author.id, author.handle, author.name, author.bot, stored=False
    )
    if not (known.ours or known.contact_id or known.account_id):
        for entry in _entries(directory, platform, author, day):
            if entry.of == "contact":
                known = known._replace(contact_id=entry.record, contact_account=entry.account, stored=False)
            elif entry.of == "account":
                known = known._replace(account_id=entry.record, stored=False)
            elif entry.of == "ourselves":
                known = known._replace(ours=True, stored=False)
    # the next post of the same author in this batch must meet the same identity
    identities[platform, author.id] = known
    return known


def _note(found: Resolved, hit: Found, how: str | None = None) -> None:
    """Take an entry that the post names: ourselves make it about us, a record becomes a match."""
    entry = hit.entry
    if entry.of == "ourselves":
        found.about_us = True
    elif entry.record is not None and entry.of != "competitor":
        _match(found, Matched(entry.of, entry.record, how or entry.how, hit.evidence, hit.starts, hit.ends))


def _match(found: Resolved, match: Matched) -> None:
    """Keep the surest way in which a record was found; of equals, the first."""
    for at, held in enumerate(found.matches):
        if (held.kind, held.record) == (match.kind, match.record):
            if SURE[match.how] > SURE[held.how]:
                found.matches[at] = match
            return
    found.matches.append(match)


def _mentions(
    found: Resolved, directory: Directory, identities: dict[tuple[str, str], Known], day: date
) -> None:
    for mention in found.post.mentions:
        named = identities.get((found.platform, mention.id)) if mention.id else None
        shown = f"@{mention.handle or mention.id}"
        if named is not None:
            if named.ours:
                found.addressed = True
            if named.contact_id:
                _match(found, Matched("contact", named.contact_id, "handle", shown))
            if account := named.account_id or named.contact_account:
                _match(found, Matched("account", account, "handle", shown))
        for entry in directory.handle(found.platform, mention.id) or directory.handle(
            found.platform, mention.handle
        ):
            if entry.holds_on(day):
                if entry.of == "ourselves":
                    found.addressed = True
                _note(found, Found(entry, shown), "handle")


def _answered(
    found: Resolved, directory: Directory, identities: dict[tuple[str, str], Known], day: date
) -> None:
    post, parent = found.post, found.parent
    if parent is not None:
        if parent.ours:
            found.addressed = True
        if parent.ticket is not None:
            _match(found, Matched("ticket", parent.ticket, "reply", parent.external_id))
    if post.reply_to_author:
        answered = identities.get((found.platform, post.reply_to_author))
        entries = directory.handle(found.platform, post.reply_to_author)
        if (answered and answered.ours) or any(
            entry.of == "ourselves" and entry.holds_on(day) for entry in entries
        ):
            found.addressed = True


def _words(found: Resolved, directory: Directory, tickets: dict[int, UUID], day: date) -> None:
    post = found.post
    for tag in post.hashtags:
        for entry in directory.exact("hashtag", folded(tag)):
            if entry.holds_on(day):
                _note(found, Found(entry, f"#{tag}"))
    for link in post.links:
        if domain := domain_of(link):
            for entry in directory.exact("domain", domain):
                if entry.holds_on(day):
                    _note(found, Found(entry, domain))
        for tag in _utm(link):
            for entry in directory.exact("utm", folded(tag)):
                if entry.holds_on(day):
                    _note(found, Found(entry, tag))
    for hit in addresses_in(post.text):
        for entry in directory.exact("email", folded(hit[0])):
            _note(found, Found(entry, hit[0], hit.start(), hit.end()))
        if domain := domain_of(hit[0].rpartition("@")[2]):
            for entry in directory.exact("domain", domain):
                _note(found, Found(entry, hit[0], hit.start(), hit.end()), "e-mail")
    for named in directory.phrases_in(post.text):
        if named.entry.holds_on(day):
            _note(found, named)
    if tickets:
        for number in ticket_numbers_in(post.text):
            if number in tickets:
                _match(found, Matched("ticket", tickets[number], "ticket number", str(number)))


def _utm(link: str) -> list[str]:
    """The values of a link's utm_campaign."""
    _, mark, query = link.partition("?")
    if not mark or "utm_campaign=" not in query:
        return []
    return [pair[13:] for pair in query.split("#")[0].split("&") if pair.startswith("utm_campaign=")]


def _place(
    found: Resolved, directory: Directory, identities: dict[tuple[str, str], Known], day: date
) -> None:
    """Posted on our page, or a review of us: the place is an identity of ours, or lies in our domain."""
    place = found.post.place
    if not place:
        return
    page = identities.get((found.platform, place))
    entries = list(directory.handle(found.platform, place))
    if domain := domain_of(place):
        entries += directory.exact("domain", domain)
    if (page and page.ours) or any(entry.of == "ourselves" and entry.holds_on(day) for entry in entries):
        found.addressed = True


def _project(found: Resolved) -> None:
    """contact, account, campaign and ticket of the event, from its live matches; written here only.

    The contact is the author's. The account is the one that the post names if it names exactly one, else
    the author's own or its contact's. Campaign and ticket: the one, if there is exactly one.
    """
    named = [match.record for match in found.matches if match.kind == "account"]
    author = found.author
    if author is not None and author.contact_id:
        found.contact = author.contact_id
        _match(found, Matched("contact", author.contact_id, "identity", author.handle))
    if len(named) == 1:
        found.account = named[0]
    elif author is not None:
        found.account = author.account_id or author.contact_account
    campaigns = [match.record for match in found.matches if match.kind == "campaign"]
    found.campaign = campaigns[0] if len(campaigns) == 1 else None
    tickets = [match.record for match in found.matches if match.kind == "ticket"]
    found.ticket = tickets[0] if len(tickets) == 1 else None
