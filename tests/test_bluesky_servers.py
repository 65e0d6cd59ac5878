"""The journey against real Bluesky servers: what people write there by API becomes events, matches and cases.

`make test-bluesky`; see tests/bluesky_servers.py for what it takes. Surprising: these servers search for a
substring as it is spelt and ignore `since`, `until` and `sort`, so nothing here rests on them.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import msgspec
import pytest

from tests.bluesky_servers import CannotRun, World, Written, world
from tests.journey import FURIOUS
from tests.listening import Listening, expired
from tests.up import up
from tests.waiting import eventually, throughout
from workers import credentials
from workers._settings import running_instance, settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

KEY = base64.urlsafe_b64encode(b"a key for this test, of 32 bytes").decode()
LOGINS, WINDOW = 30, 300.0
"""How often one may sign in to an account within so many seconds."""


@pytest.fixture(scope="module")
def bluesky(shared_folder: Path) -> Iterator[World]:
    try:
        with world(shared_folder / "bluesky") as running:
            yield running
    except CannotRun as why:
        pytest.skip(f"no real Bluesky servers here: {why}")


class Spent:
    """An account with which nobody can sign in for a while, because it was done too often."""

    def __init__(self, bluesky: World) -> None:
        self._bluesky = bluesky
        self.person = bluesky.person("brandling")
        self.spend()

    def spend(self) -> None:
        """Sign in until the server refuses."""
        self._since = monotonic()
        while self._bluesky.log_in(self.person.handle, self.person.password).status_code != 429:
            pass

    @property
    def left(self) -> float:
        """Seconds until it opens again."""
        return WINDOW - (monotonic() - self._since)


@pytest.fixture(scope="module")
def spent(bluesky: World) -> Spent:
    return Spent(bluesky)


@pytest.fixture(autouse=True)
def _its_time_passes_while_other_tests_run(spent: Spent) -> None:
    return None


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An encryption key for this process and those that it starts."""
    caches = (settings.cache_clear, credentials._fernet.cache_clear)
    monkeypatch.setenv("EARSHOT_ENCRYPTION_KEY", KEY)
    for clear in caches:
        clear()
    yield
    for clear in caches:
        clear()


@pytest.fixture
def listening(key: None, database: str, broker: str, bluesky: World) -> Iterator[Listening]:
    listening = Listening(database, broker, bluesky)
    yield listening
    listening.close()


def test_what_is_written_there_becomes_events_matches_and_cases(listening: Listening, bluesky: World) -> None:
    us, ann, ben, cleo = (bluesky.person(name) for name in ("tarnbeck", "ann", "ben", "cleo"))
    dora, emil = bluesky.person("dora"), bluesky.person("emil")
    contact = listening.contact(ann.handle, "bluesky")
    account = listening.account("Fjordhus", "https://fjordhus.example")
    listening.alias("domain", "fjordhus.example", "account", account_id=account)
    listening.alias("name", "Tarnbeck", "ourselves")
    campaign = listening.value("INSERT INTO campaigns (org_id, name) VALUES ('main', 'Spring') RETURNING id")
    listening.alias("hashtag", "tarnbeckspring", "campaign", campaign_id=campaign)
    before = ben.says("Tarnbeck is awful, I hate them so much.")
    bluesky.indexed(before)

    key = listening.key(us)
    listening.follows("search", "Tarnbeck", key)
    listening.follows("mentions", "@me", key)
    listening.visits()
    assert listening.heard() == {before.uri}
    assert listening.event(before.uri).held_back == "before the start mark"

    complaint = ann.says(f"@{us.handle} 🤬 {FURIOUS}")
    sorry = us.says(f"So sorry, @{ann.handle}! Tarnbeck will write to you.", answers=complaint)
    bluesky.indexed(complaint, sorry)  # an answer to what the AppView does not know yet notifies nobody
    second = ben.says("I hate this too. Terrible, awful, horrible app.", answers=sorry)
    linked = cleo.says("Tarnbeck opens beside them 🏪🍕 on Monday: https://fjordhus.example/map?x=1")
    tagged = cleo.says("Somebody at the station wears a #TarnbeckSpring coat")
    quoted = dora.says("Tarnbeck is awful, horrible, I hate them.", quotes=complaint)
    german = emil.says("Tarnbeck antwortet seit drei Wochen nicht, furchtbar.", lang="de")
    written = [before, complaint, sorry, second, linked, tagged, quoted, german]
    listening.hears(*written)
    assert listening.heard() == {one.uri for one in written}

    seen = {one.uri: listening.event(one.uri) for one in written}
    assert (seen[complaint.uri].contact_id, seen[complaint.uri].addressed) == (contact, True)
    assert seen[complaint.uri].text.startswith(f"@{us.handle} 🤬 ")
    assert (seen[sorry.uri].direction, seen[sorry.uri].voice) == ("outbound", "own")
    assert seen[sorry.uri].case_id == seen[complaint.uri].case_id
    assert (seen[second.uri].verb, seen[second.uri].reply_to) == ("comment", sorry.uri)
    assert seen[second.uri].addressed
    assert seen[second.uri].thread == complaint.uri
    assert (seen[linked.uri].account_id, seen[tagged.uri].campaign_id) == (account, campaign)
    assert (seen[quoted.uri].verb, seen[quoted.uri].addressed) == ("quote", False)
    assert (seen[german.uri].lang, seen[german.uri].sentiment) == ("de", None)
    assert {seen[one.uri].case_id for one in (before, linked, tagged, german)} == {None}
    assert sorted((case.level, case.ticket, case.activity) for case in listening.cases()) == [
        ("activity", False, True),
        ("ticket", True, False),
        ("ticket", True, False),
    ]
    assert {seen[one.uri].case_role for one in (complaint, second, quoted)} == {"opened"}

    worse = dora.says(f"@{us.handle} {FURIOUS}")
    listening.hears(worse)
    assert listening.event(worse.uri).case_id == seen[quoted.uri].case_id
    assert listening.event(worse.uri).case_role == "raised"
    assert listening.value("SELECT count(*) FROM tickets") == 3
    assert listening.value("SELECT count(*) FROM activities WHERE ticket_id IS NOT NULL") == 1

    stand = listening.cases()
    for _ in range(2):
        listening.visits()
    listening.execute("UPDATE sources SET cursor = NULL")
    listening.visits()
    assert listening.heard() == {one.uri for one in (*written, worse)}
    assert listening.cases() == stand
    listening.adds_up()


