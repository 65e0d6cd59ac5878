"""What is ours: handles, names, domains and hashtags. Whoever uses them speaks to us or about us."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from console.aliases import OURSELVES, Aliases, Unfit, fit
from console.refusal import CannotDo
from models import Alias, Identity
from workers.follow import follow


def add_own(
    session: Session, org: str, kind: str, word: str, platform: str | None = None, needs: Sequence[str] = ()
) -> bool:
    """Note a handle, name, domain, hashtag or keyword as ours; False when it was noted already.

    `needs`: words of which a post must have one for a name or keyword to count; an ordinary word takes some.
    An author who was heard under this handle before is ours, and what the author wrote is our own. Raises CannotDo.
    """
    aliases = Aliases(session, org)
    try:
        added = aliases.put(kind, word, platform, OURSELVES, needs=needs) != "same"
        value = fit(kind, word, platform)
    except Unfit as unfit:
        raise CannotDo(f"{str(unfit)[0].upper()}{str(unfit)[1:]}.") from None
    aliases.write()
    if kind == "handle" and platform is not None:
        is_it = (func.lower(Identity.handle) == value) | (func.lower(Identity.stable_id) == value)
        person = func.coalesce(Identity.merged_into, Identity.id)
        whose = select(person).where(Identity.org_id == org, Identity.platform == platform, is_it)
        made_ours = session.scalars(
            update(Identity)
            .where(Identity.org_id == org, person.in_(whose), ~Identity.ours)
            .values(ours=True)
            .returning(Identity.id)
        )
        follow(session, org, list(made_ours))
    return added


def own_words(session: Session, org: str) -> list[dict[str, Any]]:
    """What is ours: {kind, value, platform, needs}, by kind."""
    found = session.execute(
        select(Alias.kind, Alias.value, Alias.platform, Alias.needs)
        .where(Alias.org_id == org, Alias.of == "ourselves")
        .order_by(Alias.kind, Alias.platform, Alias.value)
    )
    return [dict(row) for row in found.mappings()]
