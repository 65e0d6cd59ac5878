"""Who it is that decides something at a terminal."""

from __future__ import annotations

import getpass

from console.refusal import BadInput


def who_decides(by: str | None) -> str:
    """The name that was given, else the user of this machine. Raises BadInput where there is neither."""
    if by is not None and by.strip():
        return " ".join(by.split())
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        raise BadInput("Say who decides: --by NAME") from None
