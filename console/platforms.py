"""What can be watched: each platform's kinds, what their terms mean, and what they need and take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from connectors import connectors
from connectors._base import Need, Quota, Spend, Watch
from console.following import DELIVERED
from console.inbound import INBOUND
from console.keys import known_platform
from models.vocabulary import NEVER_VISITED

NOT_OFFERED = {
    "LinkedIn": "its API is for approved partners",
    "TikTok": "its API is for research institutions",
}
"""What people ask for and we do not offer, because most could not get at it."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One kind of watch. `every`: seconds between two visits, None where the platform delivers by itself."""

    platform: str
    kind: str
    need: Need
    every: float | None
    most: Spend
    host: str | None


@dataclass(frozen=True, slots=True)
class Offered:
    """A platform: its kinds, what the secret of a credential is (None: it takes none), its own quotas, and whether it
    tells how much there would be and what became of posts."""

    platform: str
    kinds: tuple[Watched, ...]
    secret: str | None
    quotas: tuple[Quota, ...]
    counts: bool
    looks_up: bool


def offered(name: str | None = None) -> list[Offered]:
    """All platforms, or one. Raises CannotDo for a name that is none."""
    known = {name: known_platform(name)} if name else connectors()
    found = []
    for platform, connector in known.items():
        kinds = []
        for kind, need in connector.watches.items():
            host = need.host or connector.default_host
            watch = Watch(kind=kind, term=need.example, host=host or "", now=datetime.now(UTC))
            every = None if kind in NEVER_VISITED else connector.interval
            kinds.append(Watched(platform, kind, need, every, connector.cost(watch), host))
        if hasattr(connector, "receive") and INBOUND not in connector.watches:
            kinds.append(Watched(platform, INBOUND, DELIVERED, None, Spend(), connector.default_host))
        found.append(
            Offered(
                platform,
                tuple(kinds),
                getattr(connector, "secret", None),
                tuple(getattr(connector, "quotas", ())),
                hasattr(connector, "counted"),
                hasattr(connector, "lookup"),
            )
        )
    return found
