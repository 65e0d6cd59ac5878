"""Words and weights as a file: TSV, or CSV where the name says so, with the columns word and weight."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from console.csv_file import Row, decoded, read_file, rows
from console.refusal import CannotDo
from workers.lexicon import HEAVIEST

COLUMNS = ("word", "weight")


def read_words(path: Path) -> Iterator[tuple[str, float]]:
    """(word, weight) of every line; `-` is standard input. Raises CannotDo for all lines that will not do."""
    name = "standard input" if str(path) == "-" else str(path)
    text = decoded(sys.stdin.buffer.read(), name) if str(path) == "-" else read_file(path)
    wrong: list[str] = []
    found: dict[str, float] = {}
    for row in rows(text, name, COLUMNS, COLUMNS) if path.suffix.lower() == ".csv" else _tabbed(text, name):
        reason = row.wrong or _wrong(row["word"], row["weight"])
        if reason is None and found.get(row["word"], weight := float(row["weight"])) != weight:
            reason = f"{row['word']!r} has another weight further up"
        if reason:
            wrong.append(f"line {row.line}: {reason}")
        else:
            found[row["word"]] = weight
    if wrong:
        more = f"; and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise CannotDo(f"{name}: {'; '.join(wrong[:5])}{more}. Nothing was changed.")
    if not found:
        raise CannotDo(f"{name} has no words under its heading.")
    yield from found.items()


def write_words(path: Path, words: Sequence[tuple[str, float]]) -> None:
    """A file that `read_words` reads; `-` is standard output. Raises CannotDo where it cannot be written."""
    told = io.StringIO()
    writer = csv.writer(told, delimiter="," if path.suffix.lower() == ".csv" else "\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((word, repr(weight)) for word, weight in words)
    if str(path) == "-":
        sys.stdout.write(told.getvalue())
        return
    try:
        path.write_text(told.getvalue(), encoding="utf-8", newline="")
    except OSError as error:
        raise CannotDo(f"{path} cannot be written: {error.strerror or error}.") from None


def _tabbed(text: str, name: str) -> Iterator[Row]:
    lines = text.splitlines()
    if not lines or tuple(cell.strip().lower() for cell in lines[0].split("\t")) != COLUMNS:
        raise CannotDo(f"{name} needs the heading word, tab, weight (or the name of a .csv file).")
    for number, line in enumerate(lines[1:], 2):
        if line.strip():
            cells = [cell.strip() for cell in line.split("\t")]
            wrong = None if len(cells) == 2 else f"{len(cells)} cells instead of a word, a tab and a weight"
            yield Row(number, dict(zip(COLUMNS, cells, strict=False)), wrong)


def _wrong(word: str, weight: str) -> str | None:
    try:
        number = float(weight)
    except ValueError:
        return f"the weight of {word!r} is {weight!r}, and must be a number"
    if not abs(number) <= HEAVIEST:
        return f"the weight of {word!r} is {weight}, and must lie between -4 and 4"
    return None if word else "a weight without a word"