def test_a_walk_of_several_pages_brings_each_post_once_and_what_is_young_is_read_again(
    listening: Listening, bluesky: World
) -> None:
    us, writer = bluesky.person("volant"), bluesky.person("writer")
    listening.follows("search", "Volantia", listening.key(us))
    old = writer.says("Volantia, the first word")
    bluesky.indexed(old)
    assert listening.visits() == {("createSession", 200): 1, ("search", 200): 1}
    many = [writer.says(f"Volantia comes by at number {number}") for number in range(230)]
    bluesky.indexed(*many)
    assert listening.visits() == {("search", 200): 3}
    assert listening.heard() == {one.uri for one in (old, *many)}
    # what is younger than the overlap is looked through again, for whatever an index showed late
    assert listening.visits() == {("search", 200): 3}
    last = writer.says("Volantia, the last word")
    bluesky.indexed(last)
    assert listening.visits() == {("search", 200): 3}
    assert len(listening.heard()) == 232
    listening.execute("UPDATE sources SET page_size = 7")
    late = [writer.says(f"Volantia says goodbye at number {number}") for number in range(20)]
    bluesky.indexed(*late)
    assert listening.visits()["search", 200] >= 4
    assert len(listening.heard()) == 252
    listening.adds_up()
    assert listening.ledger()["new"] == 252


def test_a_thread_is_read_without_an_account_until_its_first_post_is_taken_back(
    listening: Listening, bluesky: World
) -> None:
    host, guest = bluesky.person("host"), bluesky.person("guest")
    top = host.says("A question to all of you.")
    answers = [guest.says("An answer.", answers=top)]
    for number in range(12):
        answers.append((host, guest)[number % 2].says(f"And again, {number}.", answers=answers[-1]))
    bluesky.indexed(top, *answers)
    listening.follows("thread", top.uri, None, bluesky.network.appview)
    assert listening.visits() == {("thread", 200): 1}
    assert listening.heard() == {one.uri for one in (top, *answers)}
    deepest = listening.event(answers[-1].uri)
    assert (deepest.reply_to, deepest.thread) == (answers[-2].uri, top.uri)

    host.takes_back(top)
    eventually(lambda: listening.visits() and listening.states() == {"off"}, 20, of="the end of the thread")
    assert "NotFound" in listening.value("SELECT last_error FROM sources")
    assert len(listening.heard()) == 14
    listening.adds_up()


