"""What is ours: handles, names, domains and hashtags. Whoever uses them speaks to us or about us."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from console.aliases import OURSELVES, Aliases, Unfit, fit, refusal
from console.refusal import CannotDo
from models import Alias
from workers.follow import follow
from workers.names import claim
from workers.resolve import STORES


def add_own(
    session: Session, org: str, kind: str, word: str, platform: str | None = None, needs: Sequence[str] = ()
) -> bool:
    """Note a handle, name, domain, hashtag or keyword as ours; False when it was noted already.

    `needs`: words of which a post must have one for a name or keyword to count; an ordinary word takes some.
    The author who alone was heard under this handle before is ours, and what the author wrote is our own; who took it
    after another is not. Raises CannotDo.
    """
    aliases = Aliases(session, org)
    try:
        added = aliases.put(kind, word, platform, OURSELVES, needs=needs) != "same"
        value = fit(kind, word, platform)
    except Unfit as unfit:
        raise refusal(unfit) from None
    aliases.write()
    if kind == "handle":
        is_it = (Alias.org_id == org, Alias.kind == kind, Alias.of == "ourselves", Alias.value == value)
        noted = select(Alias.id).where(*is_it, Alias.platform.is_not_distinct_from(platform))
        follow(session, org, claim(session, org, session.scalars(noted).all()))
    return added


def called_like_us(session: Session, org: str, words: Sequence[str]) -> list[str]:
    """The accounts that have one of these names of ours: what it means is in doubt from now on."""
    return list(
        session.scalars(_LIKE_US, {"org": org, "words": [" ".join(word.split()).lower() for word in words]})
    )


def own_app(session: Session, org: str, platform: str, term: str) -> tuple[str, bool] | None:
    """The app that a source of a store is about, and whether it is ours, so that its reviews are addressed to us; None
    on other platforms. What opens Google Play opens our own apps only, so what is followed there is ours by that.
    """
    if platform not in STORES:
        return None
    app = fit("handle", term, platform)
    if platform == "googleplay":
        add_own(session, org, "handle", app, platform)
    held = select(Alias.id).where(
        Alias.org_id == org,
        Alias.of == "ourselves",
        Alias.kind == "handle",
        Alias.value == app,
        (Alias.platform == platform) | Alias.platform.is_(None),
    )
    return app, session.scalar(held.limit(1)) is not None


_LIKE_US = text("""
    SELECT DISTINCT k.name FROM accounts k
    LEFT JOIN aliases a ON a.account_id = k.id AND a.kind IN ('name', 'keyword')
    WHERE k.org_id = :org AND (lower(k.name) = ANY(:words) OR lower(a.value) = ANY(:words))
    ORDER BY k.name LIMIT 6
""")
_REMOVE = text("""
    DELETE FROM aliases
    WHERE org_id = :org AND of = 'ourselves' AND kind = :kind AND value = ANY(:values)
      AND (CAST(:platform AS text) IS NULL OR platform = :platform)
    RETURNING value, platform, identity_id
""")
# with whom each is one person; held in the order in which everybody holds them
_NAMED = text("""
    WITH meant AS (
        SELECT coalesce(merged_into, id) AS person FROM identities
        WHERE org_id = :org AND ours AND platform = :platform
          AND (lower(handle) = :value OR lower(stable_id) = :value OR id = :claimed)
    )
    SELECT id FROM identities WHERE org_id = :org AND (id IN (SELECT person FROM meant)
                                                       OR merged_into IN (SELECT person FROM meant))
    ORDER BY platform, stable_id FOR NO KEY UPDATE
""")
# an account that we can sign in to is ourselves, whatever the aliases say
_DISOWN = text("""
    WITH held AS (
        SELECT i.*, coalesce(i.merged_into, i.id) AS person FROM identities i WHERE i.id = ANY(:ids)
    ), kept AS (
        SELECT h.person FROM held h
        JOIN aliases a ON a.org_id = h.org_id AND a.kind = 'handle' AND a.of = 'ourselves' AND a.platform = h.platform
                      AND (a.value IN (lower(h.handle), lower(h.stable_id)) AND (a.identity_id IS NULL OR a.identity_id = h.id)
                           OR a.identity_id = h.id)
        UNION ALL
        SELECT h.person FROM held h JOIN credentials c ON c.org_id = h.org_id AND c.platform = h.platform
        WHERE c.me = h.stable_id OR lower(c.identifier) IN (lower(h.handle), lower(h.stable_id))
    )
    UPDATE identities SET ours = false
    WHERE ours AND id IN (SELECT id FROM held WHERE person NOT IN (SELECT person FROM kept)) RETURNING id
""")


def remove_own(
    session: Session, org: str, kind: str, word: str, platform: str | None = None
) -> tuple[bool, int, int]:
    """Take back that a word is ours; of a handle, also that its author is. Whether it was noted, of how many accounts
    the author is ours no longer, and of how many still, because another alias or a credential says so.

    What they wrote is earned from now on, the past posts included; cases are not decided anew. Raises CannotDo.
    """
    values = [" ".join(word.replace("\0", "").split())]
    with suppress(Unfit):
        values.append(fit(kind, word, platform))
    gone = session.execute(_REMOVE, {"org": org, "kind": kind, "values": values, "platform": platform}).all()
    if len({row.platform for row in gone}) > 1:
        several = ", ".join(sorted(row.platform for row in gone))
        raise CannotDo(f"The {kind} {word!r} is ours on {several}; say which with --platform.")
    changed = kept = 0
    where = gone[0].platform if gone else platform
    if kind == "handle" and where is not None:
        for value in {values[-1], *(row.value for row in gone)}:
            no_longer, still = disown(session, org, where, value, gone[0].identity_id if gone else None)
            changed, kept = changed + no_longer, kept + still
    if not (gone or changed or kept):
        raise CannotDo(f"No {kind} {word!r} is ours in {org}; see `earshot own list`.")
    return bool(gone), changed, kept


def disown(
    session: Session, org: str, platform: str, value: str, claimed: UUID | None = None
) -> tuple[int, int]:
    """The authors who were ourselves by this handle, which is ours no longer, are somebody else, and their past posts
    follow; unless another alias or a credential says that they are ours. How many changed, and how many did not."""
    values = {"org": org, "platform": platform, "value": value, "claimed": claimed}
    named = list(session.scalars(_NAMED, values))
    changed = list(session.scalars(_DISOWN, {"ids": named})) if named else []
    follow(session, org, changed)
    return len(changed), len(named) - len(changed)


def own_words(session: Session, org: str) -> list[dict[str, Any]]:
    """What is ours: {kind, value, platform, needs}, by kind."""
    found = session.execute(
        select(Alias.kind, Alias.value, Alias.platform, Alias.needs)
        .where(Alias.org_id == org, Alias.of == "ourselves")
        .order_by(Alias.kind, Alias.platform, Alias.value)
    )
    return [dict(row) for row in found.mappings()]
