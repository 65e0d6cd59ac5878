"""Who lives in this world: the people of `world/people.toml`, and passers-by made from the seed."""

from __future__ import annotations

import base64
import hashlib
import random
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WORLD = Path(__file__).parent / "world"
HOME_INSTANCE = "hub.example"
"""The Mastodon server that we read from and live on; everybody else is remote."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """One author. `mastodon` is `user@host`, `bluesky` a handle, `did` and `number` are stable ids."""

    key: str
    name: str
    mastodon: str
    bluesky: str
    did: str
    number: int
    forum: str
    email: str | None = None
    own: bool = False
    competitor: bool = False
    bot: bool = False
    contact_of: str | None = None

    @property
    def mastodon_uri(self) -> str:
        user, host = self.mastodon.split("@")
        return f"https://{host}/users/{user}"

    @property
    def mastodon_url(self) -> str:
        user, host = self.mastodon.split("@")
        return f"https://{host}/@{user}"

    @property
    def forum_uri(self) -> str:
        return f"https://brewtalk.example/u/{self.forum}"


def digest(*parts: object) -> bytes:
    """32 bytes that depend on the parts and on nothing else."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()


def number_of(*parts: object) -> int:
    """A stable positive 48-bit number."""
    return int.from_bytes(digest(*parts)[:6])


def letters_of(length: int, *parts: object) -> str:
    """Stable lower-case base32, as in a DID or a record key."""
    return base64.b32encode(digest(*parts)).decode().lower()[:length]


def _person(seed: int, row: dict[str, Any]) -> Person:
    key = row["key"]
    user = row.get("user", key)
    return Person(
        key=key,
        name=row["name"],
        mastodon=row.get("mastodon", f"{user}@town.example"),
        bluesky=row.get("bluesky", f"{user}.sky.example"),
        did=f"did:plc:{letters_of(24, seed, 'did', key)}",
        number=number_of(seed, "account", key),
        forum=row.get("forum", user),
        email=row.get("email"),
        own=row.get("own", False),
        competitor=row.get("competitor", False),
        bot=row.get("bot", False),
        contact_of=row.get("contact_of"),
    )


def cast(seed: int) -> dict[str, Person]:
    """The named people by key."""
    rows = tomllib.loads((WORLD / "people.toml").read_text(encoding="utf-8"))["person"]
    return {row["key"]: _person(seed, row) for row in rows}


FIRST = [
    "Ada",
    "Ben",
    "Cleo",
    "Dmitri",
    "Esra",
    "Finn",
    "Gwen",
    "Hugo",
    "Ines",
    "Jonas",
    "Kemi",
    "Lars",
    "Mina",
    "Nico",
    "Olu",
    "Petra",
    "Quinn",
    "Rosa",
    "Sami",
    "Tess",
    "Uma",
    "Viktor",
    "Wren",
    "Xenia",
    "Yusuf",
    "Zora",
    "Aiko",
    "Bilal",
    "Carmen",
    "Dario",
    "Elif",
    "Farah",
    "Goran",
    "Hana",
    "Ivo",
    "Jaya",
    "Kofi",
    "Leila",
]
LAST = [
    "Abara",
    "Bianchi",
    "Castell",
    "Dorn",
    "Eklund",
    "Ferro",
    "Gupta",
    "Holm",
    "Ivers",
    "Jansen",
    "Kowal",
    "Lindt",
    "Moreau",
    "Nakata",
    "Okafor",
    "Petrov",
    "Quist",
    "Rossi",
    "Sorensen",
    "Tanaka",
    "Ueda",
    "Varga",
    "Weiss",
    "Xu",
    "Yilmaz",
    "Zeman",
    "Alder",
    "Brook",
    "Crane",
    "Dale",
    "Elm",
    "Frost",
]
HOSTS = ("town.example", "brews.example", "fedi.example", "harbour.example")


def passer_by(seed: int, key: str) -> Person:
    """Somebody we do not know, the same one for the same seed and key."""
    dice = random.Random(digest(seed, "passer-by", key))
    first, last = dice.choice(FIRST), dice.choice(LAST)
    user = f"{first}{last}{number_of(seed, key) % 100_000}".lower()
    row = {
        "key": f"passer-by:{key}",
        "user": user,
        "name": dice.choice((f"{first} {last}", first, f"{first} {last[0]}.", "")),
        "mastodon": f"{user}@{dice.choice(HOSTS)}",
    }
    return _person(seed, row)
