"""What cannot be done, in a sentence for the person who asked."""

from __future__ import annotations


class CannotDo(Exception):
    """The message says what is wrong and what to do; nothing was changed unless it says so."""


class BadInput(CannotDo):
    """What was typed cannot be taken, whatever there is; a program that retries must change it first. Exit code 2."""
