"""What the database knows of a batch of posts, asked in one question: authors, names, tickets, answered posts.

One statement whatever the batch's size, answered by one row of four JSON texts, since a row a find costs more to
pass on than to find. LATERAL ... OFFSET 0 holds the planner to one look into the right index a key, whatever it
thinks of the tables' sizes.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING, Literal, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import text

from models.vocabulary import PLATFORMS
from workers._rows import as_json
from workers.folding import ticket_numbers_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.orm import Session

    from connectors._base import Post
    from workers.clues import Clue

Of = Literal["ourselves", "account", "contact", "campaign", "competitor"]


class Known(NamedTuple):
    """An identity as the database has it, or as it will be written. What it is linked to is what counts: where it
    is merged into another, `root`, that one's links. Of most there is nothing to tell after `bot`."""

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
    lead_id: UUID | None = None
    root: str | None = None
    decided: bool = False
    stored: bool = True
    """Is it in the database as it stands here?"""

    @property
    def linked(self) -> bool:
        """Does it belong to somebody?"""
        return bool(self.ours or self.contact_id or self.account_id)

    @property
    def known(self) -> bool:
        """Is it linked to anything, if only to a Lead?"""
        return bool(self.ours or self.contact_id or self.account_id or self.lead_id)

    @property
    def person(self) -> str:
        """The identity that stands for the person: itself, or what it is merged into."""
        return self.root or self.id


class Entry(NamedTuple):
    """Whom a name stands for, and on which days. `record` is None for ourselves and competitors.

    `value` is the name as it was entered, `account` a contact's account. A handle that was seen already, or was entered
    beside a stable id, has `claimed`, that id, and is another's with any other; "" where several had it, now or before.
    `alias` is its row, if it is one.
    """

    of: Of
    record: UUID | None
    how: str
    label: str
    value: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    account: UUID | None = None
    needs: tuple[str, ...] = ()
    alias: UUID | None = None
    claimed: str | None = None

    @property
    def always(self) -> bool:
        """Does it count on any day and beside any words?"""
        return not (self.valid_from or self.valid_to or self.needs)

    def holds_on(self, day: date) -> bool:
        """Is the name valid on that day (both ends inclusive)?"""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day <= self.valid_to
        )


class Parent(NamedTuple):
    """The stored event that a post answers: whose it is and the case it belongs to."""

    event: UUID
    external_id: str
    ours: bool
    case: UUID | None
    case_open: bool
    ticket: UUID | None
    account: UUID | None = None
    """The account that the post is about, not its author's."""


Key = tuple[str, str, str]
"""(kind, key, platform), as in `names`."""


class Looked(NamedTuple):
    """What was found: identities by (platform, stable id), entries by key, tickets by number, the posts answered
    by (platform, what `reply_to` says), and by (platform, handle) those whose handle alone was known."""

    identities: dict[tuple[str, str], Known]
    names: dict[Key, list[Entry]]
    tickets: dict[int, UUID]
    parents: dict[tuple[str, str], Parent]
    held: dict[tuple[str, str], list[Known]]


STABLE = "^(did[:]|https?[:]//|[0-9]+$)"
"""What a stable id looks like beside a handle. Whoever is entered with both has the handle with that id only."""

_LINKED = """
    CASE WHEN i.ours OR i.decided OR coalesce(i.merged_into, i.contact_id, i.account_id, i.lead_id) IS NOT NULL
    THEN json_build_array(
        i.id, i.platform, i.stable_id, i.handle, i.name, i.bot, coalesce(r.ours, i.ours),
        CASE WHEN r.id IS NULL THEN i.contact_id ELSE r.contact_id END,
        CASE WHEN r.id IS NULL THEN i.account_id ELSE r.account_id END,
        c.account_id, coalesce(r.lead_id, i.lead_id), r.id, i.decided)
    ELSE json_build_array(i.id, i.platform, i.stable_id, i.handle, i.name, i.bot) END"""
_LINKS = """
    LEFT JOIN identities r ON r.id = i.merged_into
    LEFT JOIN LATERAL (
        SELECT k.account_id FROM contacts k
        WHERE k.id = CASE WHEN r.id IS NULL THEN i.contact_id ELSE r.contact_id END OFFSET 0
    ) c ON true"""

