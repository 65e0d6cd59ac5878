"""`earshot correct` and `earshot corrections`: what people say of a score, beside the number."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from console.cli import _options
from console.cli._options import Commands, as_json, chosen_org

app = Commands(
    no_args_is_help=True, help="What people said of scores: look at it, or take it along as a file."
)


def correct(
    event: Annotated[str, typer.Argument(metavar="EVENT", help="An id, its end, an external id or address.")],
    label: Annotated[
        Literal["negative", "neutral", "positive"] | None, typer.Argument(help="What it really is.")
    ] = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take the newest correction of this post back.")
    ] = False,
    note: Annotated[
        str | None, typer.Option(help="Why, for whoever reads it later.", show_default=False)
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Who says so (default: your user name here).", show_default=False),
    ] = None,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Say what a post's sentiment really is. Its number stays, with the correction beside it; no case opens or closes.

    `earshot explain` and `earshot mentions` show it; `earshot corrections export` makes a file of all, to measure by.

    Examples: earshot correct 9f3c2a71 negative --note "sarcasm"
              earshot correct 9f3c2a71 --undo
    """
    from console import corrections
    from console.cli import _print
    from console.database import opened
    from console.explain import find

    if undo == (label is not None):
        raise typer.BadParameter("say negative, neutral or positive, or --undo")
    chosen = _options.org()
    with opened() as session:
        post = find(session, chosen, event)
        name = str(post)[-8:]
        if label is None:
            taken, left = corrections.undo(session, chosen, post)
            done, counts = "taken back", left
            said = f"{name}: taken back that it is {correction_line(taken)}."
            said += (
                f" What counts now: {correction_line(left)}." if left else " It is not corrected any more."
            )
        else:
            made = corrections.correct(session, chosen, post, label, _cleaned(by) or _user(), _cleaned(note))
            done, counts = "corrected" if made else "same", made
            if made is None:
                counts = corrections.standing(corrections.corrections_of(session, post))
                said = f"{name} is corrected so already: {label}."
            else:
                said = f"{name} is {correction_line(made)}. {_number(made)}"
    if json:
        _print.as_json({"done": done, "org": chosen, "event": post, "correction": counts})
        return
    _print.line(said)


@app.command("list")
def list_(
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=_options.MOST, help="How many at most.")
    ] = 100,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """What was corrected, the newest first: what people said, and the number that stood there.

    Example: earshot corrections list --limit 500
    """
    from console.cli import _print
    from console.corrections import corrections
    from console.database import opened
    from console.words import one_line, score

    with opened() as session:
        found = corrections(session, _options.org(), limit)
    if json:
        _print.as_json(found)
        return
    _print.table(
        ["event", "corrected", "label", ">score", "by", "~post", "~note"],
        [
            (
                str(row["event_id"])[-8:],
                row["created_at"],
                row["label"],
                score(row["sentiment"]),
                one_line(row["by"] or "", 40),
                one_line(row["text"], 160),
                one_line(row["note"] or "", 120),
            )
            for row in found
        ],
        "Nothing was corrected yet: earshot correct EVENT negative, neutral or positive.",
    )


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; - is standard output.")],
    org: chosen_org = None,
) -> None:
    """Write all corrections that count into a file, tab-separated; an existing one is replaced.

    `earshot evaluate sentiment FILE --lexicon org` says how well the scores agree with them.

    Example: earshot corrections export corrections.tsv
    """
    import sys

    from console.cli import _print
    from console.corrections import as_file
    from console.database import opened
    from console.refusal import CannotDo
    from console.words import counted

    with opened() as session:
        told, rows = as_file(session, _options.org())
    if str(file) == "-":
        sys.stdout.buffer.write(told.encode())
        sys.stdout.flush()
        return
    try:
        file.write_bytes(told.encode())
    except OSError as error:
        raise CannotDo(f"{file} cannot be written: {error.strerror or error}.") from None
    _print.line(
        f"{counted(rows, 'correction')} in {file}. Next: earshot evaluate sentiment {file} --lexicon org"
    )


def correction_line(told: dict[str, Any]) -> str:
    """A correction in words: the label, by whom, when, and why."""
    from console.words import one_line

    by = f" by {one_line(told['by'], 60)}" if told["by"] else ""
    note = f": {one_line(told['note'], 300)}" if told["note"] else ""
    return f"{told['label']}{by}, {told['created_at']:%Y-%m-%d %H:%M} UTC{note}"


def _number(made: dict[str, Any]) -> str:
    from console.words import score

    if made["sentiment"] is None:
        return "It still has no score."
    return f"Its score stays {score(made['sentiment'])}."


def _user() -> str | None:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return None


def _cleaned(words: str | None) -> str | None:
    """As typed, on one line; what the terminal sent that is no character is replaced."""
    if words is None:
        return None
    return " ".join(words.encode("utf-8", "replace").decode().split()) or None
