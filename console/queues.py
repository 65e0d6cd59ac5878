"""What waits in each of the fleet's queues and since when, as the database knows it.

The queues are tables: the broker carries bells alone, so what waits is here whether it is there or not. Surprising: who is
at work is told by leases, so a worker with nothing to do is not seen; `console.workers_alive` asks each of them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from models.vocabulary import NEVER_VISITED

_FETCH = text(f"""
    SELECT count(*) FILTER (WHERE due_at <= now() AND NOT leased) AS depth,
           min(due_at) FILTER (WHERE due_at <= now() AND NOT leased) AS oldest,
           count(*) FILTER (WHERE leased) AS at_work, max(last_success_at) AS last
    FROM (SELECT due_at, last_success_at, coalesce(lease_until > now(), false) AS leased
          FROM sources WHERE org_id = :org AND state = 'active' AND kind NOT IN {NEVER_VISITED}) s
""")
# the last page that was digested, if that is not long ago: further back nobody looks for it
_DIGEST = text("""
    SELECT count(*) AS depth, min(landed_at) AS oldest, coalesce(sum(fetched), 0)::bigint AS posts,
           count(*) FILTER (WHERE lease_until > now()) AS at_work,
           (SELECT p.digested_at FROM pages p
            WHERE p.org_id = :org AND p.state = 'digested' AND p.digested_at > now() - interval '10 minutes'
            ORDER BY p.digested_at DESC LIMIT 1) AS last
    FROM pages WHERE org_id = :org AND state = 'landed'
""")
_NOTIFY = text("""
    SELECT count(o.id) AS depth, min(o.created_at) AS oldest,
           (SELECT count(*) FROM receivers WHERE org_id = :org AND lease_until > now()) AS at_work,
           (SELECT max(last_success_at) FROM receivers WHERE org_id = :org) AS last
    FROM receivers r LEFT JOIN owed o ON o.receiver_id = r.id AND o.state = 'owed' WHERE r.org_id = :org
""")
_MAINTENANCE = text("""
    SELECT count(*) AS depth, min(since) AS oldest, 0 AS at_work, CAST(NULL AS timestamptz) AS last
    FROM (SELECT noted_at AS since FROM renamed WHERE org_id = :org
          UNION ALL SELECT due_at FROM followings WHERE org_id = :org AND due_at <= now()) todo
""")
_EACH = {
    "fetch": (_FETCH, "sources due"),
    "digest": (_DIGEST, "pages undigested"),
    "notify": (_NOTIFY, "news owed"),
    "maintenance": (_MAINTENANCE, "changes to follow up"),
}


def queues(session: Session, org: str) -> list[dict[str, Any]]:
    """Per queue: {name, what, depth, oldest, at_work, last, posts}. `posts` is 0 but for digest; `oldest`: since when the
    first waits; `at_work`: leases held; `last`: when something was last done, where that is known."""
    return [
        {"name": name, "what": what, "posts": 0, **session.execute(query, {"org": org}).mappings().one()}
        for name, (query, what) in _EACH.items()
    ]
