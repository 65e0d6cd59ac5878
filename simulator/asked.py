"""One request to a platform that is played here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request: the path under the platform's prefix, query and form as lists, lower-cased headers, and who asks.

    `token` is what the Authorization header (or the platform's own header) carries, without its scheme. `base` is the
    address of the platform here. `mischief` is what the page must do wrong: duplicated, reordered.
    """

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    token: str | None
    body: Any
    form: Mapping[str, Sequence[str]]
    base: str
    now: datetime
    mischief: frozenset[str] = frozenset()

    def one(self, name: str, otherwise: str = "") -> str:
        """The first value of a parameter."""
        return (self.query.get(name) or [otherwise])[0]
