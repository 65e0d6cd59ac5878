"""Who holds a row, in SQL: a lease ends with its time, and with the database session that took it.

docs/decisions/0003 says why. Both are parts of statements over a row with lease_until, lease_pid and lease_started.
"""

from __future__ import annotations

LEASE_FREE = """(
    {row}.lease_until IS NULL OR {row}.lease_until < now() OR NOT EXISTS (
        SELECT FROM pg_stat_activity a
        WHERE a.pid = {row}.lease_pid AND a.backend_start = {row}.lease_started))"""

LEASE_TAKEN = """lease_until = now() + make_interval(secs => :lease), lease_pid = pg_backend_pid(),
    lease_started = (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())"""
