"""`earshot import posts`: posts from a file, as a backfill that opens nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from console.cli import _options
from console.cli._options import as_json, chosen_org

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from uuid import UUID

    from console.posts_file import PostsFile
    from console.posts_import import Told


class TellsColumns(TyperCommand):
    """A command whose help names the columns of a table of posts."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from connectors._neutral import COLUMNS, NEEDED

        told = "\n".join(
            f"{name}{' (needed)' if name in NEEDED else ''}: {words}" for name, words in COLUMNS.items()
        )
        self.help = f"{self.help}\n\nColumns\n{told}"
        super().format_help(ctx, formatter)


def posts(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="NDJSON or CSV in UTF-8; - reads standard input.")
    ],
    platform: Annotated[
        str, typer.Option(help="Where they were said; ids are known again as that platform's.")
    ] = "file",
    name: Annotated[
        str | None, typer.Option(help="What the file is called in Earshot (default: its own name).")
    ] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="ndjson or csv (default: by the file's ending).")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Read it from the start, even where it was imported or changed.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only read it and tell the bad lines.")] = False,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Posts from a file: what was said before Earshot listened, or where it cannot. They open no case, ever.

    Ctrl-C loses nothing: the same command goes on where it stopped, and what a file grew by is what the next run takes.
    Posts that are known already are not doubled. A bad line is told by its number and kept in quarantine; the others
    come in, and the exit code is 1.

    NDJSON has a JSON object a line: id, text and posted_at; also verb, author {id, handle, name, bot}, url, reply_to,
    reply_to_author, thread, place, repost_of, mentions [{id, handle}], hashtags [...], links [...], lang, warning, counts
    {name: number}, rating, visibility, edited_at. CSV has the columns below.

    Examples: earshot import posts archive.ndjson
              earshot import posts survey.csv --dry-run
              earshot import posts toots.csv --platform mastodon --name "our archive"
    """
    import sys
    from datetime import UTC, datetime

    from console.cli import _print
    from console.posts_file import PostsFile, format_of
    from console.refusal import CannotDo
    from models.vocabulary import PLATFORMS

    if platform not in PLATFORMS:
        raise typer.BadParameter(f"it is one of {', '.join(PLATFORMS)}", param_hint="--platform")
    piped = str(file) == "-"
    called = "standard input" if piped else file.name
    written = "ndjson" if piped and format_ is None else format_of(called, format_)
    try:
        stream = sys.stdin.buffer if piped else file.open("rb")
    except OSError as error:
        raise CannotDo(f"{file} cannot be read: {error.strerror or error}.") from None
    with stream, _bar(called) as progress:
        opened = PostsFile(stream, called, written)
        moved = progress(opened.size)
        if dry_run:
            from console.posts_import import read_only

            told = read_only(opened, datetime.now(UTC), moved)
            source = None
        else:
            source, told = _import(opened, platform, name or called, again, moved)
    _tell(_print, called, told, source, dry_run, json)
    if told.rejected:
        raise typer.Exit(1)


def _import(
    opened: PostsFile, platform: str, name: str, again: bool, moved: Callable[[int], None]
) -> tuple[UUID, Told]:
    from console import fleet
    from console.cli import _print
    from console.database import opened_for
    from console.posts_import import file_source, import_posts
    from console.refusal import CannotDo
    from workers._settings import settings

    org = _options.org()
    with opened_for(org) as session:
        source, since = file_source(session, org, platform, name)
        now = fleet.now(session)
    if again or opened.size is None:
        since = None
    if since and (why := opened.changed(since)):
        raise CannotDo(
            f"{opened.name} is not the file that was imported as {name!r} up to line {since.line:,}: {why}."
            " With --again it is read from the start (what is known is not doubled); --name makes it another file."
        )
    ring = _fleet()
    try:
        return source, import_posts(opened, source, since, settings(), now=now, ring=ring, moved=moved)
    except KeyboardInterrupt:
        _print.said("Stopped. What was read is imported; the same command goes on from there.")
        raise


def _fleet() -> Callable[[], None] | None:
    """How to call the workers; None where none digests."""
    import redis

    from console.workers_alive import queues
    from workers._settings import BadSetting

    try:
        digesting = any("digest" in names for names in queues().values())
    except (redis.RedisError, BadSetting):
        return None
    if not digesting:
        return None
    from workers.tasks import ring_digest

    return ring_digest


def _bar(called: str) -> AbstractContextManager[Callable[[int | None], Callable[[int], None]]]:
    """A bar of bytes on standard error, where that is a terminal: given the size, what to tell of each byte reached."""
    from contextlib import contextmanager

    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    @contextmanager
    def shown() -> Iterator[Callable[[int | None], Callable[[int], None]]]:
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task(called, total=None)

            def sized(size: int | None) -> Callable[[int], None]:
                progress.update(task, total=size)
                return lambda at: progress.update(task, completed=at)

            yield sized

    return shown()


def _tell(show: Any, called: str, told: Told, source: UUID | None, dry_run: bool, json: bool) -> None:
    from dataclasses import asdict

    from console.words import counted

    for line, reason in told.bad:
        show.said(f"{called}, line {line}: {reason}")
    if told.rejected > len(told.bad):
        show.said(f"... and {told.rejected - len(told.bad):,} more lines that are no post")
    if json:
        bad = [{"line": line, "reason": reason} for line, reason in told.bad]
        show.as_json({**asdict(told), "bad": bad, "source": source, "dry_run": dry_run})
        return
    not_taken = f", {counted(told.rejected, 'line')} not taken" if told.rejected else ""
    if dry_run:
        show.line(f"{called}: {counted(told.posts, 'post')}{not_taken}. Nothing was written.")
        return
    if not told.posts and not told.rejected:
        before = f"; it was imported up to line {told.since:,}" if told.since else ""
        show.line(f"{called}: nothing new{before}.")
        return
    after = f" after line {told.since:,}" if told.since else ""
    show.line(f"{called}{after}: {counted(told.posts, 'post')}{not_taken}.")
    show.line(
        f"new {told.new:,}, known {told.duplicate:,}, edited {told.edited:,}, filtered {told.filtered:,},"
        f" in quarantine {told.quarantined:,}"
    )
