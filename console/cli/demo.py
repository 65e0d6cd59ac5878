"""`earshot demo`: the whole journey on this machine, with a simulated world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from console.cli._options import chosen_org

if TYPE_CHECKING:
    from console.run import Telling
    from console.watch import Seen
    from workers._settings import Settings


def demo(
    seconds: Annotated[float | None, typer.Option("--for", min=1, help="Stop after so many seconds.")] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Stop once the world has told its story and all of it is digested.")
    ] = False,
    pace: Annotated[
        float, typer.Option(min=0.1, help="Seconds from one act of the world's story to the next.")
    ] = 15.0,
    plain: Annotated[bool, typer.Option("--plain", help="Print lines, even on a terminal.")] = False,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Start nothing: have the fleet that runs follow the simulator at URL."
        ),
    ] = None,
    setup_only: Annotated[bool, typer.Option("--setup-only", hidden=True)] = False,
    org: chosen_org = None,
) -> None:
    """Watch the whole journey: a simulated world, three platforms, and tickets within a minute.

    Starts PostgreSQL, Valkey, beat, the workers and the simulator, in a folder of its own; Ctrl-C stops all of
    it. What it learned is kept there for the next time.

    Examples: earshot demo
              earshot demo --once --plain
    """
    from console.cli import _print
    from console.demo_people import password
    from console.run import DemoWish, console_at, demo_settings, how_to_call_us, run_demo, tell_the_fleet

    if setup_only and against is None:
        raise typer.BadParameter("--setup-only needs --against URL")
    if against is not None:
        _print.line(f"{tell_the_fleet(against)}.")
        return
    given = demo_settings()
    us = how_to_call_us()
    hint = (
        f"In another terminal: EARSHOT_HOME={given.home} {us} cases      Ctrl-C ends it.\n"
        f"Likewise `{us} review`, what is only suggested; `{us} mentions`, and of one of them `{us} explain ID`."
    )

    def pages() -> str:
        word = password(given.home)
        return f"In a browser: {console_at(given.home)} as support@demo.example (or ops@, marketing@, admin@), password {word}"

    def speaking() -> Telling:
        _print.line(f"The demo keeps its data in {given.home}.")
        if not _print.console().is_terminal or plain:
            from console.cli._demo_lines import Lines

            _print.line(f"{pages()}\n{hint}")
            return Lines()
        from console.cli._demo_screen import Screen

        return Screen(f"{pages()}\n{hint}")

    _sum_up(run_demo(DemoWish(seconds, once, pace), given, speaking), given)


def _sum_up(seen: Seen, given: Settings) -> None:
    """What came of it, the missed complaints included."""
    from console import fleet
    from console.cli import _print
    from console.words import one_line

    if not seen.ledger:
        _print.line("It ended before anything was heard.")
        return
    _print.wrapped(fleet.sentence(seen.total))
    if seen.total["quarantined"]:
        _print.wrapped(
            "(quarantined counts every time such a post was met; earshot quarantine list has each once)"
        )
    if seen.reckoning:
        _print.wrapped(seen.reckoning.sentence() + ".")
        for text, why in seen.reckoning.missed[:5]:
            _print.wrapped(f"missed ({why}): {one_line(text, 110)}", 2)
        if len(seen.reckoning.missed) > 5:
            _print.line(f"  and {len(seen.reckoning.missed) - 5} more")
    _print.line(f"Everything is stopped. What was learned is kept in {given.home}.")
