"""A canary in every secret, token and refresh token: whatever fails, it sings in no log, error, repr, message, blob or row.

Every connector that takes a credential visits its sources, signs in and is checked against a server that fails in each
way there is; what is then looked through is everything that was written anywhere.
"""

from __future__ import annotations

import ast
import asyncio
import base64
import inspect
import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
import redis
import redis.asyncio
import zstandard
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from rich.pretty import pretty_repr
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from connectors import connectors
from connectors._base import Answer, ConnectorError, Delivery, Login, Session, Watch
from connectors._http import Clients, Requests
from console.keys import add_credential
from tests.keyed import Keyed, a_key, keys
from tests.replayer import Asked, Replayer, Reply
from workers import credentials, tasks
from workers._settings import Settings
from workers.app import _log_to_stderr
from workers.budget import Budget
from workers.poll import poll
from workers.renew import renew

BIRD = "c4n4ry"
DEADLINE = 0.15


def _pem() -> str:
    key = rsa.generate_private_key(65537, 2048)
    kinds = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*kinds).decode()


PEM = _pem()
SONGS = [
    BIRD,
    BIRD.encode().hex(),
    *(base64.b64encode(b" " * lead + BIRD.encode())[4 if lead else 0 : 8].decode() for lead in (0, 1, 2)),
    PEM.splitlines()[2],
]
"""The canary as it is, in hexadecimal, in base64 wherever it begins, and a line of the private key."""


def secret_for(platform: str, host: str) -> str:
    """A secret in the shape that the platform wants, the canary in each of its parts."""
    match platform:
        case "reddit" | "x":
            return f"{BIRD}-id:{BIRD}-secret:{BIRD}-refresh"
        case "googleplay":
            account = {"type": "service_account", "client_email": "us@example", "token_uri": f"{host}/token"}
            return json.dumps({**account, "private_key": PEM, "private_key_id": "1"})
        case _:
            return f"{BIRD}-secret"


PLATFORMS = [
    name
    for name, one in connectors().items()
    if any(need.credential != "none" for need in one.watches.values()) and name != "webhook"
]


def echo(asked: Asked) -> Reply:
    """A platform that says back what it was told."""
    told = json.dumps({"error": str(dict(asked.headers)), "message": asked.body.decode("latin-1")})
    return Reply(400, told.encode(), {"x-echo": asked.headers.get("authorization", "none")})


FAILURES: dict[str, Callable[[Asked], Reply]] = {
    **{
        str(status): lambda asked, status=status: Reply(status, b'{"error": "no"}')  # type: ignore[misc]
        for status in (401, 403, 429, 500)
    },
    "garbled": lambda asked: Reply(200, b"<html>a login page</html>", {"content-type": "text/html"}),
    "another shape": lambda asked: Reply(200, b'{"data": 5, "posts": [null], "items": [{}]}'),
    "echo": echo,
    "timeout": lambda asked: Reply(200, b"{" * 64, drip=1.0),
    "cut off": lambda asked: Reply(200, b"{", claim=100),
}
HOSTILE = {
    "in no alphabet": f"{BIRD}-é-\u2028",
    "of two lines": f"{BIRD}\r\nx-more: {BIRD}",
    "long": BIRD * 2_000,
}


