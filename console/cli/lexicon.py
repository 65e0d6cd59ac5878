"""`earshot lexicon`: what words weigh for us, over the shipped support profile and VADER's own lexicon."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from console.cli import _options
from console.cli._options import Commands, as_json, chosen_org

app = Commands(no_args_is_help=True, help="What words weigh for us: a lexicon by version, over the profile.")

Note = Annotated[str | None, typer.Option("--note", help="Why, for the history.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show each word that changed, not only the first.")
]
# so that a weight below zero is no option
NEGATIVE = {"ignore_unknown_options": True}


@app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="The shipped profile's words too.")] = False,
    version: Annotated[int | None, typer.Option(help="As it was in this version.", min=0)] = None,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Our words and phrases with their weights in [-4, 4]; what weighs 0 does not count.

    Examples: earshot lexicon list
              earshot lexicon list --all --version 3
    """
    from console.cli import _print
    from console.database import opened
    from console.lexicon import listed

    with opened() as session:
        found = listed(session, _options.org(), version, everything)
    if json:
        _print.as_json(found)
        return
    _print.table(
        ["~word or phrase", ">weight", "of"],
        [(row["word"], f"{row['weight']:+.2f}", row["of"]) for row in found["words"]],
        'No words of ours yet: earshot lexicon set "WORD OR PHRASE" WEIGHT.',
    )
    _print.said(f"Version {found['version']}, {_beneath(found['profile'])}.")


