"""How Google Play's recordings are played: none is public, but for one of the web shop's own protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.recordings_table import Recorded

MUTATED: Mapping[tuple[str, str, str], set[str]] = {
    # no `reviews`, an empty list of them, or an object with nothing in it is how the API says that there are none
    ("reviews", "dropped", "holder"): {"empty"},
    ("reviews", "retyped", "holder"): {"empty"},
    ("reviews", "boxed", "holder"): {"empty"},
}


def items(line: Recorded) -> int:
    raise AssertionError(f"{line.file} is no page of ours")
