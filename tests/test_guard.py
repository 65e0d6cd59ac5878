"""Names that lead inside, that lead nowhere, and those whose name server never answers."""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import httpcore
import pytest

from connectors._base import Denied
from connectors._guard import public_addresses

Told = list[
    tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int]]
]


class Resolver(asyncio.SelectorEventLoop):
    """A loop whose names have the addresses that `addresses` says."""

    async def addresses(self, host: str) -> list[str]:
        raise NotImplementedError

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - asyncio's own signature
        proto: int = 0,
        flags: int = 0,
    ) -> Told:
        found = await self.addresses(str(host))
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 80)) for one in found]


def test_a_name_with_one_address_inside_is_refused_altogether() -> None:
    class Answers(Resolver):
        async def addresses(self, host: str) -> list[str]:
            return ["93.184.216.34", "127.0.0.1"]

    loop = Answers()
    try:
        with pytest.raises(Denied):
            loop.run_until_complete(public_addresses("rebinding.example", 80))
    finally:
        loop.close()


def test_a_name_that_does_not_resolve_is_a_matter_of_connection() -> None:
    with pytest.raises(httpcore.ConnectError):
        asyncio.run(public_addresses("x" * 70 + ".invalid", 80))


def test_a_name_that_is_never_resolved_holds_up_one_thread_and_no_other_name() -> None:
    answers = threading.Event()

    class Answers(Resolver):
        async def addresses(self, host: str) -> list[str]:
            if host == "hangs.example":
                await self.run_in_executor(None, answers.wait)
            return await self.run_in_executor(None, lambda: ["93.184.216.34"])

    async def run() -> None:
        asked = [asyncio.create_task(public_addresses("hangs.example", 443)) for _ in range(16)]
        await asyncio.sleep(0)
        assert await asyncio.wait_for(public_addresses("fine.example", 443), 30) == ["93.184.216.34"]
        for one in asked[1:]:
            one.cancel()  # their time is over
        answers.set()
        assert await asked[0] == ["93.184.216.34"]

    loop = Answers()
    loop.set_default_executor(ThreadPoolExecutor(2))
    try:
        loop.run_until_complete(run())
    finally:
        answers.set()
        loop.close()
