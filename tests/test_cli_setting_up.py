"""What is ours, what is followed, with which keys; what is refused, and what the doctor finds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from connectors import connectors
from tests.command_line import KEY, NO_BROKER, ROOT, Earshot, earshot, hear, rows
from tests.conftest import Servers


@pytest.fixture
def cli(database: str, owner_database: str, home: Path) -> Earshot:
    return earshot(home, database_url=database, migrations_url=owner_database, encryption_key=KEY)


@pytest.fixture(scope="module")
def shared(servers: Servers) -> Iterator[tuple[str, str]]:
    """A database for all that writes nothing."""
    with servers.new_database() as urls:
        yield urls


@pytest.fixture
def refusing(shared: tuple[str, str], home: Path) -> Earshot:
    return earshot(home, database_url=shared[0], migrations_url=shared[1], encryption_key=KEY)


def finding(cli: Earshot, name: str, **more: str) -> dict[str, str]:
    found = cli("doctor", "--json", **more)
    assert "Traceback" not in found.err
    return next(one for one in found.json if one["name"] == name)


def test_help_answers_at_once_and_imports_no_database(home: Path) -> None:
    wanted = "import sys; sys.argv = ['earshot', '--help']\ntry:\n import console.cli; console.cli.main()\nexcept SystemExit: pass\n"
    heavy = (
        "print(sorted({'sqlalchemy', 'celery', 'psycopg', 'httpx', 'redis', 'alembic'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", wanted + heavy],
        capture_output=True,
        text=True,
        check=True,
        env=earshot(home).env,
    )
    assert done.stdout.splitlines()[-1] == "[]"
    for command in ("demo", "up", "migrate", "doctor", "status", "quarantine", "sources", "cases", "explain"):
        assert command in done.stdout


def test_python_m_console_is_the_same_command(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "console", "cases"],
        capture_output=True,
        text=True,
        env=earshot(home).env,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("earshot: EARSHOT_DATABASE_URL: not set, and no instance runs on")
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"EARSHOT_DATABASE_URL": "mysql://x"}, "EARSHOT_DATABASE_URL: expected postgresql://"),
        ({"EARSHOT_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}, "The database does not answer"),
        ({"EARSHOT_LEASE": "soon"}, "EARSHOT_LEASE: "),
        ({"EARSHOT_LEASE": "1"}, "EARSHOT_HARD_LIMIT must be shorter than EARSHOT_LEASE"),
    ],
)
def test_a_bad_setting_is_a_sentence(refusing: Earshot, settings: dict[str, str], sentence: str) -> None:
    said = refusing.refused("cases", **settings)
    assert all(part in said for part in sentence.split(" must be shorter than "))
    assert "\n" not in said


def test_a_database_that_was_never_migrated_is_told_with_the_remedy(servers: Servers, home: Path) -> None:
    with servers.new_database(migrated=False) as (fleet, owner):
        cli = earshot(home, database_url=fleet, migrations_url=owner)
        assert "earshot migrate" in cli.refused("cases")
        found = finding(cli, "tables")
        assert found["state"] == "wrong"
        assert found["remedy"] == "earshot migrate"
        assert "brought to revision" in cli.done("migrate").out
        assert "up to date" in cli.done("migrate").out
        assert cli.done("cases", "--json").json == []
        assert finding(cli, "role")["state"] == "ok"


def test_usage_errors_exit_with_2(refusing: Earshot) -> None:
    refusing.refused("casess", code=2)
    refusing.refused("mentions", "--limit", "many", code=2)
    refusing.refused("cases", "--open", "--all", code=2)
    refusing.refused("mentions", "-n", "99999999999999999999", code=2)
    refusing.refused("cases", "--limit", "99999999999999999999", code=2)
    refusing.refused("quarantine", "list", "--limit", "99999999999999999999", code=2)
    refusing.refused("quarantine", "replay", code=2)
    refusing.refused("own", "add", code=2)
    refusing.refused("sources", "add", "mastodon", "hashtag", "acme", "--escalate-from", "yesterday", code=2)


def test_what_is_ours_is_kept_once_and_folded(cli: Earshot, database: str) -> None:
    cli.done("own", "add", "mastodon", "@Acme@Town.example")
    again = cli.done(
        "own",
        "add",
        "mastodon",
        "acme@town.example",
        "--hashtag",
        "#AcmeCoffee",
        "--domain",
        "https://www.acme.com/x",
    )
    assert "is ours already" in again.out
    listed = {(row["kind"], row["value"]) for row in cli.done("own", "list", "--json").json}
    assert listed == {("handle", "acme@town.example"), ("hashtag", "acmecoffee"), ("domain", "acme.com")}
    assert "names its server" in cli.refused("own", "add", "mastodon", "acme", code=2)
    assert "There is no platform 'myspace'" in cli.refused("own", "add", "myspace", "acme", code=2)
    assert "too short" in cli.refused("own", "add", "--name", "x", code=2)
    assert "ordinary English word" in cli.refused("own", "add", "--name", "target", code=2)
    rows(database, "INSERT INTO accounts (name) VALUES ('Acme coffee'), ('Another')")
    doubted = cli.done("own", "add", "--name", "Acme Coffee", "--name", "Northwind")
    assert "The account Acme coffee is called like ourselves" in doubted.err
    assert "Another" not in doubted.err


def test_a_credential_is_encrypted_and_never_shown(cli: Earshot, database: str) -> None:
    cli.done("credentials", "add", "mastodon", "acme@town.example", stdin="s3cret-token\n")
    (row,) = rows(database, "SELECT host, identifier, secret FROM credentials")
    assert (row.host, row.identifier) == ("https://town.example", "acme@town.example")
    assert b"s3cret" not in bytes(row.secret)
    shown = cli.done("credentials", "list").out + cli.done("credentials", "list", "--json").out
    assert "s3cret" not in shown
    assert ("handle", "acme@town.example") in {
        (row["kind"], row["value"]) for row in cli.done("own", "list", "--json").json
    }
    assert finding(cli, "encryption key")["state"] == "ok"
    other = urlsafe_b64encode(b"x" * 32).decode()
    assert finding(cli, "encryption key", EARSHOT_ENCRYPTION_KEY=other)["state"] == "wrong"


def test_a_secret_comes_from_a_variable_too_and_never_from_an_argument(cli: Earshot, database: str) -> None:
    cli.done(
        "credentials", "add", "bluesky", "acme.bsky.social", "--from-env", "BLUESKY", BLUESKY="pass-word"
    )
    assert rows(database, "SELECT host FROM credentials")[0].host == "https://bsky.social"
    assert "no variable MISSING" in cli.refused(
        "credentials", "add", "bluesky", "a.example", "--from-env", "MISSING", code=2
    )
    assert "The secret is empty" in cli.refused("credentials", "add", "bluesky", "a.example", code=2)
    cli.refused("credentials", "add", "bluesky", "a.example", "pass-word", code=2)
    assert "needs no credential" in cli.refused("credentials", "add", "feeds", "a.example", stdin="x", code=2)
    assert "On which server" in cli.refused("credentials", "add", "mastodon", "acme", code=2)
    assert "is no account; write it like acme@mastodon.social" in cli.refused(
        "credentials", "add", "mastodon", "https://mastodon.social", code=2
    )


def test_without_an_encryption_key_no_credential_is_kept(cli: Earshot, database: str) -> None:
    said = cli("credentials", "add", "bluesky", "a.example", stdin="x", EARSHOT_ENCRYPTION_KEY="")
    assert said.code == 1
    assert "EARSHOT_ENCRYPTION_KEY: not set" in said.err
    assert rows(database, "SELECT id FROM credentials") == []


def test_a_new_secret_wakes_the_sources_that_waited_for_it(cli: Earshot, database: str) -> None:
    cli.done("credentials", "add", "bluesky", "acme.bsky.social", stdin="old")
    cli.done("sources", "add", "bluesky", "search", "acme coffee")
    rows(database, "UPDATE sources SET state = 'needs_reauth', cursor = 'here', last_error = 'refused'")
    rows(database, "UPDATE credentials SET state = 'needs_reauth'")
    assert finding(cli, "credential")["remedy"] == "earshot credentials add bluesky acme.bsky.social"
    rows(database, "UPDATE credentials SET host = 'https://pds.example'")
    assert finding(cli, "credential")["remedy"].endswith(" acme.bsky.social --host https://pds.example")
    rows(database, "UPDATE credentials SET host = 'https://bsky.social'")
    assert "go on now: 1" in cli.done("credentials", "add", "bluesky", "acme.bsky.social", stdin="new").out
    (row,) = rows(database, "SELECT state, cursor, due_at <= now() AS due FROM sources")
    assert tuple(row) == ("active", "here", True)


def test_a_source_starts_now_and_is_added_once(cli: Earshot, database: str) -> None:
    words = ("sources", "add", "mastodon", "hashtag", "#AcmeCoffee", "--host", "Mastodon.Social/")
    cli.done(*words, "--exclude", "giveaway", "--exclude", "win a")
    assert "followed already" in cli.done(*words).out
    (row,) = rows(
        database,
        "SELECT term, host, exclude, every, now() - escalate_from < interval '1 minute' AS from_now FROM sources",
    )
    assert tuple(row) == ("AcmeCoffee", "https://mastodon.social", ["giveaway", "win a"], 60.0, True)
    cli.done(
        "sources",
        "add",
        "feeds",
        "feed",
        "https://blog.example.com/feed",
        "--escalate-from",
        "2026-01-02T03:04+01:00",
    )
    (feed,) = rows(database, "SELECT escalate_from FROM sources WHERE platform = 'feeds'")
    assert feed.escalate_from.isoformat() == "2026-01-02T02:04:00+00:00"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("myspace", "hashtag", "acme"),
            f"no platform 'myspace'; Earshot follows {', '.join(sorted(connectors()))}",
        ),
        (("mastodon", "list", "acme"), "nothing called 'list' to follow; it has: hashtag"),
        (("mastodon", "hashtag", "acme"), "On which server? Say it with --host"),
        (("mastodon", "hashtag", "a", "--host", "x.example"), "says next to nothing"),
        (("mastodon", "hashtag", "two words", "--host", "x.example"), "is no hashtag"),
        (("mastodon", "hashtag", "--host", "x.example"), "What is followed is missing"),
        (("mastodon", "hashtag", "acme", "--host", "not a server"), "is no server"),
        (
            ("mastodon", "mentions", "--host", "x.example"),
            "takes a credential: earshot credentials add mastodon",
        ),
        (("bluesky", "search", "acme"), "takes a credential"),
        (("feeds", "feed", "blog.example.com"), "is no address of a feed"),
        (
            ("bluesky", "thread", "acme"),
            "'acme' cannot be followed: a thread is named by its post's at:// uri",
        ),
        (("bluesky", "thread", "at://did:plc:x"), "cannot be followed"),
        (("bluesky", "thread", "https://bsky.app/profile/acme.example"), "cannot be followed"),
        (("feeds", "feed", "http://10.0.0.1/f"), "name 10.0.0.1:80 in EARSHOT_TRUSTED_HOSTS"),
        (("feeds", "feed", "http://[::1]/f"), "::1 is not public"),
        (("feeds", "feed", "https://b.example:8443/f"), "Port 8443 of b.example is refused"),
        (("feeds", "feed", "https://me:pass@b.example/f"), "must not carry a user name"),
        (("mastodon", "hashtag", "acme", "--host", "http://127.0.0.1"), "127.0.0.1 is not public"),
        (("feeds", "feed", "https://b.example/f", "--every", "0.2"), "every 1 s at most"),
        (("feeds", "feed", "https://b.example/f", "--owner", "sam@x.example"), "No user of main"),
        (("feeds", "feed", "https://b.example/f", "--exclude", "a"), "two characters"),
    ],
)
def test_a_source_that_cannot_work_is_refused(
    refusing: Earshot, shared: tuple[str, str], words: tuple[str, ...], sentence: str
) -> None:
    there = ("takes a credential", "EARSHOT_TRUSTED_HOSTS", "is not public", "Port 8443", "No user of main")
    code = 1 if any(one in sentence for one in there) else 2  # what depends on what there is
    assert sentence in refusing.refused("sources", "add", *words, code=code)
    assert rows(shared[0], "SELECT id FROM sources") == []


def test_a_private_server_can_be_followed_once_it_is_trusted(cli: Earshot) -> None:
    words = ("sources", "add", "mastodon", "hashtag", "acme", "--host", "http://10.0.0.1:3000")
    assert "EARSHOT_TRUSTED_HOSTS" in cli.refused(*words)
    cli.done(*words, EARSHOT_TRUSTED_HOSTS="10.0.0.1:3000")


def test_mentions_take_no_term(cli: Earshot) -> None:
    cli.done("credentials", "add", "mastodon", "acme@town.example", stdin="x")
    assert "leave 'foo' out" in cli.refused("sources", "add", "mastodon", "mentions", "foo", code=2)
    cli.done("sources", "add", "mastodon", "mentions")


def test_a_thread_on_bluesky_is_named_by_uri_or_address(cli: Earshot) -> None:
    for term in (
        "at://did:plc:x/app.bsky.feed.post/3k",
        "https://bsky.app/profile/acme.example/post/3k?ref=x",
    ):
        cli.done("sources", "add", "bluesky", "thread", term)


def test_a_search_for_words_that_everybody_uses_is_refused(cli: Earshot) -> None:
    cli.done("credentials", "add", "bluesky", "acme.bsky.social", stdin="x")
    for term in ("the", "a b", "you and me", "!!"):
        assert "says next to nothing" in cli.refused("sources", "add", "bluesky", "search", term, code=2)
    cli.done("sources", "add", "bluesky", "search", "the acme")


def test_pausing_and_resuming_keeps_the_place(cli: Earshot, database: str) -> None:
    cli.done("sources", "add", "feeds", "feed", "https://b.example/f")
    rows(database, "UPDATE sources SET cursor = 'here'")
    (row,) = cli.done("sources", "list", "--json").json
    cli.done("sources", "pause", row["id"][-8:])
    assert cli.done("sources", "list", "--json").json[0]["state"] == "paused"
    cli.done("sources", "resume", "https://b.example/f")
    (after,) = rows(database, "SELECT state, cursor FROM sources")
    assert tuple(after) == ("active", "here")
    assert "No source of main is called 'nope'" in cli.refused("sources", "pause", "nope")


FEED = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "A blog",
    "items": [
        {
            "id": "1",
            "url": "https://b.example/1",
            "content_text": "Acme is fine",
            "date_published": "2026-11-20T10:00:00Z",
        }
    ],
}


@pytest.fixture
def feed() -> Iterator[str]:
    class Blog(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(FEED).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/feed+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Blog) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_preview_shows_the_posts_and_stores_nothing(cli: Earshot, database: str, feed: str) -> None:
    address = f"http://{feed}/feed.json"
    assert "EARSHOT_TRUSTED_HOSTS" in cli.refused("sources", "preview", "feeds", "feed", address)
    shown = cli.done("sources", "preview", "feeds", "feed", address, EARSHOT_TRUSTED_HOSTS=feed)
    assert "Acme is fine" in shown.out
    told = cli.done("sources", "preview", "feeds", "feed", address, "--json", EARSHOT_TRUSTED_HOSTS=feed).json
    assert [post["text"] for post in told["posts"]] == ["Acme is fine"]
    assert rows(database, "SELECT id FROM sources UNION ALL SELECT id FROM social_events") == []


def test_the_doctor_finds_what_is_wrong_and_says_what_to_do(
    cli: Earshot, database: str, owner_database: str, broker: str
) -> None:
    said = cli("doctor", "--json", EARSHOT_BROKER_URL=broker)
    assert said.code == 1
    found = {one["name"]: one for one in said.json}
    healthy = {name for name, one in found.items() if one["state"] == "ok"}
    assert {"settings", "database", "tables", "broker", "eviction", "role", "ledger", "projection"} <= healthy
    assert {name for name, one in found.items() if one["state"] == "wrong"} == {"beat", "workers"}
    assert all(one["remedy"] for one in found.values() if one["state"] == "wrong")
    assert finding(cli, "broker", EARSHOT_BROKER_URL=NO_BROKER)["state"] == "wrong"
    assert finding(cli, "database", EARSHOT_DATABASE_URL="postgresql://x@127.0.0.1:1/x")["state"] == "wrong"
    assert finding(cli, "settings", EARSHOT_LEASE="soon")["state"] == "wrong"
    assert "EARSHOT_OGR" in finding(cli, "settings", EARSHOT_OGR="x")["found"]
    assert finding(cli, "role", EARSHOT_DATABASE_URL=owner_database)["state"] == "wrong"


def test_the_doctor_sees_a_broken_ledger_a_broken_projection_and_a_stuck_source(
    cli: Earshot, database: str
) -> None:
    source = hear(database, [])
    rows(database, "UPDATE sources SET due_at = now() - interval '1 hour'")
    assert finding(cli, "source")["state"] == "wrong"
    rows(database, "UPDATE sources SET state = 'needs_reauth', last_error = 'refused'")
    assert "refused" in finding(cli, "source")["found"]
    rows(database, "UPDATE sources SET state = 'off', last_error = 'name x:1 in EARSHOT_TRUSTED_HOSTS'")
    assert "name it there for the fleet, then earshot sources resume" in finding(cli, "source")["remedy"]
    rows(database, "UPDATE sources SET state = 'active', due_at = now(), last_error = 'no such server'")
    assert "no such server (last success: never)" in finding(cli, "source")["found"]
    rows(database, "UPDATE sources SET last_success_at = now() - interval '9 minutes'")
    assert finding(cli, "sources")["state"] == "ok"
    rows(database, "UPDATE sources SET last_success_at = now() - interval '11 minutes'")
    assert "no such server (last success: 11 min ago)" in finding(cli, "source")["found"]
    rows(
        database,
        "INSERT INTO pages (platform, source_id, fetched, state, landed_at) VALUES ('mastodon', :source, 3, 'landed',"
        " now() - interval '1 hour')",
        source=source,
    )
    assert finding(cli, "pages")["state"] == "wrong"
    rows(database, "UPDATE pages SET state = 'digested', new = 2 WHERE fetched = 3")
    assert finding(cli, "ledger")["state"] == "wrong"
    rows(database, "UPDATE pages SET new = 3 WHERE fetched = 3")
    assert finding(cli, "ledger")["state"] == "ok"
    rows(database, "INSERT INTO cases (subject, level) VALUES ('post:x:1', 'activity')")
    assert finding(cli, "projection")["state"] == "wrong"


def test_status_has_sources_what_waits_and_a_ledger_that_adds_up(
    cli: Earshot, database: str, broker: str
) -> None:
    hear(database, [])
    told = cli.done("status", "--json", EARSHOT_BROKER_URL=NO_BROKER).json
    assert set(told) >= {"sources", "waiting", "beat", "workers", "cases", "quarantined", "ledger"}
    assert told["sources"][0]["term"] == "acme"
    shown = cli.done("status", EARSHOT_BROKER_URL=broker).out
    assert "fetched 0 = new 0 + duplicate 0 + edited 0 + filtered 0 + quarantined 0 + waiting 0" in shown
    assert "none answers" in shown


def test_output_goes_into_a_pipe_that_closes_early(cli: Earshot) -> None:
    table = "name\n" + "".join(f"Account {number}\n" for number in range(3))
    cli.done("import", "accounts", "-", stdin=table)
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "console", "own", "list", "--json"],
        env={**cli.env, "PYTHONPATH": str(ROOT)},
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert "Traceback" not in done.stderr
