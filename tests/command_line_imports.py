"""What commands import, for the server that their processes are forked from: nothing is called, no socket opened."""

from __future__ import annotations

import rich.table
import sqlalchemy.dialects.postgresql.psycopg

import console.aliases
import console.cases
import console.cli._failures
import console.cli._print
import console.corrections
import console.evaluate.parts
import console.explain
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
import console.preview
import console.quarantine
import console.review
import console.rules
import console.scorers
import console.workers_alive
import tests.command_line
import workers.app
import workers.rescore

__all__ = ["console", "rich", "sqlalchemy", "tests", "workers"]
