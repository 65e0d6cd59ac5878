"""The past posts of an identity follow its link.

What an identity is linked to is its root's, where it was merged into another. When a link changes, its events' matches
that are the author's own are written anew, a batch after the other, each in a transaction of its own: which identity
has still to be followed, and how far it has come, is a row of `followings`. So a hundred thousand posts hold nobody up,
and a crash in between is carried on by whoever comes next.

A digest that had looked an author up before the link changed may write after we have passed. So each identity is looked
at once more, two minutes later, for the posts that were written meanwhile.

What a person undid stays undone, and what a person tied stays tied. A step of a person is followed with a note of what
each event was (`reviewed_events`), so that taking it back restores exactly that.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from workers.project import lock, reproject

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from sqlalchemy.orm import Session, sessionmaker

BATCH = 2_000
"""Events that are followed in one transaction, and hence held by it."""

_ASK = text("""
    INSERT INTO followings (org_id, identity_id, review_id, restores_id)
    SELECT org_id, id, :review, :restores FROM identities
    WHERE org_id = :org AND (id = ANY(:identities) OR merged_into = ANY(:identities))
    ORDER BY platform, stable_id
""")
# an identity's steps are followed in the order in which they were made
_NEXT = text("""
    SELECT f.* FROM followings f
    WHERE (CAST(:org AS text) IS NULL OR f.org_id = :org)
      AND (CAST(:identities AS uuid[]) IS NULL OR f.identity_id = ANY(:identities))
      AND f.due_at <= now()
      AND NOT EXISTS (SELECT FROM followings e WHERE e.identity_id = f.identity_id AND e.id < f.id AND e.since IS NULL)
    ORDER BY f.id LIMIT 1 FOR UPDATE OF f SKIP LOCKED
""")
_EVENTS = text("""
    SELECT id FROM social_events
    WHERE identity_id = :identity AND org_id = :org AND sightings <> '{}'
      AND (CAST(:after AS uuid) IS NULL OR id > :after)
      AND (CAST(:since AS timestamptz) IS NULL OR recorded_at >= :since AND NOT EXISTS (
          SELECT FROM reviewed_events r
          WHERE r.org_id = :org AND r.review_id IN (:review, :restores) AND r.event_id = social_events.id))
    ORDER BY id LIMIT :most
""")
_LINK = text("""
    SELECT i.handle, r.contact_id AS contact, r.lead_id AS lead, r.account_id AS own,
           coalesce(r.account_id, p.account_id) AS account,
           CASE WHEN r.ours THEN 'own' WHEN EXISTS (
               SELECT FROM aliases a
               WHERE a.org_id = i.org_id AND a.of = 'competitor' AND a.kind = 'handle' AND a.platform = i.platform
                 AND a.value IN (lower(i.handle), i.stable_id)) THEN 'competitor' ELSE 'earned' END AS voice
    FROM identities i JOIN identities r ON r.id = coalesce(i.merged_into, i.id)
    LEFT JOIN contacts p ON p.id = r.contact_id
    WHERE i.id = :identity
""")
# what the author of each event is to be tied to: what a step is to restore, else what the identity is linked to
_WANTED = """
    WITH linked AS (
        SELECT * FROM (VALUES ('contact', CAST(:contact AS uuid)), ('account', CAST(:account AS uuid)),
                              ('lead', CAST(:lead AS uuid))) AS v(kind, record_id)
        WHERE record_id IS NOT NULL
    ), restored AS MATERIALIZED (
        SELECT event_id, before FROM reviewed_events
        WHERE org_id = :org AND review_id = :restores AND event_id = ANY(:events)
    ), wanted AS MATERIALIZED (
        SELECT r.event_id, b.kind, b.record_id
        FROM restored r, jsonb_to_recordset(r.before) AS b(kind text, record_id uuid, state text)
        -- a record that the identity is linked to no longer comes back by no step; a contact's company is that of then
        WHERE b.state <> 'suggested' AND (
            b.kind = 'contact' AND b.record_id = CAST(:contact AS uuid) OR b.kind = 'lead' AND b.record_id = CAST(:lead AS uuid)
            OR b.kind = 'account' AND (b.record_id = CAST(:account AS uuid)
                OR CAST(:own AS uuid) IS NULL AND CAST(:contact AS uuid) IS NOT NULL))
        UNION ALL
        SELECT e.id, l.kind, l.record_id
        FROM unnest(CAST(:events AS uuid[])) AS e(id) CROSS JOIN linked l
        WHERE NOT EXISTS (SELECT FROM restored r WHERE r.event_id = e.id)
    )
