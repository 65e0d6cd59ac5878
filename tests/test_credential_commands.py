"""`earshot credentials`: asked, listed, removed, moved to a new key; the secret told in words and never shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import KEY, Earshot, earshot, rows
from tests.keyed import a_key
from tests.replayer import Asked, Replayer, Reply

ACCOUNT = {"did": "did:plc:us", "handle": "acme.bsky.social", "accessJwt": "a1", "refreshJwt": "r1"}


class Server:
    """A server that answers by the last part of the path; what it has no answer for is 404."""

    def __init__(self, **answers: tuple[int, Any]) -> None:
        self.answers = answers

    def __call__(self, asked: Asked) -> Reply:
        name = asked.path.rpartition("/")[2].rpartition(".")[2]
        status, body = self.answers.get(name, (404, {}))
        return Reply(status, json.dumps(body).encode())


@pytest.fixture
def server() -> Server:
    granted = [{"permission": "pages_read_engagement", "status": "granted"}]
    return Server(
        createSession=(200, ACCOUNT),
        refreshSession=(200, ACCOUNT),
        getSession=(200, ACCOUNT),
        me=(200, {"id": "77", "name": "Acme"}),
        permissions=(200, {"data": granted}),
    )


@pytest.fixture
def address(server: Callable[[Asked], Reply]) -> Iterator[str]:
    with Replayer(server) as replayer:
        yield replayer.base


@pytest.fixture
def cli(database: str, owner_database: str, home: Path, address: str) -> Earshot:
    return earshot(
        home,
        database_url=database,
        migrations_url=owner_database,
        encryption_key=KEY,
        trusted_hosts=address.removeprefix("http://"),
    )


def test_a_check_says_whose_it_is_and_what_which_source_would_lack(
    cli: Earshot, database: str, address: str
) -> None:
    cli.done("credentials", "add", "facebook", "acme", "--host", address, stdin="token")
    cli.done("sources", "add", "facebook", "page", "@me", "--host", address)
    said = cli("credentials", "check", "facebook", "acme")
    assert said.code == 1
    for part in ("it is Acme's", "Granted: pages_read_engagement.", "lacks pages_read_user_content"):
        assert part in said.out
    assert f"earshot credentials add facebook acme --host {address}" in said.out
    [row] = rows(database, "SELECT scopes, checked_at IS NOT NULL AS checked, me, state FROM credentials")
    assert tuple(row) == (["pages_read_engagement"], True, "77", "ok")
    [found] = cli("credentials", "check", "--json").json
    assert (found["answer"], found["wrong"], found["account_id"]) == ("good", True, "77")
    assert found["sources_lack"] == [
        {"kind": "page", "term": "@me", "state": "active", "lacks": ["pages_read_user_content"]}
    ]
    [listed] = cli.done("credentials", "list", "--json").json
    assert listed["lacks"] == ["pages_read_user_content"]
    assert "pages_read_user_content" in cli.done("credentials", "list").out


def test_a_platform_with_sessions_is_signed_in_to_and_asked_whose_it_is(
    cli: Earshot, database: str, address: str
) -> None:
    cli.done("credentials", "add", "bluesky", "acme.bsky.social", "--host", address, stdin="pass")
    assert "it is acme.bsky.social's" in cli.done("credentials", "check", "all").out
    assert rows(database, "SELECT me FROM credentials")[0].me == "did:plc:us"


def test_a_refused_one_is_told_and_mended_by_the_command_it_names(
    cli: Earshot, database: str, address: str, server: Server
) -> None:
    server.answers["createSession"] = (401, {"error": "AuthenticationRequired"})
    cli.done("credentials", "add", "bluesky", "acme.bsky.social", "--host", address, stdin="wrong")
    said = cli("credentials", "check", "bluesky")
    assert said.code == 1
    assert "refused" in said.out
    mends = f"earshot credentials add bluesky acme.bsky.social --host {address}"
    assert mends in said.out
    assert rows(database, "SELECT status FROM activities")[0].status == "planned"
    assert "needs_reauth" in cli.done("credentials", "list").out
    server.answers["createSession"] = (200, ACCOUNT)
    cli.done(*mends.split()[1:], stdin="right")
    assert rows(database, "SELECT status FROM activities")[0].status == "done"
    cli.done("credentials", "check")


def test_trouble_on_the_way_changes_nothing_and_exits_with_1(
    cli: Earshot, database: str, address: str, server: Server
) -> None:
    cli.done("credentials", "add", "facebook", "acme", "--host", address, stdin="token")
    server.answers["me"] = (503, {})
    said = cli("credentials", "check")
    assert said.code == 1
    assert "no answer" in said.out
    assert "Nothing was changed" in said.out
    [row] = rows(database, "SELECT state, checked_at FROM credentials")
    assert tuple(row) == ("ok", None)


def test_a_check_of_nothing_says_where_the_names_stand(cli: Earshot) -> None:
    assert "earshot credentials list" in cli.refused("credentials", "check")
    cli.done("credentials", "add", "mastodon", "acme@town.example", stdin="t")
    assert "no platform 'blusky'" in cli.refused("credentials", "check", "blusky", code=2)
    assert "no credential for bluesky acme" in cli.refused("credentials", "check", "bluesky", "acme")
    said = cli("credentials", "check", "mastodon", "acme@town.example", EARSHOT_ENCRYPTION_KEY=a_key("z"))
    assert said.code == 1
    assert "not opened" in said.out


def test_a_removed_credential_leaves_its_sources_waiting_or_going_on_without(
    cli: Earshot, database: str
) -> None:
    cli.done("credentials", "add", "mastodon", "acme@town.example", stdin="t")
    cli.done("sources", "add", "mastodon", "mentions")
    cli.done("sources", "add", "mastodon", "hashtag", "acme")
    rows(database, "UPDATE sources SET cursor = 'here'")
    said = cli.done("credentials", "remove", "mastodon", "acme@town.example").out
    assert "wait for another one, with their place kept: 1" in said
    assert "go on without: 1" in said
    assert rows(database, "SELECT id FROM credentials") == []
    kept = {
        row.kind: (row.state, row.cursor) for row in rows(database, "SELECT kind, state, cursor FROM sources")
    }
    assert kept == {"mentions": ("needs_reauth", "here"), "hashtag": ("active", "here")}
    assert "go on now: 1" in cli.done("credentials", "add", "mastodon", "acme@town.example", stdin="t").out
    assert "no credential" in cli.refused("credentials", "remove", "mastodon", "nobody@town.example")


def test_removing_a_refused_one_calls_off_what_ops_were_told(
    cli: Earshot, database: str, address: str, server: Server
) -> None:
    server.answers["createSession"] = (401, {"error": "AuthenticationRequired"})
    cli.done("credentials", "add", "bluesky", "acme.bsky.social", "--host", address, stdin="wrong")
    cli("credentials", "check")
    cli.done("credentials", "remove", "bluesky", "acme.bsky.social")
    assert rows(database, "SELECT status FROM activities")[0].status == "cancelled"


def test_a_new_key_takes_over_and_the_old_one_can_go(cli: Earshot, database: str, address: str) -> None:
    cli.done("credentials", "add", "bluesky", "acme.bsky.social", "--host", address, stdin="pass")
    cli.done("credentials", "add", "mastodon", "acme@town.example", "--org", "other", stdin="token")
    cli.done("credentials", "check")
    both, new = f"{a_key('n')},{KEY}", a_key("n")
    said = cli.done("credentials", "rotate", EARSHOT_ENCRYPTION_KEY=both).out
    assert "anew under the first key: 2. There already: 0." in said
    again = cli.done("credentials", "rotate", "--json", EARSHOT_ENCRYPTION_KEY=both).json
    assert again == {"moved": 0, "there": 2, "locked": []}
    cli.done("credentials", "check", EARSHOT_ENCRYPTION_KEY=new)
    before = rows(database, "SELECT secret FROM credentials ORDER BY id")
    said_lost = cli("credentials", "rotate", EARSHOT_ENCRYPTION_KEY=KEY)
    assert said_lost.code == 1
    assert "acme.bsky.social on bluesky" in said_lost.out
    assert f"acme.bsky.social --host {address}" in said_lost.out
    assert "acme@town.example on mastodon of other" in said_lost.out
    assert "add mastodon acme@town.example --org other" in said_lost.out
    assert before == rows(database, "SELECT secret FROM credentials ORDER BY id")


def test_a_rotation_moves_the_session_too(cli: Earshot, database: str, address: str) -> None:
    cli.done("credentials", "add", "bluesky", "acme.bsky.social", "--host", address, stdin="pass")
    cli.done("credentials", "check")
    cli.done("credentials", "rotate", EARSHOT_ENCRYPTION_KEY=f"{a_key('n')},{KEY}")
    rows(database, "UPDATE credentials SET secret = 'x'")
    said = cli("doctor", "--json", EARSHOT_ENCRYPTION_KEY=a_key("n"))
    assert "acme.bsky.social on bluesky" in next(
        one["found"] for one in said.json if one["name"] == "encryption key"
    )
    [row] = rows(database, "SELECT id, session FROM credentials")
    from cryptography.fernet import Fernet

    assert b"accessJwt" not in row.session
    assert b'"access":"a1"' in Fernet(a_key("n")).decrypt(bytes(row.session))


def test_a_key_file_of_several_lines_and_a_service_accounts_json_are_secrets(
    cli: Earshot, database: str
) -> None:
    account = json.dumps({"type": "service_account", "private_key": "-----BEGIN\nx\n"}, indent=2)
    cli.done("credentials", "add", "googleplay", "acme", stdin=account)
    cli.done(
        "credentials",
        "add",
        "mastodon",
        "pem@town.example",
        stdin="-----BEGIN KEY-----\nx\ny\n-----END KEY-----\n",
    )
    refused = cli.refused("credentials", "add", "mastodon", "two@town.example", stdin="one\ntwo", code=2)
    assert "more than one line" in refused
    assert "an access token" in refused
    assert "plain ASCII" in cli.refused(
        "credentials", "add", "mastodon", "e@town.example", stdin="tokén", code=2
    )
    assert len(rows(database, "SELECT id FROM credentials")) == 2


def test_the_help_tells_what_the_secret_is_on_each_platform(cli: Earshot) -> None:
    said = " ".join(cli.done("credentials", "add", "--help").out.split())
    for part in (
        "bluesky: an app password",
        "mastodon: an access token",
        "reddit: client_id",
        "youtube: an API key",
        "Examples:",
    ):
        assert part in said
    for command in ("list", "check", "remove", "rotate"):
        cli.done("credentials", command, "--help")
