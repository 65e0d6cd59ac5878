"""`earshot up`: the servers, beat and the workers on this machine, until Ctrl-C."""

from __future__ import annotations


def up() -> None:
    """Run Earshot here: PostgreSQL and Valkey from wheels unless others are set, beat and the workers.

    Everything lies in one folder (EARSHOT_HOME). Ctrl-C or SIGTERM stops all of it. With EARSHOT_DATABASE_URL
    and EARSHOT_BROKER_URL set, those servers are used and none is started.
    """
    from console.run import run_up

    run_up()
