"""`python -m simulator --port 0 --seed 7`: serve the world on 127.0.0.1 and say where, as one line of JSON.

Answers name the address that they were asked at, so the line is right for this machine only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import socket
import sys
from datetime import UTC, datetime

import uvicorn
from starlette.types import ASGIApp

from simulator.app import PLATFORMS, Simulator
from simulator.bulk import Bulk
from simulator.faults import demo_schedule, long_rest
from simulator.past import past
from simulator.people import cast, digest
from simulator.script import Script, load
from simulator.stage import Stage
from simulator.talk import trickle

PAUSES = (10.0, 25.0)
"""Seconds between two posts, the least and the most, when the story is told."""
RESTS = 6
"""The act from which on feeds are limited, if anything is: nothing of the story is told there any more."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="another address only inside a container")
    parser.add_argument("--port", type=int, default=0, help="0 asks the system for a free one")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--acts", choices=("auto", "manual"), default="auto")
    parser.add_argument("--pace", type=float, default=15.0, help="seconds from one act to the next")
    parser.add_argument(
        "--faults", choices=("none", "demo"), default=None, help="default: demo with --acts auto"
    )
    parser.add_argument(
        "--empty", action="store_true", help="nobody says anything but what `_control/say` brings in"
    )
    parser.add_argument("--bulk", type=int, metavar="N", help="serve N plain posts instead of the world")
    return parser.parse_args()


async def play(simulator: Simulator, pace: float, *, troubled: bool) -> None:
    """Act after act from the first visit on; the storm and the poison come between the second and the third, calm talk
    after the last. Once all that is told in feeds was said, they want to be left alone for some minutes."""
    stage = simulator.stage
    await simulator.visited.wait()  # whoever follows this world may need a while to start
    while stage.act < stage.script.acts:
        await asyncio.sleep(pace)
        stage.release(stage.act + 1)
        if stage.act == 3:
            stage.release_group("storm")
            stage.release_group("poison")
        if stage.act == RESTS and troubled:
            simulator.faults.add(long_rest())
    simulator.control.quiet = True
    dice = random.Random(digest(stage.script.seed, "pauses"))
    for line in trickle(stage.script.seed):
        await asyncio.sleep(dice.uniform(*PAUSES))
        stage.add(line)


def build(options: argparse.Namespace) -> ASGIApp:
    if options.bulk:
        return Bulk(options.bulk, options.seed)
    script = Script(options.seed, cast(options.seed), {}, ()) if options.empty else load(options.seed)
    simulator = Simulator(Stage(script, lambda: datetime.now(UTC)))
    simulator.stage.release(1)
    if troubled(options):
        for row in demo_schedule():
            simulator.faults.add(row)
    if options.acts == "auto":
        simulator.stage.add(*past(options.seed))
    return simulator


def troubled(options: argparse.Namespace) -> bool:
    """Does something go wrong on the way, as it does in the demo?"""
    chosen = options.faults or ("demo" if options.acts == "auto" else "none")
    return bool(chosen == "demo")


async def serve(options: argparse.Namespace) -> None:
    app = build(options)
    # asyncio turns Nagle's delay (40 ms an answer) off only where the socket says that it is TCP.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((options.host, options.port))
        listening.listen(512)
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        places = {name: f"{base}/{name}" for name in PLATFORMS}
        print(json.dumps({**places, "control": f"{base}/_control"}), flush=True)
        config = uvicorn.Config(
            app,
            log_level="critical",
            access_log=False,
            lifespan="off",
            timeout_keep_alive=30,
            timeout_graceful_shutdown=1,
        )
        playing = None
        if isinstance(app, Simulator) and options.acts == "auto":
            playing = asyncio.create_task(play(app, options.pace, troubled=troubled(options)))
        await uvicorn.Server(config).serve(sockets=[listening])
        if playing is not None:
            playing.cancel()


if __name__ == "__main__":
    try:
        asyncio.run(serve(arguments()))
    except KeyboardInterrupt:
        sys.exit(0)