# Who has a handle that no alias' identity has been noted for, or ever had it: several are nobody. Each arm is one look
# into an index of its own, since `|| ''` and no LIMIT make no other look cheap.
_EVER = """
    SELECT CASE WHEN bool_or(h.by_id) THEN min(h.stable_id) FILTER (WHERE h.by_id)
                WHEN min(h.stable_id) <> max(h.stable_id) THEN '' ELSE min(h.stable_id) END
    FROM (
        (SELECT o.stable_id, true AS by_id FROM identities o
         WHERE o.org_id = :org AND o.platform = ANY(w.platforms) AND o.stable_id IN (n.key, a.value))
        UNION ALL
        (SELECT o.stable_id, false FROM identities o
         WHERE lower(o.handle) = n.key AND o.org_id = :org AND o.platform || '' = ANY(w.platforms))
        UNION ALL
        (SELECT o.stable_id, false FROM identities o
         WHERE lowered(o.former_handles) @> ARRAY[n.key] AND o.former_handles <> '{}'
           AND o.org_id || '' = :org AND o.platform || '' = ANY(w.platforms))
    ) h
"""

_LOOK = text(
    f"""
    SELECT
    (SELECT json_agg({_LINKED})::text
     FROM json_each(CAST(:ids AS json)) AS p(platform, listed), json_array_elements_text(p.listed) AS x(id), LATERAL (
         SELECT * FROM identities i
         WHERE i.org_id = :org AND i.platform = p.platform AND i.stable_id = x.id OFFSET 0
     ) i {_LINKS}) AS identities,
    (SELECT json_agg(json_build_array(
         n.kind, n.key, n.platform,
         json_build_array(
             coalesce(a.of, n.owner), coalesce(a.account_id, a.contact_id, a.campaign_id, k.id, p.id),
             CASE WHEN n.kind = 'name' AND a.kind = 'keyword' THEN 'keyword' ELSE n.kind END,
             coalesce(a.label, g.name, k.name, concat_ws(' ', p.first_name, p.last_name), ''),
             coalesce(a.value, CASE WHEN n.kind = 'phone' THEN coalesce(k.phone, p.phone) ELSE k.name END, ''),
             greatest(a.valid_from, g.starts_on), least(a.valid_to, g.ends_on),
             p.account_id, coalesce(a.needs, '{{}}'), a.id,
             coalesce(i.stable_id, (
                 SELECT min(b.value) FROM aliases b
                 WHERE n.kind = 'handle' AND b.kind = 'handle' AND b.platform = a.platform AND b.id <> a.id
                   AND (b.account_id = a.account_id OR b.contact_id = a.contact_id)
                   AND a.value !~ '{STABLE}' AND b.value ~ '{STABLE}'),
                 CASE WHEN n.kind = 'handle' THEN ({_EVER}) END))))::text
     FROM json_to_recordset(CAST(:keys AS json)) AS x(kind text, key text, platform text), LATERAL (
         SELECT * FROM names n
         WHERE n.org_id = :org AND n.kind = x.kind AND n.key = x.key AND n.platform = x.platform
         LIMIT {{most}} OFFSET 0
     ) n
     CROSS JOIN LATERAL (
         SELECT CASE n.platform WHEN '' THEN CAST(:platforms AS text[]) ELSE ARRAY[n.platform] END AS platforms
     ) w
     LEFT JOIN aliases a ON n.owner = 'alias' AND a.id = n.owner_id
     LEFT JOIN identities i ON i.id = a.identity_id
     LEFT JOIN campaigns g ON g.id = a.campaign_id
     LEFT JOIN accounts k ON k.id = CASE n.owner WHEN 'account' THEN n.owner_id ELSE a.account_id END
     LEFT JOIN contacts p ON p.id = CASE n.owner WHEN 'contact' THEN n.owner_id ELSE a.contact_id END
     WHERE coalesce(a.id, CASE n.owner WHEN 'account' THEN k.id WHEN 'contact' THEN p.id END) IS NOT NULL
    ) AS names,
    (SELECT json_agg(json_build_array(t.number, t.id))::text
     FROM json_array_elements_text(CAST(:numbers AS json)) AS n(number)
     JOIN tickets t ON t.org_id = :org AND t.number = n.number::bigint) AS tickets,
    (SELECT json_agg(json_build_array(x.platform, x.ref, json_build_array(
         e.id, e.external_id, e.direction = 'outbound', e.case_id,
         coalesce(c.closed_at IS NULL AND c.id IS NOT NULL, false), e.ticket_id,
         (SELECT m.record_id FROM matches m
          WHERE m.event_id = e.id AND m.kind = 'account' AND m.record_id = e.account_id AND m.state = 'live'
            AND m.how <> 'identity'))))::text
     FROM json_to_recordset(CAST(:refs AS json)) AS x(platform text, ref text)
     JOIN LATERAL (
         SELECT * FROM social_events e
         WHERE e.org_id = :org AND e.platform = x.platform AND e.external_id = x.ref
         UNION ALL
         SELECT * FROM social_events e WHERE e.org_id = :org AND e.platform = x.platform AND e.local_ref = x.ref
         LIMIT 1
     ) e ON true
     LEFT JOIN cases c ON c.id = e.case_id) AS parents,
    (SELECT json_agg(json_build_array(x.platform, x.handle, {_LINKED}))::text
     FROM json_to_recordset(CAST(:handles AS json)) AS x(platform text, handle text), LATERAL (
         SELECT * FROM identities i
         WHERE i.org_id = :org AND i.platform = x.platform AND lower(i.handle) = x.handle
         LIMIT 3 OFFSET 0
     ) i {_LINKS}) AS held
""".replace("{most}", "20")
)