@app.command("set", context_settings=NEGATIVE)
def set_(
    pairs: Annotated[
        list[str], typer.Argument(metavar="WORD WEIGHT [WORD WEIGHT ...]", help="Quote a phrase.")
    ],
    note: Note = None,
    verbose: Verbose = False,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Give words or phrases a weight from -4 (worst) to 4 (best). A weight of 0 means that the word does not count.

    Effective within 30 seconds for posts that come; `earshot rescore` brings it to those that are there.

    Examples: earshot lexicon set outage -2.5
              earshot lexicon set "still waiting" -2 brew 0 --note "brew is our trade"
    """
    from console.refusal import BadInput

    if len(pairs) % 2:
        raise typer.BadParameter("every word needs a weight behind it", param_hint="WORD WEIGHT")
    words: dict[str, float | None] = {}
    for word, weight in zip(pairs[::2], pairs[1::2], strict=True):
        if word in words:
            raise BadInput(f"{word!r} is given twice. Nothing was changed.")
        words[word] = _number(word, weight)
    _change(words, note, json, verbose)


@app.command()
def unset(
    words: Annotated[list[str], typer.Argument(metavar="WORD ...", help="Quote a phrase.")],
    note: Note = None,
    verbose: Verbose = False,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Take a weight of ours back: the word weighs again what the profile or VADER says.

    To make a word weigh nothing, set it to 0.

    Example: earshot lexicon unset "still waiting"
    """
    _change(dict.fromkeys(words), note, json, verbose)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.tsv|csv", help="UTF-8; - reads TSV from stdin.")],
    replace: Annotated[bool, typer.Option("--replace", help="What is not in the file goes.")] = False,
    note: Note = None,
    verbose: Verbose = False,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Words with their weights from a file with the columns word and weight: all of it, or none.

    Examples: earshot lexicon import words.tsv
              earshot lexicon import words.csv --replace
    """
    from console.lexicon_file import read_words
    from console.refusal import BadInput, CannotDo

    try:
        _change(dict(read_words(file)), note or f"from {file.name}", json, verbose, only=replace)
    except BadInput as wrong:  # the file is at fault, not what was typed
        raise CannotDo(str(wrong)) from None


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE.tsv|csv", help="- writes TSV to stdout.")],
    everything: Annotated[bool, typer.Option("--all", help="The shipped profile's words too.")] = False,
    version: Annotated[int | None, typer.Option(help="As it was in this version.", min=0)] = None,
    org: chosen_org = None,
) -> None:
    """Our words with their weights into a file that `lexicon import` reads.

    Example: earshot lexicon export words.tsv
    """
    from console.cli import _print
    from console.database import opened
    from console.lexicon import listed
    from console.lexicon_file import write_words
    from console.words import counted

    with opened() as session:
        found = listed(session, _options.org(), version, everything)
    write_words(file, [(row["word"], row["weight"]) for row in found["words"]])
    _print.said(f"{counted(len(found['words']), 'word')} of version {found['version']} written to {file}.")


@app.command()
def profile(
    name: Annotated[Literal["support", "none"], typer.Argument(help="support, or none: plain VADER.")],
    note: Note = None,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Put the shipped support profile beneath our words, or nothing.

    The thresholds of the shipped rules were chosen with the profile; without it tickets get fewer.

    Example: earshot lexicon profile none
    """
    _change({}, note, json, False, profile=name)


@app.command()
def history(org: chosen_org = None, json: as_json = False) -> None:
    """Every version of the lexicon, the newest first: when, by whom, how many words, and why.

    Example: earshot lexicon history
    """
    from console.cli import _print
    from console.database import opened
    from console.lexicon import history

    with opened() as session:
        found = history(session, _options.org())
    if json:
        _print.as_json(found)
        return
    _print.table(
        [">version", "at", "by", "profile", ">words", ">changed", "~note"],
        [
            (row["version"], row["at"], row["by"], row["profile"], row["words"], row["changed"], row["note"])
            for row in found
        ],
        "The lexicon is version 0: the shipped support profile, and no words of ours.",
    )


@app.command()
def restore(
    version: Annotated[int, typer.Argument(min=0, help="0: the shipped profile alone.")],
    verbose: Verbose = False,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Make the lexicon what it was in a version, words and profile; that is a new version again.

    Example: earshot lexicon restore 3
    """
    from console.database import opened_for
    from console.lexicon import restore

    chosen = _options.org()
    with opened_for(chosen) as session:
        changed = restore(session, chosen, version, by=_whoever())
    _tell(changed, {}, json, verbose)


def _change(words: dict[str, float | None], note: str | None, json: bool, verbose: bool, **more: Any) -> None:
    from console.cli import _print
    from console.database import opened_for
    from console.lexicon import change, masked
    from console.words import one_line

    chosen = _options.org()
    with opened_for(chosen) as session:
        changed = change(session, chosen, words, note=note, by=_whoever(), **more)
        ours = masked(session, chosen, [word for word, weight in words.items() if weight])
    _tell(changed, words, json, verbose)
    if ours:
        shown = ", ".join(repr(one_line(word, 60)) for word in ours[:MOST])
        _print.said(
            f"Our own names are masked before anything is scored, so this weighs nothing where it names us: {shown}"
            + (f" and {len(ours) - MOST:,} more." if len(ours) > MOST else ".")
        )


MOST = 5
"""Words whose change is shown one by one unless more is asked for."""


def _tell(changed: Any, given: dict[str, float | None], json: bool, verbose: bool) -> None:
    from dataclasses import asdict

    from console.cli import _print
    from console.words import counted

    if json:
        _print.as_json(asdict(changed))
        return
    if not changed.fresh:
        _print.line(f"Nothing changed: version {changed.version}, {_beneath(changed.profile)}.")
        return
    shown = changed.words if verbose else changed.words[:MOST]
    if len(changed.words) > MOST:
        others = "" if verbose else f"; the first {MOST} (all with --verbose):"
        _print.line(f"{counted(len(changed.words), 'word')}: {_counts(changed.words)}{others}")
    out = {" ".join(word.lower().split()) for word, weight in given.items() if weight == 0}
    for word in shown:
        before, after = word.alone
        now = "0, so it does not count" if word.after is None and word.word in out else _weight(word.after)
        _print.line(
            f"{word.word}: {_weight(word.before)} → {now}; alone it scores {before:+.4f} → {after:+.4f}"
        )
    _print.line(
        f"Version {changed.version}, {_beneath(changed.profile)}: holds within 30 seconds for posts that come."
    )


def _counts(words: Any) -> str:
    """How many got a weight, weigh otherwise, or weigh nothing any more."""
    got = sum(word.before is None and word.after is not None for word in words)
    lost = sum(word.before is not None and word.after is None for word in words)
    told = {"new": got, "changed": len(words) - got - lost, "without a weight now": lost}
    return ", ".join(f"{number:,} {name}" for name, number in told.items() if number)


def _weight(weight: float | None) -> str:
    return "no weight" if weight is None else f"{weight:+.2f}"


def _beneath(profile: str) -> str:
    return "over the support profile" if profile == "support" else "over plain VADER"


def _number(word: str, weight: str) -> float:
    from console.refusal import BadInput

    try:
        return float(weight)
    except ValueError:
        raise BadInput(
            f"The weight of {word!r} is {weight!r}, and must be a number. Nothing was changed."
        ) from None


def _whoever() -> str | None:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        # a container may run as a number without a name
        return None
