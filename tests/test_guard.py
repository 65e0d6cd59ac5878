"""Names that lead inside, that lead nowhere, and those whose name server never answers."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import httpcore
import pytest

from connectors._base import Denied
from connectors._guard import public_addresses


def test_a_name_with_one_address_inside_is_refused_altogether() -> None:
    class Resolver(asyncio.SelectorEventLoop):
        async def getaddrinfo(self, host: object, port: object, **more: object) -> list[object]:  # type: ignore[override]
            return [(2, 1, 6, "", ("93.184.216.34", 80)), (2, 1, 6, "", ("127.0.0.1", 80))]

    loop = Resolver()
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

    class Resolver(asyncio.SelectorEventLoop):
        async def getaddrinfo(self, host: object, port: object, **more: object) -> list[object]:  # type: ignore[override]
            if host == "hangs.example":
                await self.run_in_executor(None, answers.wait)
            return await self.run_in_executor(None, lambda: [(2, 1, 6, "", ("93.184.216.34", 443))])

    async def run() -> None:
        asked = [asyncio.create_task(public_addresses("hangs.example", 443)) for _ in range(16)]
        await asyncio.sleep(0)
        assert await asyncio.wait_for(public_addresses("fine.example", 443), 30) == ["93.184.216.34"]
        for one in asked[1:]:
            one.cancel()  # their time is over
        answers.set()
        assert await asked[0] == ["93.184.216.34"]

    loop = Resolver()
    loop.set_default_executor(ThreadPoolExecutor(2))
    try:
        loop.run_until_complete(run())
    finally:
        answers.set()
        loop.close()
