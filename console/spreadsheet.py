"""Texts of strangers in a file that a spreadsheet may open: none is taken for a formula there.

A cell that begins with = + - or @ is computed on opening. Such a text gets an apostrophe in front, and so does one
that has apostrophes before such a character already: so taking one off gives back exactly what was said.
"""

from __future__ import annotations

import re

# the wide ones are read like the others by spreadsheets of East Asia
_COMPUTED = re.compile(r"'*\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")


def guarded(words: str) -> str:
    """A text as it stands in a file."""
    return f"'{words}" if _COMPUTED.match(words) else words


def unguarded(cell: str) -> str:
    """The text that stands in a cell that `guarded` made."""
    return cell[1:] if cell.startswith("'") and _COMPUTED.match(cell) else cell