def test_an_expired_session_is_refreshed_once_for_all_sources(listening: Listening, bluesky: World) -> None:
    us, fan = bluesky.person("quillon"), bluesky.person("fan")
    key = listening.key(us)
    for term in ("Quillon", "quillon", "QUILLON"):
        listening.follows("search", term, key)
    listening.follows("mentions", "@me", key)
    eventually(lambda: listening.visits() and all(_heard_from(listening)), 20, of="a first visit to each")
    assert Counter(listening.answers)["createSession", 200] == 1
    stale = listening.session_of(key)
    listening.puts_session(key, msgspec.structs.replace(stale, access=expired(stale.access)))
    post = fan.says("Quillon, quillon, QUILLON!")
    bluesky.indexed(post)

    first = listening.visits()
    assert (first["search", 400], first["mentions", 400]) == (3, 1)
    assert first["refreshSession", 200] == 1
    listening.hears(post)
    everything = Counter(listening.answers)
    assert (everything["createSession", 200], everything["refreshSession", 200]) == (1, 1)
    assert listening.session_of(key).refresh != stale.refresh
    assert listening.states() == {"active"}
    assert listening.value("SELECT sum(failures) FROM sources") == 0


def _heard_from(listening: Listening) -> list[bool]:
    return [row[0] for row in listening.execute("SELECT last_success_at IS NOT NULL FROM sources")]


def test_when_the_refresh_token_is_revoked_too_the_password_opens_a_new_session(
    listening: Listening, bluesky: World
) -> None:
    us, fan = bluesky.person("rookery"), bluesky.person("fan")
    key = listening.key(us)
    listening.follows("search", "Rookery", key)
    listening.visits()
    stale = listening.session_of(key)
    assert stale.refresh
    bluesky.call("com.atproto.server.deleteSession", token=stale.refresh).raise_for_status()
    listening.puts_session(key, msgspec.structs.replace(stale, access="of another server"))
    post = fan.says("Rookery again")
    bluesky.indexed(post)
    assert listening.visits() == {
        ("search", 400): 1,
        ("refreshSession", 400): 1,
        ("createSession", 200): 1,
        ("search", 200): 1,
    }
    assert listening.heard() == {post.uri}
    assert listening.states() == {"active"}


def test_a_wrong_password_is_tried_once_and_then_a_person_is_awaited(
    listening: Listening, bluesky: World
) -> None:
    us, fan = bluesky.person("sandrock"), bluesky.person("fan")
    key = listening.key(us, "not this one")
    for term in ("Sandrock", "sandrock", "SANDROCK"):
        listening.follows("search", term, key)
    eventually(lambda: listening.visits() is not None and listening.states() == {"needs_reauth"}, 20)
    for _ in range(5):
        listening.visits()
    assert Counter(listening.answers) == {("createSession", 401): 1}
    assert listening.value("SELECT state FROM credentials") == "needs_reauth"
    said = listening.value("SELECT last_error FROM credentials")
    assert "AuthenticationRequired" in said
    assert "not this one" not in said

    post = fan.says("Sandrock and sandrock and SANDROCK")
    bluesky.indexed(post)
    assert listening.key(us) == key
    listening.hears(post)
    assert listening.states() == {"active"}
    assert Counter(listening.answers)["createSession", 200] == 1


def test_an_account_that_was_taken_down_waits_for_a_person_and_comes_back(
    listening: Listening, bluesky: World
) -> None:
    us, fan = bluesky.person("tollgate"), bluesky.person("fan")
    key = listening.key(us)
    listening.follows("search", "Tollgate", key)
    listening.visits()
    bluesky.takes_down(us)
    stale = listening.session_of(key)
    listening.puts_session(key, msgspec.structs.replace(stale, access=expired(stale.access)))
    post = fan.says("Tollgate is closed")
    bluesky.indexed(post)
    assert listening.visits() == {
        ("search", 400): 1,
        ("refreshSession", 401): 1,
        ("createSession", 401): 1,
    }
    assert listening.states() == {"needs_reauth"}
    assert "AccountTakedown" in listening.value("SELECT last_error FROM sources")
    assert listening.visits() == {}

    bluesky.takes_down(us, applied=False)
    listening.key(us)
    listening.hears(post)
    assert listening.states() == {"active"}


def test_a_session_goes_on_while_nobody_can_sign_in_any_more(listening: Listening, bluesky: World) -> None:
    us, fan = bluesky.person("umber"), bluesky.person("fan")
    key = listening.key(us)
    source = listening.follows("search", "Umbermoor", key)
    listening.visits()
    for _ in range(LOGINS - 1):
        bluesky.log_in(us.handle, us.password).raise_for_status()
    refused = bluesky.log_in(us.handle, us.password)
    assert refused.status_code == 429
    stale = listening.session_of(key)
    listening.puts_session(key, msgspec.structs.replace(stale, access=expired(stale.access)))
    post = fan.says("Umbermoor by the sea")
    bluesky.indexed(post)
    assert listening.visits()["refreshSession", 200] == 1
    assert listening.heard() == {post.uri}

    listening.execute("UPDATE credentials SET session = NULL")
    assert listening.visits() == {("createSession", 429): 1}
    waits = "SELECT extract(epoch FROM due_at - now()) FROM sources WHERE id = :s"
    asked_to_wait = float(refused.headers["retry-after"])
    assert asked_to_wait - 30 < listening.value(waits, s=source) < asked_to_wait * 1.1 + 5
    assert "429" in listening.value("SELECT last_error FROM sources")
    assert listening.states() == {"active"}
    assert listening.value("SELECT state FROM credentials") == "ok"
    assert listening.value("SELECT failures FROM sources") == 0
    assert listening.visits(due=False) == {}
    assert listening.visits() == {}, "who looks too early is held by the budget, without a request"
    assert listening.states() == {"active"}


