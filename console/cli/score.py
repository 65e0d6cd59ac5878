"""`earshot score`: the number that a text gets, and the words that weighed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from console.cli import _options
from console.cli._options import as_json, chosen_org


def score(
    text: Annotated[str, typer.Argument(help="The text; - reads standard input.")],
    lexicon: Annotated[
        Literal["org", "none"], typer.Option(help="org: our names masked; none: plain VADER's words.")
    ] = "org",
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Score a text as a post would be: the number in [-1, 1], what was read, and the words that weighed.

    Our own names are masked where a database can be reached; --lexicon none needs none.

    Examples: earshot score "Your app is great, said no one ever"
              earshot score --lexicon none "I can't believe this"
    """
    import sys

    from console.cli import _print
    from console.explain import weighed
    from workers.score import Scorer, Unscored

    words = sys.stdin.read() if text == "-" else text
    words = words.encode("utf-8", "replace").decode()
    scorer = Scorer() if lexicon == "none" else _of_the_organisation()
    (told,) = scorer.score([(words, None)])
    found: dict[str, Any] = {"sentiment": None, "unscored": None, **weighed(scorer, words)}
    if isinstance(told, Unscored):
        found |= {"unscored": told.reason, "lang": told.lang}
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
    _print.line(f"words   {words_that_weighed(found)}")


def reason(unscored: str) -> str:
    """Why a text has no score, in words."""
    known = {"empty": "it has no words", "media_only": "it is links only"}
    if unscored.startswith("lang:"):
        return f"it is not English ({unscored[5:]})"
    return known.get(unscored, unscored)


def words_that_weighed(told: dict[str, Any], most: int = 12) -> str:
    """The words and their weights in a line, the heaviest first, and how they become the number."""
    from console.words import one_line

    weights = [
        f"{one_line(word['word'], 40)} {word['weight']:+.2f}" for word in told["words"] if word["weight"]
    ]
    if not weights:
        return "none weighed"
    if told["emphasis"]:
        weights.append(f"punctuation {told['emphasis']:+.2f}")
    more = f", and {len(weights) - most} more" if len(weights) > most else ""
    return f"{', '.join(weights[:most])}{more}; sum {told['total']:+.2f} → {told['compound']:+.4f}"


def _of_the_organisation() -> Any:
    """The scorer that masks our own names; without a database the plain one, and it says so."""
    from console.cli import _print
    from workers._settings import BadSetting
    from workers.score import Scorer

    try:
        from console.database import opened
        from workers.directory import read_directory

        with opened() as session:
            return read_directory(session, _options.org()).scorer
    except BadSetting as error:
        if error.field != "database_url":
            raise
        _print.said("No database is set and no instance runs here: scored without our own names.")
        return Scorer()