"""
_KEEP = text(
    _WANTED
    + """
    INSERT INTO reviewed_events (org_id, review_id, event_id, before)
    SELECT :org, :review, e.id, coalesce(b.before, '[]')
    FROM unnest(CAST(:events AS uuid[])) AS e(id) LEFT JOIN LATERAL (
        SELECT jsonb_agg(to_jsonb(m) ORDER BY m.kind, m.record_id) AS before
        FROM matches m LEFT JOIN wanted w
          ON w.event_id = m.event_id AND w.kind = m.kind AND w.record_id = m.record_id
        WHERE m.event_id = e.id AND CASE WHEN m.state = 'suggested' THEN w.kind IS NOT NULL ELSE m.author END
    ) b ON true
    ON CONFLICT (org_id, review_id, event_id) DO NOTHING
    """
)
_DROP = text(
    _WANTED
    + """
    DELETE FROM matches m
    WHERE m.event_id = ANY(:events) AND m.author AND m.state = 'live' AND m.how = 'identity' AND m.by IS NULL
      AND NOT EXISTS (SELECT FROM wanted w
                      WHERE w.event_id = m.event_id AND w.kind = m.kind AND w.record_id = m.record_id)
    """
)
_FLAG = text(
    _WANTED
    + """
    , said AS (
        SELECT m.id, w.kind IS NOT NULL AS author
        FROM matches m LEFT JOIN wanted w
          ON w.event_id = m.event_id AND w.kind = m.kind AND w.record_id = m.record_id
        WHERE m.event_id = ANY(:events) AND m.state <> 'suggested'
    )
    UPDATE matches m SET author = said.author FROM said WHERE m.id = said.id AND m.author <> said.author
    """
)
# a suggestion that has come true is one no longer
_TIE = text(
    _WANTED
    + """
    INSERT INTO matches AS m (org_id, event_id, kind, record_id, how, sure, evidence, author)
    SELECT :org, event_id, kind, record_id, 'identity', 1, :handle, true
    FROM wanted ORDER BY event_id, kind, record_id
    ON CONFLICT (org_id, event_id, kind, record_id) DO UPDATE
    SET state = 'live', author = true, how = 'identity', sure = 1, evidence = excluded.evidence,
        starts = NULL, ends = NULL
    WHERE m.state = 'suggested'
    """
)
_SUGGEST_AGAIN = text("""
    INSERT INTO matches (org_id, event_id, kind, record_id, how, sure, evidence, starts, ends, state, author, created_at)
    SELECT :org, r.event_id, b.kind, b.record_id, b.how, b.sure, b.evidence, b.starts, b.ends, b.state, b.author,
           b.created_at
    FROM reviewed_events r, jsonb_to_recordset(r.before) AS b(
        kind text, record_id uuid, how text, sure double precision, evidence text, starts integer, ends integer,
        state text, author boolean, created_at timestamptz)
    WHERE r.org_id = :org AND r.review_id = :restores AND r.event_id = ANY(:events) AND b.state = 'suggested'
    ON CONFLICT (org_id, event_id, kind, record_id) DO NOTHING
