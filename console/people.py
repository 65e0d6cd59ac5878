"""Users, accounts and contacts as people name them: by e-mail address or by name."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.refusal import CannotDo
from models import User


def folded_name(name: str) -> str:
    """A name as it is compared: white space and case do not count."""
    return " ".join(name.split()).casefold()


def users(session: Session, org: str) -> dict[str, UUID]:
    """The organisation's users by e-mail address in lower case."""
    rows = session.execute(select(User.email, User.id).where(User.org_id == org, User.email.is_not(None)))
    return {email.strip().casefold(): row for email, row in rows if email}


def user(session: Session, org: str, email: str) -> UUID:
    """The user with this address. Raises CannotDo when there is none."""
    found = users(session, org).get(email.strip().casefold())
    if found is None:
        raise CannotDo(f"No user of {org} has the e-mail address {email}; users come from the CRM.")
    return found
