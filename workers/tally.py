"""The account of a batch: what became of every item of its pages, and the rows of the quarantine.

fetched = new + duplicate + edited + filtered + quarantined + waiting holds for a page because it is closed
in the transaction that writes its events, and only under the fence with which it was claimed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import text

from workers._rows import as_json
from workers.land import StaleFence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from workers.draft import Fate
    from workers.heard import Ref
    from workers.pages import Claimed
    from workers.sift import Item

_QUARANTINE = text("""
    WITH x AS (
        SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS x(
            platform text, source_id uuid, page_id bigint, item integer, stage text, external_id text,
            reason text, trace text, payload text, nth integer)
    )
    INSERT INTO quarantine (org_id, platform, source_id, page_id, item, stage, external_id, reason, trace, payload,
                            nth)
    SELECT :org, platform, source_id, page_id, item, stage, external_id, reason, trace, decode(payload, 'base64'),
           coalesce(nth, 0)
    FROM x ORDER BY page_id, item
    ON CONFLICT (org_id, source_id, fingerprint, nth) DO NOTHING
""")

_DONE = text("""
    WITH x AS (
        SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS x(
            id bigint, fence bigint, new integer, duplicate integer, edited integer, filtered jsonb,
            quarantined integer, todo jsonb, finished boolean)
    )
    UPDATE pages p
    SET new = p.new + x.new, duplicate = p.duplicate + x.duplicate, edited = p.edited + x.edited,
        filtered = x.filtered, quarantined = p.quarantined + x.quarantined, todo = x.todo, trying = NULL,
        lease_until = NULL, lease_pid = NULL, lease_started = NULL,
        state = CASE WHEN x.finished THEN 'digested' ELSE 'landed' END,
        body = CASE WHEN x.finished THEN NULL ELSE p.body END,
        digested_at = CASE WHEN x.finished THEN now() END,
        error = CASE WHEN x.finished THEN NULL ELSE p.error END
    FROM x WHERE p.id = x.id AND p.fence = x.fence
""")


def settle(
    session: Session,
    org: str,
    pages: Sequence[Claimed],
    items: Sequence[Item],
    fates: Mapping[Ref, Fate],
) -> None:
    """Count every item of the batch where it stands, set aside what is no post, and close the pages."""
    tally: dict[int, Counter[str]] = defaultdict(Counter)
    for item in items:
        tally[item.page.id][fates[item.platform, item.post.id]] += 1
        # every other place where the post stands repeats it
        if len(item.places) > 1:
            others = list(item.places)
            others.remove(item.page)
            for place in others:
                tally[place.id]["duplicate"] += 1
    aside = [row for page in pages for row in _set_aside(page)]
    if aside:
        session.execute(_QUARANTINE, {"org": org, "rows": as_json(aside)})
    rows = []
    for page in pages:
        todo = [part for part in page.todo if part != page.trying]
        counts = tally[page.id]
        rows.append(
            {
                "id": page.id,
                "fence": page.fence,
                "new": counts["new"],
                "duplicate": counts["duplicate"],
                "edited": counts["edited"],
                "filtered": page.filtered,
                "quarantined": page.quarantined + (page.condemned is not None),
                "todo": todo,
                "finished": not todo,
            }
        )
    done: Any = session.execute(_DONE, {"rows": as_json(rows)})
    if done.rowcount != len(pages):
        raise StaleFence("a page was claimed again by another worker; what we found in it is refused")


def _set_aside(page: Claimed) -> list[dict[str, Any]]:
    """The rows of the quarantine: rejects in this part, and the post that failed each time."""
    rows: list[dict[str, Any]] = []
    common = {"platform": page.platform, "source_id": page.source, "page_id": page.id}
    alike: Counter[str] = Counter()
    for reject in page.rejects[: max(0, page.part.start - len(page.posts))]:
        alike[reject.raw] += 1
    for at in page.part:
        if at >= len(page.posts):
            reject = page.rejects[at - len(page.posts)]
            rows.append(
                {
                    **common,
                    "item": at,
                    "stage": "reject",
                    "reason": reject.reason.replace("\0", "\ufffd"),
                    "payload": reject.raw.encode("utf-8", "replace"),
                    "nth": alike[reject.raw],
                }
            )
            alike[reject.raw] += 1
    if page.condemned is not None and page.condemned < len(page.posts):
        post = page.posts[page.condemned]
        rows.append(
            {
                **common,
                "item": page.condemned,
                "stage": "digest",
                "external_id": post.id,
                "reason": "every attempt to digest this post failed"
                if page.error
                else "every attempt to digest this post ended its worker",
                "trace": page.error,
                "payload": msgspec.msgpack.encode(post),
            }
        )
    return rows
