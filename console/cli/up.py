"""`earshot up`: the servers, beat and the workers on this machine, until Ctrl-C."""

from __future__ import annotations


def up() -> None:
    """Run Earshot here: PostgreSQL and Valkey from wheels unless others are set, beat and the workers.

    Everything lies in one folder (EARSHOT_HOME). Ctrl-C or SIGTERM stops all of it. With EARSHOT_DATABASE_URL
    and EARSHOT_BROKER_URL set, those servers are used and none is started.
    """
    import sys

    from console.cli import _print
    from console.cli._demo_lines import event_line
    from console.database import opened
    from console.run import console_at, how_to_call_us, run_up
    from console.web.sessions import anybody
    from local.supervisor import Event
    from workers._settings import Settings, default_home

    def told(event: Event) -> None:
        if line := event_line(event):
            _print.line(line)
            sys.stdout.flush()

    def ready(given: Settings) -> None:
        import os

        where = "" if given.home == default_home({}, os.geteuid()) else f"EARSHOT_HOME={given.home} "
        _print.line(f"In another terminal: {where}{how_to_call_us()} status      Ctrl-C ends it.")
        with opened() as session:
            known = anybody(session)
        who = (
            ""
            if known
            else f"      nobody may sign in yet: {where}{how_to_call_us()} users add EMAIL --role admin"
        )
        _print.line(f"Console: {console_at(given.home)}{who}")
        _print.line(f"Logs: {given.home / 'logs'}")
        sys.stdout.flush()

    run_up(told, ready)
    _print.line("Everything is stopped.")