def _earshot(home: Path, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "console", *arguments],
        env={**os.environ, "EARSHOT_HOME": str(home), **environment},
        cwd=Path(__file__).parent.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.mark.fleet
def test_a_fleet_waits_out_the_rate_limit_and_then_lives_through_the_end_of_its_sessions(
    key: None, home: Path, bluesky: World, spent: Spent
) -> None:
    us, ann, ben = spent.person, bluesky.person("ann"), bluesky.person("ben")
    if spent.left < 60:
        spent.spend()
    pds = bluesky.network.pds
    often = {"EARSHOT_POLL_EVERY": "1", "EARSHOT_FETCH_PROCESSES": "2"}
    trusted = ",".join(bluesky.network.trusted)
    with ExitStack() as leaving:
        running = leaving.enter_context(up(home, EARSHOT_TRUSTED_HOSTS=trusted, **often))
        running.says("up ", within=60)
        _earshot(
            *(home, "credentials", "add", "bluesky", us.handle, "--host", pds, "--from-env", "PASSWORD"),
            PASSWORD=us.password,
        )
        for kind, *term in (("search", "Brandling"), ("search", "brandling"), ("mentions",)):
            _earshot(home, "sources", "add", "bluesky", kind, *term, "--every", "2")
        fleet = Listening(running_instance(home)["database_url"], "", bluesky)
        leaving.callback(fleet.close)
        credential = fleet.value("SELECT id FROM credentials")
        waiting = "SELECT last_error, state, failures, due_at > now() + interval '8 s' AS later FROM sources"

        def all_wait() -> bool:
            rows = fleet.execute(waiting)
            return all(row.later and row.state == "active" and row.failures == 0 for row in rows)

        eventually(all_wait, 40, every=0.5, of="the refusal of the login")
        assert any("429" in row.last_error for row in fleet.execute(waiting))
        complaint = ann.says(f"@{us.handle} {FURIOUS}")
        talk = ben.says("Brandling is in the news, brandling everywhere 📰")
        throughout(lambda: fleet.heard() == set(), 2, of="silence")

        def heard(*written: Written) -> bool:
            return {one.uri for one in written} <= fleet.heard()

        within = spent.left * 1.15 + 60
        eventually(lambda: heard(complaint, talk), within, every=0.5, of="what was written meanwhile")
        assert [(case.level, case.ticket) for case in fleet.cases()] == [("ticket", True)]
        opened = fleet.value("SELECT fence FROM credentials")

        fresh = fleet.session_of(credential)
        fleet.puts_session(credential, msgspec.structs.replace(fresh, access=expired(fresh.access)))
        again = ben.says("Brandling again, brandling twice")
        eventually(lambda: heard(again), 30, of="a post after the access token expired")
        eventually(lambda: fleet.value("SELECT fence FROM credentials") == opened + 1, 10)
        refreshed = fleet.session_of(credential)
        assert refreshed.refresh != fresh.refresh

        assert refreshed.refresh
        bluesky.call("com.atproto.server.deleteSession", token=refreshed.refresh).raise_for_status()
        fleet.puts_session(credential, msgspec.structs.replace(refreshed, access="of another server"))
        last = ben.says("Brandling at last, brandling for good")
        eventually(lambda: heard(last), 30, of="a post after the refresh token was revoked")
        throughout(lambda: fleet.value("SELECT fence FROM credentials") == opened + 2, 5, of="one login")

        cases = json.loads(_earshot(home, "cases", "--json"))
        assert [(case["level"], case["rule"]) for case in cases] == [("ticket", "A complaint to us")]
        assert fleet.states() == {"active"}
        fleet.execute("UPDATE sources SET state = 'paused'")
        under_way = "SELECT count(*) FROM sources WHERE lease_until IS NOT NULL"
        eventually(lambda: fleet.value(under_way) == fleet.ledger()["waiting"] == 0, 20, of="rest")
        assert fleet.heard() == {one.uri for one in (complaint, talk, again, last)}
        fleet.adds_up()
