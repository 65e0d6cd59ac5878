"""`earshot score`: the number that a text gets, and the words that weighed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from console.cli import _options
from console.cli._options import as_json, chosen_org

if TYPE_CHECKING:
    from workers.score import Explanation, Scorer


def score(
    text: Annotated[str, typer.Argument(help="The text; - reads standard input.")],
    lexicon: Annotated[
        Literal["org", "support", "none"],
        typer.Option(
            help="org: our words, our names masked; support: the shipped profile; none: plain VADER."
        ),
    ] = "org",
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Score a text as a post would be: the number in [-1, 1], what was read, and the words that weighed.

    The words and the punctuation add up to the sum exactly, and the number is sum / sqrt(sum² + 15). Our lexicon
    and our own names are known where a database can be reached; --lexicon support and none need none.

    Examples: earshot score "Still waiting for my refund"
              earshot score --lexicon none "I can't believe this"
    """
    import sys

    from console.cli import _print
    from console.csv_file import decoded
    from workers.lexicon import shipped
    from workers.score import Scorer, Unscored

    words = decoded(sys.stdin.buffer.read(), "standard input") if text == "-" else text
    words = words.encode("utf-8", "replace").decode()
    known = {"none": Scorer, "support": lambda: Scorer((), shipped()), "org": _of_the_organisation}
    scorer = known[lexicon]()
    (told,) = scorer.score([(words, None)])
    found: dict[str, Any] = {"sentiment": None, "unscored": None, **_weighed(scorer.explain(words))}
    if isinstance(told, Unscored):
        found |= {"unscored": told.reason, "lang": told.lang, "scorer": scorer.version}
    else:
        found |= {"sentiment": told.compound, "lang": told.lang, "scorer": told.version}
    if json:
        _print.as_json(found)
        return
    number = (
        f"{found['sentiment']:+.4f}" if found["unscored"] is None else f"none ({reason(found['unscored'])})"
    )
    _print.line(f"score   {number}")
    _print.line(f"read as {found['text'] or '–'}")
    _print.line(f"words   {words_that_weighed(found, most=len(found['words']))}")
    _print.line(f"scorer  {found['scorer']}")


def _weighed(told: Explanation) -> dict[str, Any]:
    """As `console.explain.weighed`, but in the order of the text: only so do the floats add up to the last digit."""
    return {
        "text": told.text,
        "words": [{"word": word.word, "weight": word.weight} for word in told.words],
        "emphasis": told.emphasis,
        "total": told.total,
        "compound": told.compound,
    }


def reason(unscored: str) -> str:
    """Why a text has no score, in words."""
    known = {"empty": "it has no words", "media_only": "it is links only"}
    if unscored.startswith("lang:"):
        return f"it is not English ({unscored[5:]})"
    return known.get(unscored, unscored)


def words_that_weighed(told: dict[str, Any], most: int = 12) -> str:
    """The words and their weights in a line, the heaviest first, and how they become the number."""
    from console.words import one_line

    ranked = sorted(told["words"], key=lambda word: -abs(word["weight"]))
    weights = [f"{one_line(word['word'], 40)} {exact(word['weight'])}" for word in ranked if word["weight"]]
    if not weights:
        return "none weighed"
    more = f", and {len(weights) - most} more" if len(weights) > most else ""
    marks = f", punctuation {exact(told['emphasis'])}" if told["emphasis"] else ""
    made = f"no number is made of it: {reason(told['unscored'])}" if told.get("unscored") else ""
    made = made or f"sum {exact(told['total'])} → {told['compound']:+.4f}"
    return f"{', '.join(weights[:most])}{more}{marks}; {made}"


def exact(weight: float) -> str:
    """A weight with two digits behind the point, or as many as it has, so that what is shown adds up."""
    digits = f"{weight:+.10f}".rstrip("0")
    return digits if len(digits.partition(".")[2]) > 2 else f"{weight:+.2f}"


def _of_the_organisation() -> Scorer:
    """The organisation's lexicon, its own names masked; without a database the shipped profile, and it says so."""
    from console.cli import _print
    from workers._settings import BadSetting
    from workers.lexicon import shipped
    from workers.score import Scorer

    try:
        from console.database import opened
        from workers.directory import read_scorer

        with opened() as session:
            return read_scorer(session, _options.org())
    except BadSetting as error:
        if error.field != "database_url":
            raise
        _print.said(
            "No database is set and no instance runs here: scored with the shipped support profile,"
            " without our own names and words."
        )
        return Scorer((), shipped())
