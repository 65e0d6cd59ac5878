"""`earshot evaluate`: how good are scores and matches, held against what people said of the same texts?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from console.cli import _options
from console.cli._options import Commands, as_json, chosen_org

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from console.evaluate.reading import Row
    from console.evaluate.report import Part, Table

app = Commands(
    no_args_is_help=True, help="How good the scores are, held against what people said of the same texts."
)

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="Tab-separated, UTF-8, a header, nothing quoted.", show_default=False
    ),
]
Rows = Annotated[
    list[str] | None,
    typer.Option(
        "--rows", metavar="COLUMN=PATTERN", help="Only rows like this (!= : unlike); * and ? may stand."
    ),
]
Lexicon = Annotated[
    Literal["support", "none", "org"],
    typer.Option(
        help="support: the shipped profile; none: VADER's own words; org: the organisation's lexicon and names."
    ),
]
OwnNames = Annotated[
    list[str] | None,
    typer.Option(
        "--own-name", metavar="NAME", help="Mask this name; a column brand is masked row by row anyway."
    ),
]
LONG = 2_000
"""Rows from which on a file takes long enough to show how far it is."""


@app.command()
def sentiment(
    file: File,
    lexicon: Lexicon = "support",
    own_name: OwnNames = None,
    threshold: Annotated[
        list[float] | None,
        typer.Option("--threshold", "-t", min=-1, max=1, help="One more threshold for the table."),
    ] = None,
    rows: Rows = None,
    detect: Annotated[
        bool,
        typer.Option(
            "--detect-language", help="Let the scorer find the language; else: column lang, or English."
        ),
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="PICTURE", help="Draw the curves into this .png or .svg.", show_default=False),
    ] = None,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Texts with a judgement, held against their scores: correlation, F1, and what each threshold would catch.

    The file has a column text and one of: label (negative, neutral, positive; or complaint, not), mean_rating (-4 to 4),
    sentiment (-1 to 1). `earshot corrections export` writes such a file. Proportions come with 95 % intervals
    by Wilson; the threshold at which the shipped rule opens a Ticket is marked. No database is needed, but for --lexicon org.

    Examples: earshot evaluate sentiment complaints.tsv --plot curves.png
              earshot evaluate sentiment tweets.tsv --lexicon none
              earshot evaluate sentiment complaints.tsv --rows 'domain!=random_*' --threshold -0.35
    """
    import msgspec

    from console.cli import _print
    from console.evaluate import picture, tables
    from console.evaluate.lexicons import scorers
    from console.evaluate.reading import read
    from console.evaluate.scoring import answers, numbers
    from console.evaluate.sentiment import judged, measure

    if plot is not None:
        picture.demand_place(plot)
    sheet = read(file).chosen(rows or ())
    truth = judged(sheet)
    chosen = scorers(lexicon, own_name or (), _options.org() if lexicon == "org" else "")
    found = answers(sheet, chosen, detect=detect, track=_bar)
    told = measure(sheet, truth, found, numbers(found), chosen.version, threshold or ())
    if plot is not None:
        picture.draw(plot, told.detector, told.shipped, f"{file.name}: {told.rows:,} rows, lexicon {lexicon}")
        _print.said(f"The curves are in {plot}.")
    if json:
        _print.as_json(msgspec.to_builtins(told))
        return
    _print.line(tables.head(told))
    if told.pearson is not None:
        _print.line(f"Pearson r {told.pearson:.4f}")
    _show(tables.of_sentiment(told))
    _print.line(tables.INTERVALS)


@app.command()
def language(
    file: File,
    lang: Annotated[
        str | None,
        typer.Option(metavar="TAG", help="The language of every row, for a file without a column lang."),
    ] = None,
    rows: Rows = None,
    json: as_json = False,
) -> None:
    """What is scored although it is not English, and what is skipped although it is.

    The file has the columns text and lang (en, de, ...). Hindi in Latin letters (hi) and texts of under three words
    are reported apart: no detector tells the one from English, and the other is scored on purpose.

    Examples: earshot evaluate language multilingual.tsv
              earshot evaluate language english.tsv --lang en
    """
    import msgspec

    from console.cli import _print
    from console.evaluate import tables
    from console.evaluate.language import languages
    from console.evaluate.lexicons import scorers
    from console.evaluate.reading import read
    from console.evaluate.scoring import answers

    sheet = read(file, ["text"] if lang else ["text", "lang"]).chosen(rows or ())
    chosen = scorers("support")
    told = languages(sheet, answers(sheet, chosen, detect=True, track=_bar), chosen.version, lang)
    if json:
        _print.as_json(msgspec.to_builtins(told))
        return
    _show([tables.of_languages(told)])
    _print.line(tables.INTERVALS)


