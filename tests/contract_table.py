"""Prints what every recording is, and plays it: `python -m tests.contract_table`."""

from __future__ import annotations

import sys
from collections import Counter

from connectors._base import ConnectorError
from tests import recordings_table as rt


def main() -> int:
    """The table, line by line, with what really came out where that is something else."""
    if not rt.ROOT.is_dir():
        print(f"no recordings at {rt.ROOT}; set EARSHOT_RECORDINGS", file=sys.stderr)
        return 2
    wrong = 0
    totals: Counter[tuple[str, str]] = Counter()
    for line in rt.table():
        totals[line.platform, line.what] += 1
        said = f"{line.platform:9}{line.file:76}{line.what:8}{line.kind:9}"
        if line.what == "page":
            said += f"posts {line.posts:3}  reposts {line.reposts:2}  rejects {line.rejects:2}  "
        if line.what in {"page", "error"}:
            got = rt.outcome(line)
            if isinstance(got, ConnectorError):
                ok = line.what == "error" and line.note.startswith(type(got).__name__)
            else:
                ok = line.what == "page" and (len(got.posts), len(got.rejects)) == (line.posts, line.rejects)
            if not ok:
                wrong += 1
                said = f"WRONG {said} ({got if isinstance(got, ConnectorError) else 'another page'})"
        print(said + line.note)
    print()
    for (platform, what), n in sorted(totals.items()):
        print(f"{platform:9}{what:8}{n:4}")
    print("all answer as named" if not wrong else f"{wrong} do not answer as named")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
