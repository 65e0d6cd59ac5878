"""The timetable: one poll per platform, and the sweeps."""

from __future__ import annotations

from scheduler.timetable import timetable
from workers._settings import Settings
from workers.app import QUEUES


def test_every_platform_has_one_poll_that_outlives_a_long_visit_before_it() -> None:
    entries = timetable({"mastodon": 5.0, "feeds": 60.0}, Settings())
    polls = {
        entry["kwargs"]["platform"]: entry for entry in entries.values() if entry["task"] == "earshot.poll"
    }
    assert set(polls) == {"mastodon", "feeds"}
    for platform, every in (("mastodon", 5.0), ("feeds", 60.0)):
        assert polls[platform]["schedule"] == every
        assert polls[platform]["options"] == {"queue": "fetch", "expires": 6 * every}


def test_the_sweeps_run_without_any_platform() -> None:
    entries = timetable({}, Settings(digest_every=3, sweep_every=60))
    assert {(entry["task"], entry["schedule"], entry["options"]["queue"]) for entry in entries.values()} == {
        ("earshot.digest", 3.0, "digest"),
        ("earshot.notify", 2.0, "notify"),
        ("earshot.recheck", 60.0, "fetch"),
        ("earshot.renew", 60.0, "fetch"),
        ("earshot.sweep", 60.0, "maintenance"),
    }


def test_every_bell_rings_in_a_queue_that_a_worker_listens_to() -> None:
    for entry in timetable({"mastodon": 5.0}, Settings()).values():
        assert entry["options"]["queue"] in QUEUES