""")
_ON = text("UPDATE followings SET after = :after WHERE id = :id")
_DONE = text("DELETE FROM followings WHERE id = :id")
# what was taken back needs its notes no more
_FORGET = text("""
    DELETE FROM reviewed_events n USING reviews r, social_events e
    WHERE n.org_id = :org AND n.review_id = :restores AND r.id = n.review_id AND r.undone_at IS NOT NULL
      AND e.id = n.event_id AND e.identity_id = :identity
""")
# A batch that was resolved before the link changed may be written after we have passed; none takes this long.
_LOOK_AGAIN = text("""
    UPDATE followings SET after = NULL, since = created_at - interval '2 minutes', due_at = now() + interval '2 minutes'
    WHERE id = :id
""")


def ask_to_follow(
    session: Session,
    org: str,
    identities: Iterable[UUID],
    *,
    review: UUID | None = None,
    restores: UUID | None = None,
) -> None:
    """Note that the events of these identities, and of those merged into them, have to follow their links.

    `review` is the step for which it is kept what the events were; `restores` one whose notes are restored.
    """
    wanted = sorted(set(identities))
    if wanted:
        values = {"org": org, "identities": wanted, "review": review, "restores": restores}
        session.execute(_ASK, values)


def follow_on(
    session: Session, org: str | None = None, identities: Iterable[UUID] | None = None, most: int = BATCH
) -> bool:
    """Follow one identity over its next `most` events, in the caller's transaction; False when none is due.

    `org` and `identities` (None: any) restrict whose. What another worker follows at this moment is passed over.
    """
    which = None if identities is None else list(identities)
    due = session.execute(_NEXT, {"org": org, "identities": which}).one_or_none()
    if due is None:
        return False
    values = {
        "org": due.org_id,
        "identity": due.identity_id,
        "after": due.after,
        "most": most,
        "since": due.since,
    }
    values |= {"review": due.review_id, "restores": due.restores_id}
    events = list(session.scalars(_EVENTS, values))
    if events:
        _follow(session, due, events)
    if len(events) < most:
        session.execute(_LOOK_AGAIN if due.since is None else _DONE, {"id": due.id})
        if due.since is not None and due.restores_id is not None:
            session.execute(_FORGET, values)
    else:
        session.execute(_ON, {"id": due.id, "after": events[-1]})
    return True


def _follow(session: Session, due: Any, events: list[UUID]) -> None:
    """Write the author's own matches of these events anew, and what the events are tied to."""
    lock(session, due.org_id, events)
    link = session.execute(_LINK, {"identity": due.identity_id}).one()
    values = {
        "org": due.org_id,
        "events": events,
        "restores": due.restores_id if due.since is None else None,
        "contact": link.contact,
        "account": link.account,
        "own": link.own,
        "lead": link.lead,
    }
    if due.review_id is not None and due.since is None:
        session.execute(_KEEP, values | {"review": due.review_id})
    session.execute(_DROP, values)
    session.execute(_FLAG, values)
    session.execute(_TIE, values | {"handle": link.handle})
    if values["restores"] is not None:
        session.execute(_SUGGEST_AGAIN, values)
    reproject(session, due.org_id, events, voice=link.voice)


def follow(session: Session, org: str, identities: Iterable[UUID]) -> None:
    """The past events of these identities follow their links: the first batch of each in this transaction, and
    what is left by `follow_waiting`, so that no transaction grows with the number of posts."""
    ask_to_follow(session, org, identities)
    wanted = list(session.scalars(_GROUP, {"org": org, "identities": sorted(set(identities))}))
    for identity in wanted:
        follow_on(session, org, [identity])


_GROUP = text("""
    SELECT id FROM identities WHERE org_id = :org AND (id = ANY(:identities) OR merged_into = ANY(:identities))
    ORDER BY platform, stable_id
""")


def follow_waiting(sessions: sessionmaker[Session], org: str | None = None, seconds: float = 15.0) -> int:
    """Follow on, each batch in a transaction of its own, until nothing is due or the time is up; the batches."""
    until, batches = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        with sessions() as session, session.begin():
            if not follow_on(session, org):
                break
        batches += 1
    return batches
