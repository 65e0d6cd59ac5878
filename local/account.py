"""Under which account the embedded servers run: ours, unless we are root.

No account is ever created. As root it is the one that owns the data already, else `earshot` where the
machine has it (a package or an image makes it), else `nobody`.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Account:
    """An unprivileged user of this machine."""

    name: str
    uid: int
    gid: int

    def reaches(self, path: Path) -> bool:
        """Whether this account may enter (or execute) a path: asked of the kernel, not worked out from modes."""
        asked = subprocess.run(
            ["/usr/bin/test", "-x", path], user=self.uid, group=self.gid, extra_groups=[], check=False
        )
        return asked.returncode == 0


def server_account(data: Path) -> Account | None:
    """Who runs the servers; None is ourselves. `data` is a folder that they own once it exists."""
    if os.geteuid() != 0:
        return None
    names = [pwd.getpwuid(data.stat().st_uid).pw_name] if data.exists() and data.stat().st_uid else []
    for name in (*names, "earshot", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, found.pw_uid, found.pw_gid)
    raise LookupError("this machine has neither an account earshot nor nobody")