_identities = msgspec.json.Decoder(list[Known])
_names = msgspec.json.Decoder(list[tuple[str, str, str, Entry]])
_tickets = msgspec.json.Decoder(list[tuple[int, UUID]])
_parents = msgspec.json.Decoder(list[tuple[str, str, Parent]])
_held = msgspec.json.Decoder(list[tuple[str, str, Known]])


def look_up(
    session: Session, org: str, posts: Sequence[tuple[str, Post]], clues: Iterable[Sequence[Clue]]
) -> Looked:
    """Everything that is stored about these (platform, post)s and the keys that they offer."""
    ids: dict[str, set[str]] = defaultdict(set)
    handles: set[tuple[str, str]] = set()
    refs: set[tuple[str, str]] = set()
    for platform, post in posts:
        here, author = ids[platform], post.author
        if author and author.id:
            here.add(author.id)
        if post.reply_to_author:
            here.add(post.reply_to_author)
        if post.place:
            here.add(post.place)
        if post.reply_to:
            refs.add((platform, post.reply_to))
        for mention in post.mentions:
            if mention.id:
                here.add(mention.id)
            elif mention.handle:
                handles.add((platform, mention.handle.lower()))
    numbers = {number for _, post in posts for number in ticket_numbers_in(post.text)}
    keys = {(clue.kind, clue.key, clue.platform) for found in clues for clue in found}
    looked = Looked({}, defaultdict(list), {}, {}, defaultdict(list))
    if not (any(ids.values()) or keys or numbers or refs or handles):
        return looked
    row = session.execute(
        _LOOK,
        {
            "org": org,
            "ids": as_json(ids),
            "keys": as_json([{"kind": k, "key": key, "platform": p} for k, key, p in keys]),
            "numbers": as_json([str(number) for number in sorted(numbers)]),
            "refs": _pairs("ref", refs),
            "handles": _pairs("handle", handles),
            "platforms": list(PLATFORMS),
        },
    ).one()
    if row.identities:
        looked.identities.update(
            {(known.platform, known.stable_id): known for known in _identities.decode(row.identities)}
        )
    if row.names:
        for kind, key, platform, entry in _names.decode(row.names):
            looked.names[kind, key, platform].append(entry)
    if row.tickets:
        looked.tickets.update(_tickets.decode(row.tickets))
    if row.parents:
        looked.parents.update(
            {(platform, ref): parent for platform, ref, parent in _parents.decode(row.parents)}
        )
    if row.held:
        for platform, handle, known in _held.decode(row.held):
            looked.held[platform, handle].append(known)
    return looked


def _pairs(name: str, found: Iterable[tuple[str, str]]) -> str:
    return as_json([{"platform": platform, name: value} for platform, value in found])