@app.command()
def resolution(
    rows: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="A folder of rows.tsv and companies.tsv of your own.", show_default=False
        ),
    ] = None,
    mistakes: Annotated[bool, typer.Option("--mistakes", help="List each wrong row, and why.")] = False,
    json: as_json = False,
) -> None:
    """What posts are tied to, held against rows that a person has judged; exit code 1 when a bar is missed.

    The rows go through the real digest in a throwaway database: companies, people and campaigns, and posts that name
    them, only seem to, or imitate them. Where the truth sets are (EARSHOT_TRUTH), their texts are heard as well, by
    companies that are called like ordinary words.

    A FOLDER holds rows.tsv and what its rows speak of: companies.tsv, contacts.tsv, campaigns.tsv, tickets.tsv. All are
    tab-separated UTF-8 with a heading, nothing quoted; lists have spaces between their parts, and \\n is a line end. A row has
    id, group, platform, posted_on, text and expected (account:KEY contact:KEY campaign:KEY ticket:KEY; with ? behind it:
    may be), and where it needs them author_id, author_handle, mentions (id|handle), hashtags, links, reply_to, heard_by,
    may_suggest, stands_on and note. The head of simulator/names/__init__.py says what each column means.

    Examples: earshot evaluate resolution
              earshot evaluate resolution --mistakes
              earshot evaluate resolution --rows ~/our-rows --json
    """
    import msgspec

    from console.cli import _print
    from console.evaluate import resolution as measured
    from console.evaluate.parts import truth_folder
    from console.evaluate.report import as_values

    where = truth_folder()
    told = measured.in_throwaway(rows, where)
    part = measured.part(told)
    if json:
        _print.as_json({**msgspec.to_builtins(told), "bars": [as_values(bar) for bar in told.bars]})
    else:
        from console.evaluate import tables

        _part(part)
        _show([measured.mistakes(told)] if mistakes else ())
        _show([tables.of_bars(part.bars)])
    raise typer.Exit(1 if _verdict([part], where) else 0)


@app.command("all")
def everything(
    folder: Annotated[
        Path | None,
        typer.Option(
            help="The folder of the truth sets (default: EARSHOT_TRUTH, else ../shared/truth).",
            show_default=False,
        ),
    ] = None,
    part: Annotated[
        list[str] | None,
        typer.Option(
            "--part",
            metavar="NAME",
            help="Only this part: tweets, airlines, brands, semeval17, language, resolution.",
        ),
    ] = None,
    json: as_json = False,
) -> None:
    """All tables and bars that a release is held to; exit code 1 when a bar is missed.

    A truth set that is not there is said to be skipped, and a bar that no row stands for not to be measured; with CI=true
    that is a failure too.

    Examples: EARSHOT_TRUTH=~/truth earshot evaluate all
              earshot evaluate all --part language --part airlines
    """
    from console.cli import _print
    from console.evaluate import tables
    from console.evaluate.parts import Run, evaluate, truth_folder

    where = folder or truth_folder()
    found = evaluate(Run(where, _bar), part or ())
    bars = [bar for one in found for bar in one.bars]
    if json:
        _print.as_json([_plain(one) for one in found])
    else:
        for one in found:
            _part(one)
        if bars:
            _show([tables.of_bars(bars)])
    raise typer.Exit(1 if _verdict(found, where) else 0)


def _verdict(parts: Sequence[Part], where: Path) -> bool:
    """Say what was missed and what was not measured, the remedy last; is it a failure?"""
    import os

    from console.cli import _print

    bars = [bar for part in parts for bar in part.bars]
    missed = [bar.what for bar in bars if bar.missed]
    unmeasured = [bar.what for bar in bars if not bar.measured]
    skipped = [what for part in parts for what in ([part.name] if part.skipped else part.lacks)]
    if missed:
        _print.said(f"MISSED: {'; '.join(missed)}.")
    if unmeasured:
        _print.said(f"NOT MEASURED, there being no row for it: {'; '.join(unmeasured)}.")
    if skipped:
        _print.said(
            f"SKIPPED: {', '.join(skipped)}. No truth sets for them are in {where}: EARSHOT_TRUTH=FOLDER says where they are."
        )
    strict = os.environ.get("CI") == "true"
    return bool(missed or (strict and (unmeasured or skipped)))


def _part(part: Part) -> None:
    from console.cli import _print

    _print.line(f"\n== {part.title} ==")
    if part.skipped:
        _print.line(f"SKIPPED: {part.skipped}.")
        return
    for note in part.notes:
        _print.line(note)
    _show(part.tables)


def _plain(part: Part) -> dict[str, object]:
    import msgspec

    from console.evaluate.report import as_values

    told: dict[str, object] = msgspec.to_builtins(part)
    told["bars"] = [as_values(bar) for bar in part.bars]
    return told


def _show(tables: Iterable[Table]) -> None:
    from console.cli import _print

    for table in tables:
        _print.line(f"\n{table.title}")
        _print.table(table.columns, table.rows, "There is nothing to show.")


def _bar(rows: Sequence[Row]) -> Iterable[Row]:
    """The rows, with a bar on standard error while they are gone through; a short file needs none."""
    if len(rows) < LONG:
        return rows
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(rows, "scoring", console=console, transient=True, disable=not console.is_terminal)
