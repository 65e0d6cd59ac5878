"""`earshot rematch`: tie stored posts to what they name by today's aliases."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cli import _options
from console.cli._options import as_json, chosen_org
from console.cli.rescore import MOMENT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from workers.rematch import Told

SHOWN = 10
"""Records that are told one by one; JSON has them all."""


def rematch(
    since: Annotated[
        str, typer.Option(metavar="WHEN", help=f"Posts said from then on: {MOMENT}.", show_default=False)
    ],
    until: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Posts said before then (default: now).", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be tied.")] = False,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Tie stored posts to the accounts, contacts and campaigns that their texts name by today's names and aliases.

    After `earshot aliases add` or an import, for what was said before. It only adds: what a post is tied to stays, and
    so does what a person accepted, rejected, linked or unlinked. No case is opened, raised or closed by it, and nobody
    becomes a lead. A handle needs none of this: its author's past posts follow by themselves.

    Batches of 500 posts, each as a whole: Ctrl-C loses nothing, and the same command may be run again at any time.

    Examples: earshot rematch --since 30d --dry-run
              earshot rematch --since 2026-03-01 --until 2026-06-01
    """
    from sqlalchemy.orm import sessionmaker

    from console.cli import _print
    from console.cli.rescore import _moment, _now
    from console.database import engine, opened
    from workers.rematch import Told, rematched, waiting
    from workers.rescore import Stretch

    chosen = _options.org()
    with opened() as session:
        now = _now(session)
        stretch = Stretch(
            chosen, _moment(since, now, "--since"), _moment(until, now, "--until") if until else now
        )
        if stretch.since >= stretch.until:
            raise typer.BadParameter("it must lie before --until", param_hint="--since")
        events = waiting(session, stretch)
    told = Told()
    try:
        for batch in _bar(rematched(sessionmaker(engine()), stretch, dry=dry_run), events):
            told.add(batch)
    except KeyboardInterrupt:
        _print.said(f"Stopped; {told.looked:,} of {events:,} posts are done, and what was tied stays.")
        raise
    matched, suggested = _named(told.matched), _named(told.suggested)
    if json:
        _print.as_json(
            {
                "org": chosen,
                "since": stretch.since,
                "until": stretch.until,
                "dry_run": dry_run,
                "looked": told.looked,
                "tied": told.tied,
                "matches": matched,
                "suggestions": suggested,
            }
        )
        return
    for line in _lines(told, matched, suggested, dry_run):
        _print.line(line)


def _named(found: Counter[tuple[str, UUID]]) -> list[dict[str, Any]]:
    """{kind, record_id, record, posts}, those with the most posts first."""
    from console.database import opened
    from console.records import called

    with opened() as session:
        return [
            {
                "kind": kind,
                "record_id": record,
                "record": called(session, _options.org(), kind, record).name,
                "posts": posts,
            }
            for (kind, record), posts in found.most_common()
        ]


def _lines(
    told: Told, matched: list[dict[str, Any]], suggested: list[dict[str, Any]], dry: bool
) -> Iterable[str]:
    from console.words import counted

    would = "would be" if dry else "are"
    yield f"{counted(told.looked, 'post')} looked at; {told.tied:,} {would} tied to something more."
    for one in matched[:SHOWN]:
        yield f"  {one['kind']} {one['record']}: {counted(one['posts'], 'post')}"
    if len(matched) > SHOWN:
        yield f"  and {len(matched) - SHOWN:,} more"
    if waits := sum(one["posts"] for one in suggested):
        yield f"{counted(waits, 'suggestion')} {'would wait' if dry else 'more'} for a decision: earshot review"
    yield (
        "No case was opened, raised or closed by that."
        if not dry
        else "Nothing was written. Without --dry-run it is."
    )


def _bar(batches: Iterable[Told], events: int) -> Iterable[Told]:
    """The batches, with a bar and an estimate on standard error where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("matching"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("matching", total=events)
        for batch in batches:
            progress.advance(task, batch.looked)
            yield batch
