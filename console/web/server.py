"""The app behind uvicorn, on one address. Everything that is reachable from outside goes through somebody's proxy:
it ends TLS, and holds off who opens connections and says nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import uvicorn

from console.address import LISTEN
from console.refusal import CannotDo
from console.web.app import application
from workers._settings import Settings

if TYPE_CHECKING:
    from starlette.applications import Starlette

CONNECTIONS = 500
"""Open at once; whoever comes on top is told 503."""


def listening(address: str) -> socket.socket:
    """A socket that listens on host:port (port 0: any). Raises CannotDo."""
    host, colon, port = address.rpartition(":")
    if not host or not colon or not port.isdecimal() or int(port) > 65_535:
        raise CannotDo(f"{address!r} is no address to listen on; it is like {LISTEN}.")
    host = host.strip("[]")
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # asyncio does so only for sockets that name their protocol; without it a short answer waits 40 ms for an ACK
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        made.bind((host, int(port)))
    except OSError as error:
        made.close()
        raise CannotDo(f"Nobody can listen on {address}: {error.strerror or error}.") from None
    made.listen(CONNECTIONS)
    return made


def serve(ours: Settings, listener: socket.socket) -> None:
    """Answer until SIGINT or SIGTERM; what is being answered then has ten seconds."""
    from workers.tasks import ring_digest

    _ = ours.database, ours.broker  # what is not set is said before anybody delivers
    logging.basicConfig(
        level=ours.log_level,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )

    config = uvicorn.Config(
        application(ours, ring_digest, _awake(ours.ready_file)),
        access_log=False,  # it would write queries down, and in one of them a platform sends a token of ours
        log_config=None,
        server_header=False,
        proxy_headers=False,
        ws="none",
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=10,
    )
    asyncio.run(Server(config).serve(sockets=[listener]))


class Server(uvicorn.Server):
    """uvicorn waits for answers under way, and a stream of changes never ends by itself."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then everything else."""
        cast("Starlette", self.config.app).state.live.stop()
        await super().shutdown(sockets)


@contextlib.contextmanager
def _awake(ready_file: Path | None) -> Iterator[None]:
    """Not around `serve`: uvicorn ends by sending itself the signal that stopped it."""
    if ready_file:
        ready_file.write_text("ready")
    try:
        yield
    finally:
        if ready_file:
            ready_file.unlink(missing_ok=True)
