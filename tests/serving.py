"""The web app for a test: the real one behind a real uvicorn, in a thread of its own, on a free port."""

from __future__ import annotations

import asyncio
import hmac
import json
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import uvicorn
from sqlalchemy import text
from standardwebhooks.webhooks import Webhook

from console.web.app import application
from console.web.server import Server, listening
from tests.journey import Journey
from workers._settings import Settings
from workers.credentials import seal

SECRET = "whsec_" + b64encode(bytes(range(32))).decode()


@contextmanager
def web(database: str, ring: Callable[[], None] = lambda: None, patience: float = 10.0) -> Iterator[str]:
    """The app over this database; its base address."""
    listener = listening("127.0.0.1:0")
    ready = threading.Event()

    @contextmanager
    def awake() -> Iterator[None]:
        ready.set()
        yield

    app = application(Settings(database_url=database), ring, awake(), patience)
    server = Server(uvicorn.Config(app, log_config=None, access_log=False, ws="none"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
        assert not thread.is_alive()


def receiving(journey: Journey, name: str = "shop", secret: str = SECRET) -> UUID:
    """A source that receives, with its sealed secret."""
    source = journey.source("webhook", name, kind="inbound", every=86_400.0)
    key = uuid4()
    with journey.sessions() as session, session.begin():
        session.execute(
            text(
                "INSERT INTO credentials (id, org_id, platform, host, identifier, secret)"
                " VALUES (:id, :org, 'webhook', '', :name, :secret)"
            ),
            {"id": key, "org": journey.org, "name": name, "secret": seal(key, secret)},
        )
        session.execute(
            text("UPDATE sources SET credential_id = :key WHERE id = :id"), {"key": key, "id": source}
        )
    return source


def signed(body: bytes, name: str, at: datetime | None = None, secret: str = SECRET) -> dict[str, str]:
    """The headers of a delivery as the specification wants them."""
    sent = at or datetime.now(UTC)
    try:
        signature = Webhook(secret).sign(name, sent.replace(microsecond=0), body.decode())
    except UnicodeDecodeError:  # that package signs nothing but text
        key, told = b64decode(secret.removeprefix("whsec_")), f"{name}.{int(sent.timestamp())}.".encode()
        signature = "v1," + b64encode(hmac.digest(key, told + body, "sha256")).decode()
    return {
        "content-type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(int(sent.timestamp())),
        "webhook-signature": signature,
    }


def told(number: int, **more: Any) -> dict[str, Any]:
    """A post as a sender writes it."""
    return {
        "id": f"https://shop.example/feedback/{number}",
        "text": f"Feedback number {number}: the parcel came on Monday.",
        "posted_at": "2026-11-01T10:00:00Z",
        "author": {"id": f"customer-{number}", "name": "Ann"},
        **more,
    }


def as_body(*posts: Any) -> bytes:
    """The posts as a body."""
    return json.dumps({"posts": posts}).encode()
