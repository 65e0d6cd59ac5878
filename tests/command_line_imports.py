"""What commands import and work out alike, for the server that their processes are forked from.

No socket is opened and no setting read. What is here is exempt from garbage collection: a collection in a forked
process would copy all of it.
"""

from __future__ import annotations

import gc
from encodings import utf_8_sig

import cryptography.fernet
import rich._emoji_codes
import rich.markdown
import rich.table
import sqlalchemy.dialects.postgresql.psycopg
import typer.rich_utils

import console.aliases
import console.cases
import console.cli._print
import console.corrections
import console.database
import console.evaluate.parts
import console.explain
import console.failures
import console.fleet
import console.following
import console.health
import console.importing
import console.keys
import console.leads
import console.lexicon
import console.mentions
import console.naming
import console.own
import console.policy
import console.preview
import console.quarantine
import console.review
import console.rules
import console.scorers
import console.spending
import console.suggestions
import console.workers_alive
import tests.command_line
import workers.app
import workers.rescore
from console.cli import command
from workers.app import load_for_digest

__all__ = ["console", "cryptography", "rich", "sqlalchemy", "tests", "typer", "utf_8_sig", "workers"]

command()
load_for_digest()
gc.collect()
gc.freeze()
