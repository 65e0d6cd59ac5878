"""Who may sign in to the demo's console: one person for each role, with one password that is made once for each folder."""

from __future__ import annotations

import secrets
from pathlib import Path

from sqlalchemy.orm import Session

from console.sign_ins import give, listed
from local.home import write_private
from models.vocabulary import ROLES

KEPT_IN = "console.password"
_NAMES = {"ops": "Olga", "marketing": "Max", "support": "Sam", "admin": "Ada"}


def password(home: Path) -> str:
    """The password of this folder's demo."""
    file = home / KEPT_IN
    if not file.exists():
        write_private(file, secrets.token_urlsafe(12) + "\n")
    return file.read_text().strip()


def let_in(session: Session, org: str, word: str) -> str:
    """Let ops@demo.example, marketing@... and so on sign in, unless they may already; says who."""
    known = {one["email"] for one in listed(session, org)}
    people = {role: f"{role}@demo.example" for role in ROLES}
    for role, email in people.items():
        if email not in known:
            give(session, org, email, _NAMES[role], role, word)
    return ", ".join(people.values())
