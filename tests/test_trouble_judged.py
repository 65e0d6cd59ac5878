"""What `make trouble` calls wrong, without the trouble."""

from __future__ import annotations

from tests.trips import Trips
from tests.trouble import CAP, Found, overstepped


def found(**more: object) -> list[str]:
    nothing: dict[str, object] = {
        name: [] for name in ("lost", "doubled", "unheard", "exceeded", "off", "gaps")
    }
    counts = dict.fromkeys(("posts", "stored", "visits", "unbalanced", "waiting", "quarantined"), 0)
    return Found(**{"trouble": {}, "billed": 5, "written": 5, **nothing, **counts, **more}).wrong  # type: ignore[arg-type]


def test_what_is_billed_has_to_be_written_down_and_neither_may_pass_the_cap() -> None:
    assert found() == []
    assert found(billed=5, written=9) == []
    assert found(billed=9, written=5) == ["X billed 9, and 5 are written down"]
    assert len(found(billed=CAP + 1, written=CAP + 1)) == 2


def test_who_goes_on_later_than_a_request_took_just_then_has_overstepped() -> None:
    trips = Trips()
    trips.made = [(0.0, 0.1), (50.0, 52.5), (100.0, 100.1)]
    late = [("x", 101.5, 1.4), ("reddit", 53.0, 1.4), ("threads", 53.0, 3.6)]
    assert overstepped(late, trips) == ["x 1.4 s", "threads 3.6 s"]
    trips.waits = [
        (at / 4, {1: 7.0 + at / 8, 2: 0.0}) for at in range(400, 408)
    ]  # half of its time without a processor
    assert overstepped(late, trips) == ["threads 3.6 s"]
