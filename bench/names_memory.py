"""What the directory of an organisation takes in a process of its own: `python -m bench.names_memory URL`."""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.orm import sessionmaker

from bench.names_world import ORG
from workers.directory import Directories, Directory


def private_mb() -> float:
    """The memory that only this process has."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def most_mb() -> float:
    """The most that the process has ever had; ru_maxrss would count what its parent had, too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main(url: str) -> None:
    engine = create_engine(url)
    with engine.connect() as db:
        db.execute(text("SELECT 1"))
    sessions = sessionmaker(engine)
    # what every process holds, however few the names are
    Directories().of(sessions, "nobody")
    assert Directory().gate.has("", "a") is not None
    gc.collect()
    before, most = private_mb(), most_mb()
    started = time.monotonic()
    directories = Directories()
    directories.of(sessions, ORG)
    seconds = time.monotonic() - started
    gc.collect()
    held = private_mb() - before
    print(json.dumps({"held": held, "peak": max(held, most_mb() - most), "seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1])
