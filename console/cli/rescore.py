"""`earshot rescore`: give stored posts the number that today's lexicon gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cli import _options
from console.cli._options import as_json, chosen_org

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from workers.rescore import Told

MOMENT = "30d, 12h, 2w, or a date like 2026-11-01"


def rescore(
    since: Annotated[
        str, typer.Option(metavar="WHEN", help=f"Posts said from then on: {MOMENT}.", show_default=False)
    ],
    until: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Posts said before then (default: now).", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Score stored posts anew with today's lexicon and names; what was made with today's lexicon stays as it is.

    Batches of 500 posts, each as a whole: Ctrl-C loses nothing, and the next run goes on where this one was. No case is
    opened, raised or closed by it; how many posts would cross a threshold now is said at the end.

    Examples: earshot rescore --since 30d --dry-run
              earshot rescore --since 2026-11-01
    """
    from sqlalchemy.orm import sessionmaker

    from console.cli import _print
    from console.database import engine, opened
    from workers.directory import read_scorer
    from workers.rescore import Stretch, Told, due, rescored
    from workers.standing import read_rules

    chosen = _options.org()
    with opened() as session:
        now = _now(session)
        stretch = Stretch(
            chosen, _moment(since, now, "--since"), _moment(until, now, "--until") if until else now
        )
        if stretch.since >= stretch.until:
            raise typer.BadParameter("it must lie before --until", param_hint="--since")
        scorer, rules = read_scorer(session, chosen), read_rules(session, chosen)
        waiting, events = due(session, stretch, scorer)
    told = Told()
    try:
        for batch in _bar(rescored(sessionmaker(engine()), stretch, scorer, rules, dry=dry_run), waiting):
            told.add(batch)
    except KeyboardInterrupt:
        _print.said(
            f"Stopped; {told.looked:,} of {waiting:,} posts are done. The same command goes on from there."
        )
        raise
    if json:
        _print.as_json(
            {
                "org": chosen,
                "since": stretch.since,
                "until": stretch.until,
                "scorer": scorer.version,
                "dry_run": dry_run,
                "events": events,
                "looked": told.looked,
                "changed": told.changed,
                "mean_absolute_change": told.mean_change,
                "scored": told.scored,
                "unscored": told.unscored,
                "would_cross": told.crossing,
                "would_cross_no_longer": told.no_longer,
            }
        )
        return
    for line in _lines(told, events, scorer.version, dry_run):
        _print.line(line)


def _lines(told: Told, events: int, version: str, dry: bool) -> Iterable[str]:
    from console.words import counted

    span = f"{counted(events, 'post')} in that time, today's scorer is {version}"
    if not told.looked:
        yield f"Nothing to do: {span}, and what has a score was made with it."
        return
    would = "would " if dry else ""
    yield f"{span}; {told.looked:,} {'are' if told.looked != 1 else 'is'} of another scorer or without a score."
    mean = "" if told.mean_change is None else f", by {told.mean_change:.3f} on average (up or down)"
    yield f"{told.changed:,} {would}change{'' if dry else 'd'} their number{mean}."
    if told.scored or told.unscored:
        yield f"{told.scored:,} that had none {would}get one; {told.unscored:,} {would}lose theirs."
    yield (
        f"{told.crossing:,} cross a threshold with the new number and did not before, {told.no_longer:,} no longer do;"
        " no case is opened, raised or closed by that."
    )
    if dry:
        yield "Nothing was written. Without --dry-run it is."


def _bar(batches: Iterable[Told], waiting: int) -> Iterable[Told]:
    """The batches, with a bar and an estimate on standard error where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("rescoring"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("rescoring", total=waiting)
        for batch in batches:
            progress.advance(task, batch.looked)
            yield batch


def _now(session: Any) -> datetime:
    from sqlalchemy import text

    now: datetime = session.execute(text("SELECT now()")).scalar_one()
    return now


def _moment(words: str, now: datetime, option: str) -> datetime:
    """A moment so long ago (30d, 12h, 2w), or one by its date."""
    import re
    from datetime import timedelta

    from console.words import parsed_moment

    try:
        if ago := re.fullmatch(r"(\d{1,5})\s*([hdw])", words.strip().lower()):
            unit = {"h": "hours", "d": "days", "w": "weeks"}[ago[2]]
            return max(now - timedelta(**{unit: int(ago[1])}), parsed_moment("1970-01-02"))
        return parsed_moment(words)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{words!r} is no time like {MOMENT}", param_hint=option) from None
