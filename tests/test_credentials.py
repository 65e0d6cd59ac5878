"""What becomes of a credential: refused, told once, mended; renewed in time; never judged by a passing failure."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import pytest

from connectors._base import (
    Connector,
    ConnectorError,
    Denied,
    Garbled,
    Gone,
    Held,
    Http,
    Session,
    TryLater,
)
from connectors._http import Clients, Requests
from tests.keyed import NOBODY, Keyed, Told, a_key, a_session, keys
from workers.answered import Answered
from workers.checks import lacking
from workers.credentials import Locked, lasting, renewing, sign_in, stored_session, whose
from workers.renew import _renewed, renew

NO = Denied("town.example answered 401", refreshable=False)
PASSING = [
    TryLater("town.example answered 503"),
    TryLater("no answer within 8 s"),
    TryLater("429", limited=True),
    Garbled("no JSON"),
    Gone("404"),
]
DAY = 86_400.0


@pytest.fixture
def keyed(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyed]:
    with keys(monkeypatch, a_key()):
        journey = Keyed(database)
        yield journey
        journey.close()


def test_a_refused_sign_in_is_told_to_ops_once_with_the_command_that_mends_it(keyed: Keyed) -> None:
    key, platform = keyed.key(), Told(sign_in=[NO])
    for _ in range(3):
        assert isinstance(keyed.session_of(key, platform), Denied)
    assert platform.count("sign_in") == 1
    [(status, subject)] = keyed.activities()
    assert status == "planned"
    assert subject == (
        "acme@town.example on mastodon: town.example answered 401. "
        "To mend it: earshot credentials add mastodon acme@town.example"
    )
    [task] = keyed.execute("SELECT activity_type, channel, ticket_id, org_id FROM activities")
    assert tuple(task) == ("task", "other", None, "main")
    assert keyed.execute("SELECT id FROM cases") == []


def test_a_new_secret_closes_what_ops_were_told_and_the_sources_go_on_where_they_stood(keyed: Keyed) -> None:
    key = keyed.key()
    refused, own = keyed.follows(key, "a", "b")
    keyed.refuses(refused)
    keyed.execute("UPDATE sources SET state = 'paused' WHERE id = :id", id=own)
    keyed.session_of(key, Told(sign_in=[NO]))
    assert keyed.key("another") == key
    assert [status for status, _ in keyed.activities()] == ["done"]
    assert keyed.credential().activity_id is None
    [row] = keyed.execute("SELECT state, cursor, due_at <= now() AS due FROM sources WHERE term = 'a'")
    assert tuple(row) == ("active", "here", True)
    assert keyed.value("SELECT state FROM sources WHERE term = 'b'") == "paused"


def test_the_second_refusal_after_a_mended_one_is_told_anew(keyed: Keyed) -> None:
    key = keyed.key()
    keyed.session_of(key, Told(sign_in=[NO]))
    keyed.key("another")
    keyed.session_of(key, Told(sign_in=[Denied("the account was taken down", refreshable=False)]))
    assert [status for status, _ in keyed.activities()] == ["done", "planned"]
    assert "taken down" in keyed.activities()[1][1]


@pytest.mark.parametrize("error", PASSING, ids=lambda error: str(error))
def test_a_passing_failure_is_no_verdict(keyed: Keyed, error: ConnectorError) -> None:
    key = keyed.key()
    refused = keyed.session_of(key, Told(sign_in=[error]))
    assert type(refused) is type(error)
    assert keyed.asks(key, Told(check=[error])).answer == "unanswered"
    assert keyed.asks(key, Told(sign_in=[error])).answer == "unanswered"
    row = keyed.credential()
    assert (row.state, row.refreshing_until, row.activity_id, row.checked_at) == ("ok", None, None, None)
    assert keyed.activities() == []


def test_what_we_do_not_let_out_ourselves_is_no_verdict(keyed: Keyed) -> None:
    async def ask(url: str, token: str | None) -> ConnectorError | None:
        clients = Clients()
        try:
            await Answered(Requests(clients)).get(url, token=token)
        except ConnectorError as error:
            return error
        finally:
            await clients.aclose()
        return None

    for url, token in (
        ("http://127.0.0.1/", None),
        ("https://a.example:8443/", None),
        ("http://a.example/", "t"),
    ):
        assert isinstance(asyncio.run(ask(url, token)), TryLater), url


def test_one_source_that_lacks_a_scope_does_not_take_its_credential_down(keyed: Keyed) -> None:
    key, good = keyed.key(), Held(account_id="77", scopes=frozenset({"read:statuses"}))
    refused, _ = keyed.follows(key, "a", "b")
    keyed.refuses(refused, why="town.example answered 403 to mentions")
    platform = Told(check=[good])
    for _ in range(3):
        keyed.sweeps(platform)
    assert platform.count("check") == 1
    row = keyed.credential()
    assert (row.state, row.scopes, row.me) == ("ok", ["read:statuses"], "77")
    assert sorted(keyed.states()) == ["active", "needs_reauth"]
    [(_, subject)] = keyed.activities()
    assert "credentials add" not in subject, "the source is told, not its credential"


def test_a_revoked_token_is_told_once_and_not_once_a_source(keyed: Keyed) -> None:
    key = keyed.key()
    first, second, third = keyed.follows(key, "a", "b", "c")
    platform = Told(check=[Held(), NO])
    keyed.sweeps(platform)
    keyed.refuses(first)
    keyed.sweeps(platform)
    keyed.refuses(second, third)
    keyed.sweeps(platform)
    assert keyed.credential().state == "needs_reauth"
    assert platform.count("check") == 2
    assert len(keyed.activities()) == 1


def test_where_a_platform_cannot_be_asked_the_last_source_that_is_refused_tells(keyed: Keyed) -> None:
    key = keyed.key()
    first, second = keyed.follows(key, "a", "b")
    keyed.refuses(first)
    keyed.sweeps(Told())
    assert keyed.activities() == []
    keyed.refuses(second, why="town.example answered 401 to hashtag")
    for _ in range(2):
        keyed.sweeps(Told())
    [(_, subject)] = keyed.activities()
    assert "answered 401 to hashtag" in subject
    assert isinstance(keyed.session_of(key, Told()), Denied)


def test_a_new_credential_is_asked_within_a_round_and_then_once_a_day(keyed: Keyed) -> None:
    keyed.key()
    platform = Told(check=[Held(lasts=60 * DAY)])
    for _ in range(2):
        keyed.sweeps(platform)
    assert platform.count("check") == 1
    keyed.execute("UPDATE credentials SET checked_at = now() - interval '25 h'")
    keyed.sweeps(platform)
    assert platform.count("check") == 2
    assert keyed.value("SELECT expires_at - now() > interval '59 days' FROM credentials")


@pytest.mark.parametrize(
    ("lasts", "after"),
    [(None, None), (60 * DAY, 48 * DAY), (3600.0, 2880.0), (1200.0, 600.0), (300.0, 150.0), (0.0, 0.0)],
)
def test_a_session_is_renewed_at_four_fifths_of_its_life_and_ten_minutes_before_its_end(
    lasts: float | None, after: float | None
) -> None:
    assert renewing(lasts) == after


def test_a_life_that_cannot_be_believed_has_no_end() -> None:
    assert [lasting(life) for life in (None, float("nan"), float("inf"), 1e15, -5.0)] == [None] * 4 + [0.0]


def test_a_session_is_renewed_before_it_ends_by_one_of_many(keyed: Keyed) -> None:
    key, fresh = keyed.key(), a_session("a2", lasts=3600.0)
    platform = Told(sign_in=[a_session("a1", lasts=3600.0), fresh])
    keyed.session_of(key, platform)
    keyed.sweeps(platform)
    assert platform.count("sign_in") == 1
    keyed.execute("UPDATE credentials SET renew_at = now()")

    async def all_at_once(sessions: Any) -> None:
        known = {"mastodon": cast("Connector", platform)}
        await asyncio.gather(*(renew(sessions, NOBODY, known) for _ in range(4)))

    keyed.runs(all_at_once)
    assert platform.count("sign_in") == 2
    before = {"id": key, "fence": keyed.credential().fence - 1}
    keyed.runs(lambda sessions: _renewed(before, cast("Connector", platform), sessions, NOBODY))
    assert platform.count("sign_in") == 2
    assert platform.asked["sign_in"][1].refresh == "r1"
    assert keyed.session_of(key, platform) == fresh
    assert keyed.value("SELECT expires_at - renew_at = interval '12 min' FROM credentials")


def test_a_session_whose_time_is_over_is_not_tried_first(keyed: Keyed) -> None:
    key, fresh = keyed.key(), a_session("a2")
    platform = Told(sign_in=[a_session("a1", lasts=3600.0), fresh])
    keyed.session_of(key, platform)
    keyed.execute("UPDATE credentials SET expires_at = now()")
    assert keyed.session_of(key, platform) == fresh


def test_a_session_that_still_opens_the_door_is_used_while_a_person_is_awaited(keyed: Keyed) -> None:
    key = keyed.key()
    platform = Told(sign_in=[a_session(lasts=60 * DAY), NO])
    keyed.session_of(key, platform)
    keyed.execute("UPDATE credentials SET renew_at = now()")
    keyed.sweeps(platform)
    assert keyed.credential().state == "needs_reauth"
    assert len(keyed.activities()) == 1
    assert isinstance(keyed.session_of(key, platform), Session)
    keyed.sweeps(platform)
    assert platform.count("sign_in") == 2


def test_what_ends_within_a_week_and_cannot_be_renewed_is_told_once(keyed: Keyed) -> None:
    keyed.key()
    platform = Told(check=[Held(lasts=8 * DAY), Held(lasts=6 * DAY)])
    keyed.sweeps(platform)
    assert keyed.activities() == []
    for _ in range(2):
        keyed.execute("UPDATE credentials SET checked_at = NULL")
        keyed.sweeps(platform)
    [(status, subject)] = keyed.activities()
    assert status == "planned"
    assert "ends on 20" in subject
    assert "earshot credentials add mastodon acme@town.example" in subject
    assert keyed.credential().state == "ok"
    keyed.execute("UPDATE activities SET status = 'cancelled'")
    keyed.sweeps(platform)
    assert len(keyed.activities()) == 1


def test_a_warning_becomes_the_refusal_and_is_done_when_the_secret_is_new(keyed: Keyed) -> None:
    key, platform = keyed.key(), Told(check=[Held(lasts=DAY), NO])
    for _ in range(2):
        keyed.sweeps(platform)
    assert ["ends on" in subject for _, subject in keyed.activities()] == [True]
    assert keyed.asks(key, platform).answer == "refused"
    [(status, subject)] = keyed.activities()
    assert (status, "answered 401" in subject) == ("planned", True)
    keyed.key("another")
    assert [status for status, _ in keyed.activities()] == ["done"]


def test_a_renewal_that_fails_for_long_is_told_a_week_before_the_end_and_a_short_life_is_not(
    keyed: Keyed,
) -> None:
    key, away = keyed.key(), TryLater("town.example answered 503")
    keyed.session_of(key, Told(sign_in=[a_session(lasts=60 * DAY)]))
    broken = Told(sign_in=[away])
    keyed.execute(
        "UPDATE credentials SET renew_at = now() - interval '2 h', expires_at = now() + interval '6 days'"
    )
    keyed.sweeps(broken)
    assert [status for status, _ in keyed.activities()] == ["planned"]
    assert keyed.credential().state == "ok"
    keyed.sweeps(Told(sign_in=[a_session(lasts=60 * DAY)]))
    assert [status for status, _ in keyed.activities()] == ["done"]
    keyed.execute(
        "UPDATE credentials SET renew_at = now() - interval '2 h', expires_at = now() - interval '1 h'"
    )
    keyed.sweeps(broken)
    assert len(keyed.activities()) == 1


def test_a_credential_that_is_good_again_goes_on_without_a_new_secret(keyed: Keyed) -> None:
    key, platform = keyed.key(), Told(check=[NO, NO, Held(account_id="77")])
    keyed.refuses(*keyed.follows(key, "a"))
    assert keyed.asks(key, platform).answer == "refused"
    assert keyed.asks(key, platform, anyway=False).answer == "refused"
    assert platform.count("check") == 1
    assert keyed.asks(key, platform).answer == "refused"
    assert len(keyed.activities()) == 1
    assert keyed.asks(key, platform).answer == "good"
    assert [status for status, _ in keyed.activities()] == ["done"]
    assert (keyed.credential().state, keyed.states()) == ("ok", ["active"])
    assert keyed.value("SELECT cursor FROM sources") == "here"


def test_a_verdict_on_the_old_secret_is_not_written_to_the_new_one(keyed: Keyed) -> None:
    key = keyed.key("old")

    class Slow(Told):
        async def _check(self, http: Http, watch: Any) -> Held:
            self.asked["check"].append(watch)
            await asyncio.to_thread(keyed.key, "new")
            raise NO

    slow = Slow(check=[])
    assert keyed.asks(key, slow).answer == "refused"
    assert slow.asked["check"][0].token == "old"
    assert keyed.credential().state == "ok"
    assert keyed.activities() == []


def test_a_session_of_the_old_secret_is_not_kept_under_the_new_one(keyed: Keyed) -> None:
    key = keyed.key("old")

    class Slow(Told):
        async def _sign_in(self, http: Http, login: Any) -> Session:
            await asyncio.to_thread(keyed.key, "new")
            return a_session("of the old one")

    assert isinstance(keyed.session_of(key, Slow(sign_in=[])), TryLater)
    assert keyed.credential().session is None


def test_a_visit_under_way_with_the_old_secret_does_not_refuse_the_new_one(keyed: Keyed) -> None:
    key = keyed.key("old")
    waits, rests = keyed.follows(key, "under way", "at rest")
    keyed.execute("UPDATE sources SET lease_until = now() + interval '40 s' WHERE id = :id", id=waits)
    keyed.key("new")
    fences = dict(keyed.execute("SELECT term, fence FROM sources"))
    assert fences == {"under way": 1, "at rest": 0}
    assert keyed.value("SELECT lease_until < now() FROM sources WHERE id = :id", id=waits)
    assert keyed.value("SELECT lease_until FROM sources WHERE id = :id", id=rests) is None


def test_what_was_off_for_want_of_a_credential_goes_on_with_the_first_one(keyed: Keyed) -> None:
    keyed.follows(None, "wanting", state="off", cursor="here")
    keyed.follows(None, "elsewhere", state="off", host="https://other.example")
    keyed.follows(None, "paused", state="paused")
    keyed.execute("UPDATE sources SET kind = 'thread' WHERE term = 'elsewhere'")
    key = keyed.key()
    found = {
        row.term: tuple(row)[1:]
        for row in keyed.execute("SELECT term, state, credential_id, cursor FROM sources")
    }
    assert found == {
        "wanting": ("active", key, "here"),
        "elsewhere": ("off", None, None),
        "paused": ("paused", None, None),
    }


def test_without_its_key_a_credential_waits_and_is_not_refused(
    keyed: Keyed, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = keyed.key()
    for held in ((a_key("another"),), ("",), ("no key",)):
        with keys(monkeypatch, *held):
            for platform in (Told(), Told(check=[Held()]), Told(sign_in=[a_session()])):
                found = keyed.session_of(key, platform)
                assert isinstance(found, Locked)
                assert found.after == 60.0
                assert keyed.asks(key, platform).answer == "locked"
    assert keyed.credential().state == "ok"
    assert keyed.session_of(key, Told()).access == "token"


def test_a_session_that_does_not_open_is_made_anew_with_the_secret(
    keyed: Keyed, monkeypatch: pytest.MonkeyPatch
) -> None:
    with keys(monkeypatch, a_key("z"), a_key()):
        key = keyed.key()
        keyed.session_of(key, Told(sign_in=[a_session("a1")]))
    with keys(monkeypatch, a_key()):
        keyed.key("secret")
        with keys(monkeypatch, a_key("z"), a_key()):
            keyed.session_of(key, Told(sign_in=[a_session("a1")]))
    platform = Told(sign_in=[a_session("a2")])
    assert keyed.session_of(key, platform).access == "a2"
    assert platform.asked["sign_in"][0].refresh is None


def test_a_refused_session_is_no_refused_credential_while_another_one_is_given(keyed: Keyed) -> None:
    key = keyed.key()
    platform = Told(sign_in=[a_session("a1"), a_session("a2")], check=[NO, Held(account_id="77")])
    keyed.session_of(key, platform)
    assert keyed.asks(key, platform).answer == "good"
    assert platform.count("sign_in") == 2
    assert keyed.credential().checked_at is not None
    assert keyed.activities() == []


def test_a_sign_in_that_nobody_owns_makes_nobody_ours(keyed: Keyed) -> None:
    key = keyed.key()
    before = keyed.value("SELECT count(*) FROM identities")
    keyed.session_of(key, Told(sign_in=[a_session(account_id="")]))
    assert keyed.credential().me is None
    assert keyed.value("SELECT count(*) FROM identities") == before


def test_a_watch_of_a_session_that_nobody_owns_is_nobodys(keyed: Keyed) -> None:
    assert whose(a_session()) == "77"
    assert whose(a_session(account_id="")) is None
    assert whose(None) is None
    key = keyed.key()
    told = Told(sign_in=[a_session(account_id="")], check=[Held()])
    keyed.asks(key, told)
    assert [watch.me for watch in told.asked["check"]] == [None]
    assert keyed.execute("SELECT FROM identities WHERE stable_id = ''") == []


def test_a_broad_scope_covers_the_narrow_ones() -> None:
    platform = cast("Connector", Told())
    assert lacking(platform, "mentions", {"write"}) == ["read:notifications"]
    for held in ({"read"}, {"read:notifications"}, {"*"}, None):
        assert lacking(platform, "mentions", held) == []
    assert lacking(platform, "hashtag", set()) == []


def test_a_defect_in_one_connector_does_not_keep_the_others_from_being_renewed(keyed: Keyed) -> None:
    class Broken(Told):
        async def _sign_in(self, http: Http, login: Any) -> Session:
            if login.identifier.startswith("acme"):
                raise KeyError("a defect")
            return a_session("fresh", lasts=3600.0)

    keyed.key()
    other = keyed.key(account="other@town.example")
    keyed.execute("UPDATE credentials SET renew_at = now()")
    broken = Broken(sign_in=[])
    keyed.sweeps(broken)
    assert keyed.session_of(other, broken).access == "fresh"


def test_a_stored_session_and_a_sign_in_fit_together(keyed: Keyed) -> None:
    """`sign_in` is what both a visit and the sweep call; whatever it stores opens again."""
    key, made = keyed.key(), a_session("a1", lasts=100.0)

    async def go(sessions: Any) -> Any:
        from workers.credentials import read

        platform = cast("Connector", Told(sign_in=[made]))
        await sign_in(await read(key, sessions), None, platform, sessions, NOBODY)
        return stored_session(await read(key, sessions))

    assert keyed.runs(go) == made