class Ear(logging.Handler):
    """Hears every logger at the lowest level that the fleet lets it have, with tracebacks and the records' parts."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(self.format(record))
        self.heard.append(repr(record.__dict__))
        if record.exc_info and record.exc_info[1] is not None:
            self.heard.append("".join(traceback.format_exception(record.exc_info[1])))

    @property
    def all(self) -> str:
        return "\n".join(self.heard)


@pytest.fixture
def ear() -> Iterator[Ear]:
    ear, root = Ear(), logging.getLogger()
    known = [one for one in root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    named = [root, *(one for one in known if one.level > logging.DEBUG)]
    before, others = [(one, one.level) for one in named], root.handlers[:]
    for one in named:
        one.setLevel(logging.DEBUG)
    _log_to_stderr()  # the fleet's own word on loggers that would tell what goes over the wire
    root.handlers[:] = [ear]  # nobody else reads it, and each reader takes as long as this one
    yield ear
    root.handlers[:] = others
    for one, level in before:
        one.setLevel(level)


@pytest.fixture
def keyed(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyed]:
    with keys(monkeypatch, a_key()):
        journey = Keyed(database)
        yield journey
        journey.close()


@contextmanager
def at(keyed: Keyed, platform: str, host: str) -> Iterator[UUID]:
    """A credential on that host, and a source of each kind that takes it."""
    with keyed.sessions() as session, session.begin():
        key, _ = add_credential(session, "main", platform, "acme", secret_for(platform, host), host)
    for kind, need in connectors()[platform].watches.items():
        if need.credential != "none":
            keyed.execute(
                "INSERT INTO sources (org_id, platform, kind, host, term, every, credential_id)"
                " VALUES ('main', :platform, :kind, :host, :term, 60, :key)",
                platform=platform,
                kind=kind,
                host=host,
                term=need.example,
                key=key,
            )
    yield key


def again(keyed: Keyed, key: UUID, host: str, secret: str, access: str | None) -> None:
    """As if nothing had been asked yet; with `access`, as if the credential had been signed in with."""
    session = Session(
        access=access or "", refresh=f"{BIRD}-refresh", account_id="77", handle="acme", host=host
    )
    keyed.execute("UPDATE sources SET state = 'active', due_at = now(), cursor = NULL, last_error = NULL")
    keyed.execute(
        "UPDATE credentials SET secret = :secret, session = :session, me = '77', state = 'ok', checked_at = NULL,"
        " refreshing_until = NULL, renew_at = CASE WHEN :access THEN now() END, expires_at = NULL WHERE id = :id",
        id=key,
        secret=credentials.seal(key, secret),
        session=credentials.seal(key, msgspec.json.encode(session).decode()) if access else None,
        access=access is not None,
    )


class Fleet:
    """Polls and rounds of the sweep, as the fleet makes them; `trusted` is the server, `broker` its windows."""

    def __init__(self, url: str, broker: str, trusted: str) -> None:
        self._engine = create_async_engine(
            url, isolation_level="AUTOCOMMIT", pool_reset_on_return=None, hide_parameters=True, pool_size=8
        )
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)
        self._clients = Clients(trusted={trusted})
        self._db = redis.asyncio.from_url(broker)
        self._http = Requests(self._clients, budget=Budget(self._db), deadline=DEADLINE)
        self._settings = Settings(database_url=url, source_deadline=4, request_deadline=DEADLINE)

    async def visit(self, platform: str) -> None:
        await poll(platform, sessions=self._sessions, http=self._http, settings=self._settings, ring=_nobody)
        await renew(self._sessions, self._http, {platform: connectors()[platform]})

    async def forget_windows(self) -> None:
        await self._db.flushdb()

    async def aclose(self) -> None:
        await self._clients.aclose()
        await self._db.aclose()
        await self._engine.dispose()


async def _nobody() -> None:
    """Nobody listens to the bell here."""


def everything(keyed: Keyed) -> Iterator[str]:
    """All rows of all tables as text, and what is packed in the pages."""
    tables = [row[0] for row in keyed.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    rows = " UNION ALL ".join(f"SELECT '{name}', t::text FROM {name} t" for name in tables)
    for name, row in keyed.execute(rows.replace(":", "\\:")):
        yield f"{name}: {row}"
    for (body,) in keyed.execute("SELECT body FROM pages WHERE body IS NOT NULL"):
        yield repr(zstandard.ZstdDecompressor().decompress(bytes(body)[1:], 1 << 24))


def in_broker(url: str) -> Iterator[str]:
    with redis.Redis.from_url(url) as db:
        for name in db.scan_iter():
            yield f"{name!r}: {db.dump(name)!r}"


def silent(heard: Iterator[str] | list[str], where: str) -> None:
    for text in heard:
        for song in SONGS:
            assert song not in text, (where, text[max(0, text.index(song) - 300) : text.index(song) + 60])


@pytest.mark.parametrize("platform", PLATFORMS)
def test_no_failure_tells_a_secret(keyed: Keyed, broker: str, ear: Ear, platform: str) -> None:
    signs_in = hasattr(connectors()[platform], "sign_in")
    cases = [(name, answer, f"{BIRD}-access") for name, answer in FAILURES.items()]
    cases += [(f"a token {name}", FAILURES["401"], token) for name, token in HOSTILE.items()]
    answering = [FAILURES["401"]]

    async def go(server: Replayer, key: UUID) -> None:
        async with aclosing(Fleet(keyed.url, broker, server.netloc)) as fleet:
            await suffer(fleet, server, key)

    async def suffer(fleet: Fleet, server: Replayer, key: UUID) -> None:
        for name, answer, token in cases:
            answering[0] = answer
            for with_session in (True, False) if signs_in else (False,):
                usual = secret_for(platform, server.base)
                secret = usual if signs_in else usual.replace(f"{BIRD}-secret", token)
                again(keyed, key, server.base, secret, token if with_session else None)
                await fleet.visit(platform)
                for table in ("sources", "credentials"):  # all that `again` writes over
                    told = keyed.execute(f"SELECT t::text FROM {table} t")
                    silent([row for (row,) in told], f"{platform}, {name}: {table}")
            silent(everything(keyed), f"{platform}, {name}: the database")
            silent(in_broker(broker), f"{platform}, {name}: the broker")
            await fleet.forget_windows()
            silent([ear.all], f"{platform}, {name}: the log")
            ear.heard.clear()

    with Replayer(lambda asked: answering[0](asked)) as server, at(keyed, platform, server.base) as key:
        asyncio.run(go(server, key))
        silent([asked.path + str(asked.query) for asked in server.asked], f"{platform}: an address")
        sent = [f"{asked.headers} {asked.body!r}" for asked in server.asked]
    assert any(song in told for told in sent for song in SONGS), "the canary was never let out of its cage"


def test_a_page_that_was_fetched_with_a_token_does_not_have_it(keyed: Keyed, broker: str, ear: Ear) -> None:
    status = {
        "id": "1", "uri": "https://town.example/1", "created_at": "2026-06-01T12:00:00Z", "visibility": "public",
        "content": "<p>hello</p>", "account": {"id": "2", "acct": "zoe", "url": "https://town.example/@zoe"},
    }  # fmt: skip
    notices = [{"id": "9", "type": "mention", "created_at": "2026-06-01T12:00:00Z", "status": status}]

    def answer(asked: Asked) -> Reply:
        if "min_id" in asked.query:
            return Reply(200, b"[]")
        return Reply(200, json.dumps(notices if "notifications" in asked.path else [status]).encode())

    async def go(server: Replayer) -> None:
        async with aclosing(Fleet(keyed.url, broker, server.netloc)) as fleet:
            await fleet.visit("mastodon")

    with Replayer(answer) as server, at(keyed, "mastodon", server.base):
        asyncio.run(go(server))
        assert any(BIRD in str(asked.headers) for asked in server.asked)
        assert keyed.value("SELECT count(*) FROM pages") > 0
        silent(everything(keyed), "the database")
        keyed.digest()
        silent(everything(keyed), "the database, digested")
    silent([ear.all], "the log")


@pytest.mark.parametrize("platform", [name for name in PLATFORMS if hasattr(connectors()[name], "sign_in")])
def test_no_error_of_a_sign_in_tells_a_secret(platform: str) -> None:
    """Neither it nor what it grew out of, whatever the secret looks like."""

    async def go(server: Replayer, secret: str) -> BaseException | None:
        clients = Clients(trusted={server.netloc})
        login = Login(
            host=server.base,
            identifier="acme",
            secret=secret,
            refresh=f"{BIRD}-refresh",
            now=datetime.now(UTC),
        )
        try:
            await connectors()[platform].sign_in(Requests(clients, deadline=DEADLINE), login)  # type: ignore[attr-defined]
        except ConnectorError as error:
            return error
        finally:
            await clients.aclose()
        return None

    for answer in FAILURES.values():
        with Replayer(answer) as server:
            for secret in (
                secret_for(platform, server.base),
                BIRD,
                f"{BIRD}:",
                f'{{"private_key": "{BIRD}"}}',
            ):
                error = asyncio.run(go(server, secret))
                if error is not None:
                    silent(
                        ["".join(traceback.format_exception(error)), repr(error), str(error.args)], platform
                    )


def test_no_repr_tells_a_secret() -> None:
    now, seen = datetime(2026, 6, 1, tzinfo=UTC), uuid4()
    values = [
        Watch(kind="search", term="acme", host="https://a.example", now=now, token=f"{BIRD}-token"),
        Login(host="https://a.example", identifier="acme", secret=BIRD, refresh=BIRD),
        Session(access=BIRD, refresh=BIRD, account_id="1", handle="acme", host="https://a.example"),
        Answer(status=200, url="https://a.example", headers={"set-cookie": BIRD}, body=BIRD.encode()),
        Delivery(method="GET", query={"hub.verify_token": BIRD}, headers={"x": BIRD}, body=BIRD.encode()),
        Settings(
            encryption_key=BIRD,
            database_url=f"postgresql://us:{BIRD}@a.example/db",
            migrations_url=f"postgresql://us:{BIRD}@a.example/db",
            broker_url=f"redis://:{BIRD}@a.example/0",
        ),
    ]
    for value in values:
        shown = [
            repr(value),
            str(value),
            f"{value!r:.500}",
            pretty_repr(value),
            repr([value]),
            repr({seen: value}),
        ]
        silent(shown, type(value).__name__)
        if isinstance(value, msgspec.Struct):
            assert BIRD in str(pickle.loads(pickle.dumps(value)).__reduce__()), "hidden, and yet there"


def test_no_bell_can_carry_a_secret() -> None:
    """A message has what a platform is called, ids and a term; none has room for more."""
    rung = [
        one
        for one in ast.parse(Path(tasks.__file__).read_text()).body
        if isinstance(one, ast.FunctionDef)
        and any("app.task" in ast.unparse(by) for by in one.decorator_list)
    ]
    assert {one.name for one in rung} >= {"poll", "digest", "renew", "sweep"}
    for bell in rung:
        taken = {one.arg: ast.unparse(one.annotation) for one in bell.args.args if one.annotation}
        assert set(taken.values()) <= {"str", "int | None", "str | None"}, bell.name
        assert not set(taken) & {"token", "secret", "session", "watch", "page", "posts"}, bell.name


def test_no_command_takes_a_secret_as_an_argument() -> None:
    from console.cli.credentials import add

    assert set(inspect.signature(add).parameters) == {"platform", "account", "host", "from_env", "org"}


def test_a_row_is_opened_only_by_itself(keyed: Keyed) -> None:
    first, second = uuid4(), uuid4()
    sealed = credentials.seal(first, BIRD)
    assert credentials.unseal(first, sealed) == BIRD
    with pytest.raises(credentials.Locked) as told:
        credentials.unseal(second, sealed)
    silent(["".join(traceback.format_exception(told.value))], "an error")
