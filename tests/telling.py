"""Receivers for tests: a real HTTP server that answers as it is told, and an organisation that owes them news."""

from __future__ import annotations

import asyncio
import json
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from standardwebhooks.webhooks import Webhook

from tests.journey import Journey
from workers._settings import Settings
from workers.credentials import seal
from workers.notify import notify

SECRET = "whsec_" + b64encode(bytes(range(32))).decode()
OK = b"HTTP/1.1 204 No Content\r\n\r\n"
HANG = b""
"""An answer that never comes."""


def answers(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Delivery:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    def verified(self, secret: str = SECRET) -> Any:
        """What the specification's own package makes of it."""
        return Webhook(secret).verify(self.raw, self.headers)


class Hearing:
    """What a receiver heard, and how it answers: `answer` is asked for the bytes of each answer."""

    def __init__(self) -> None:
        self.heard: list[Delivery] = []
        self.connections = 0
        self.answer: Callable[[Delivery], bytes] = lambda _: OK
        self.netloc = ""

    @property
    def url(self) -> str:
        return f"http://{self.netloc}/in?key=k"

    def kinds(self) -> list[str]:
        return [one.body["type"] for one in self.heard]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {
                    k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)
                }
                raw = await reader.readexactly(int(headers["content-length"]))
                one = Delivery(head[0].split()[1], headers, raw)
                answer = self.answer(one)
                self.heard.append(one)
                if answer == HANG:
                    await reader.read()
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.transport.abort()


@contextmanager
def hearing() -> Iterator[Hearing]:
    """A receiver on a free port, in a thread of its own."""
    told, ready, loop = Hearing(), threading.Event(), asyncio.new_event_loop()
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = loop.create_task(told.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def run() -> None:
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        told.netloc = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await stopping.wait()
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    stopping = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield told
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(10)
        loop.close()


class Owing(Journey):
    """An organisation with receivers, whose cases owe them news."""

    def receiver(self, hears: Hearing | None = None, name: str = "desk", **columns: Any) -> UUID:
        """A webhook that hears, or whatever the columns say."""
        row = uuid4()
        names = {"id": row, "org_id": self.org, "name": name, "kind": "webhook", "secret": seal(row, SECRET)}
        if hears is not None:
            names["address"] = hears.url
            self.settings = Settings(
                database_url=self.url,
                trusted_hosts=(*self.settings.trusted_hosts, hears.netloc),
                request_deadline=0.5,
            )
        names |= columns
        self.execute(
            f"INSERT INTO receivers ({', '.join(names)}) VALUES ({', '.join(f':{n}' for n in names)})",
            **names,
        )
        return row

    def opens(self, subject: str, level: str = "activity") -> UUID:
        """A case is opened, and so owed."""
        case: UUID = self.value(
            "INSERT INTO cases (org_id, subject, level) VALUES (:org, :subject, :level) RETURNING id",
            org=self.org,
            subject=subject,
            level=level,
        )
        return case

    def rises(self, case: UUID) -> None:
        self.execute("UPDATE cases SET level = 'ticket', risen_at = now() WHERE id = :id", id=case)

    def closes(self, case: UUID) -> None:
        self.execute("UPDATE cases SET closed_at = now() WHERE id = :id", id=case)

    def story(self, subject: str) -> UUID:
        """A case that opens, rises and closes."""
        case = self.opens(subject)
        self.rises(case)
        self.closes(case)
        return case

    def notifies(self, again: bool = False, **settings: Any) -> int:
        """One run of the task, which ends when all were told, however busy the machine is; `again`: whatever waits for
        another try is due now."""
        if again:
            self.execute("UPDATE receivers SET due_at = now()")
            self.execute("UPDATE owed SET due_at = now() WHERE state = 'owed' AND attempts > 0")
        ours = self.settings.model_copy(update={"batch_deadline": 240.0, **settings})

        async def go() -> int:
            engine = fleet_engine(self.url)
            try:
                return await notify(async_sessionmaker(engine, expire_on_commit=False), ours)
            finally:
                await engine.dispose()

        return asyncio.run(go())

    def owed(self) -> list[Any]:
        return self.execute("SELECT * FROM owed ORDER BY id")

    def states(self) -> list[str]:
        return [row.state for row in self.owed()]

    def stands(self, receiver: UUID) -> Any:
        [row] = self.execute("SELECT * FROM receivers WHERE id = :id", id=receiver)
        return row

    def activities(self) -> list[Any]:
        return self.execute("SELECT * FROM activities ORDER BY created_at, id")


def fleet_engine(url: str) -> AsyncEngine:
    """As a worker has it: a connection that is closed when it comes back would end the leases taken by it."""
    return create_async_engine(
        url,
        pool_size=8,
        max_overflow=0,
        isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None,
        hide_parameters=True,
    )


def now() -> datetime:
    return datetime.now(UTC)
