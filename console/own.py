"""What is ours: handles, names, domains and hashtags. Whoever uses them speaks to us or about us."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from console.aliases import OURSELVES, Aliases, Unfit, fit
from console.refusal import CannotDo
from models import Alias, Identity
from workers.folding import is_ordinary_word


def add_own(session: Session, org: str, kind: str, word: str, platform: str | None = None) -> bool:
    """Note a handle, name, domain, hashtag or keyword as ours; False when it was noted already.

    An author who was heard under this handle before is ours from now on. Raises CannotDo.
    """
    aliases = Aliases(session, org)
    try:
        added = aliases.add(kind, word, platform, OURSELVES)
        value = fit(kind, word, platform)
    except Unfit as unfit:
        raise CannotDo(f"{str(unfit)[0].upper()}{str(unfit)[1:]}.") from None
    aliases.write()
    if kind == "handle" and platform is not None:
        session.execute(
            update(Identity)
            .where(
                Identity.org_id == org,
                Identity.platform == platform,
                (func.lower(Identity.handle) == value) | (func.lower(Identity.stable_id) == value),
            )
            .values(ours=True)
        )
    return added


def weak(kind: str, word: str) -> str | None:
    """Why a name will hardly be found by itself, if so."""
    if kind == "name" and is_ordinary_word(word):
        return (
            f"{word!r} is an ordinary English word: by itself it will not count as our name"
            " (handles, domains, hashtags and longer names do)."
        )
    return None


def own_words(session: Session, org: str) -> list[dict[str, Any]]:
    """What is ours: {kind, value, platform}, by kind."""
    found = session.execute(
        select(Alias.kind, Alias.value, Alias.platform)
        .where(Alias.org_id == org, Alias.of == "ourselves")
        .order_by(Alias.kind, Alias.platform, Alias.value)
    )
    return [dict(row) for row in found.mappings()]
