"""Processes to be killed: a worker that tells what is owed, over and over, and a receiver.

The receiver writes what it takes to a file before it answers, and refuses some of it.
"""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

from sqlalchemy.ext.asyncio import async_sessionmaker

from tests.telling import OK, Delivery, Hearing, answers, fleet_engine
from workers import telling
from workers._loop import die_with_parent
from workers._settings import settings
from workers.notify import notify


async def tell() -> None:
    # here nothing waits for hours
    telling.FIRST, telling.LONGEST, telling.ALIVE, telling.AWAY = 0.3, 0.5, 0.05, 0.1
    sessions = async_sessionmaker(fleet_engine(settings().database), expire_on_commit=False)
    while True:
        await notify(sessions, settings())
        await asyncio.sleep(0.02)


async def hear(port: int, file: Path, seed: int) -> None:
    chance = random.Random(seed)
    out = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    hearing = Hearing()

    def answer(one: Delivery) -> bytes:
        one.verified()
        if chance.random() < 0.08:
            return answers("503 Busy")
        os.write(out, f"{one.id} {one.body['data']['case']} {one.body['type']}\n".encode())
        # taken, and yet no answer that says so
        return OK if chance.random() < 0.95 else b"HTTP/1.1 2"

    hearing.answer = answer
    server = await asyncio.start_server(hearing.serve, "127.0.0.1", port, reuse_address=True)
    await server.serve_forever()


def run(env: dict[str, str], hears: tuple[int, Path, int] | None) -> None:
    """What a process of its own does, until it is killed: hear (port, file, seed), or tell."""
    os.environ.clear()
    os.environ.update(env)
    die_with_parent()
    asyncio.run(hear(*hears) if hears else tell())
