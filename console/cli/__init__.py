"""`earshot ...`: the commands, a module each, and how a failure is said.

Exit codes: 0 done, 1 a sentence on standard error says what is wrong, 2 the command line is wrong. What is
slow to import is imported by the command that needs it, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import Any

import typer.main

from console.cli import (
    aliases,
    authors,
    budget,
    case,
    cases,
    corrections,
    credentials,
    crisis,
    demo,
    doctor,
    evaluate,
    explain,
    imports,
    leads,
    lexicon,
    mentions,
    migrate,
    owed,
    own,
    platforms,
    policy,
    quarantine,
    receivers,
    record,
    rematch,
    rescore,
    review,
    rules,
    score,
    serve,
    sources,
    status,
    up,
    users,
)
from console.cli._options import Commands, chosen_org

app = Commands(
    name="earshot",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "What is said about us reaches the right record, once, and if it hurts, the right person.\n\n"
        "Try [bold]earshot demo[/] first; [bold]earshot up[/] runs it for real, and [bold]earshot doctor[/]"
        " says what is missing."
    ),
    epilog="Every list has --json. Settings are environment variables, EARSHOT_...; the README lists them.",
)


@app.callback()
def _for_all(org: chosen_org = None) -> None: ...


RUN, FOLLOW, TELL, READ, KNOW = "Run it", "What is followed", "Who is told", "What was heard", "Whom we know"

app.command(rich_help_panel=RUN)(demo.demo)
app.command(rich_help_panel=RUN)(up.up)
app.command(rich_help_panel=RUN)(serve.serve)
app.command(rich_help_panel=RUN)(migrate.migrate)
app.command(rich_help_panel=RUN)(doctor.doctor)
app.command(rich_help_panel=RUN)(status.status)
app.add_typer(users.app, name="users", rich_help_panel=RUN)
app.add_typer(quarantine.app, name="quarantine", rich_help_panel=RUN)
app.command(rich_help_panel=FOLLOW)(platforms.platforms)
app.command(rich_help_panel=FOLLOW)(record.record)
app.add_typer(sources.app, name="sources", rich_help_panel=FOLLOW)
app.add_typer(credentials.app, name="credentials", rich_help_panel=FOLLOW)
app.add_typer(budget.app, name="budget", rich_help_panel=FOLLOW)
app.add_typer(rules.app, name="rules", rich_help_panel=FOLLOW)
app.add_typer(policy.app, name="policy", rich_help_panel=FOLLOW)
app.add_typer(receivers.app, name="receivers", rich_help_panel=TELL)
app.add_typer(owed.app, name="owed", rich_help_panel=TELL)
app.add_typer(crisis.app, name="crisis", rich_help_panel=FOLLOW)
app.command(rich_help_panel=READ)(cases.cases)
app.add_typer(case.app, name="case", rich_help_panel=READ)
app.command(rich_help_panel=READ)(leads.leads)
app.command(rich_help_panel=READ)(mentions.mentions)
app.command(rich_help_panel=READ)(explain.explain)
app.command(rich_help_panel=READ)(score.score)
app.command(rich_help_panel=READ)(corrections.correct)
app.add_typer(corrections.app, name="corrections", rich_help_panel=READ)
app.command(rich_help_panel=READ)(rescore.rescore)
app.add_typer(evaluate.app, name="evaluate", rich_help_panel=READ)
app.add_typer(review.app, name="review", rich_help_panel=KNOW)
app.add_typer(lexicon.app, name="lexicon", rich_help_panel=KNOW)
app.add_typer(own.app, name="own", rich_help_panel=KNOW)
app.add_typer(authors.app, name="authors", rich_help_panel=KNOW)
app.add_typer(aliases.app, name="aliases", rich_help_panel=KNOW)
app.command(rich_help_panel=KNOW)(rematch.rematch)
app.add_typer(imports.app, name="import", rich_help_panel=KNOW)


@cache
def command() -> Any:
    """All commands as Click knows them, worked out once a process: that takes longer than many a command."""
    return typer.main.get_command(app)


def main() -> None:
    """The entry point `earshot`."""
    for stream in (sys.stdout, sys.stderr):
        # a terminal that has no such character shows another one instead of ending us
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        command()(prog_name="earshot")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        from console.cli import _print
        from console.failures import exit_code, sentence

        said = sentence(error)
        if said is None:
            raise
        _print.said(f"earshot: {said}")
        sys.exit(exit_code(error))
