"""The data folder: who may enter it, what lies in it, and that only one instance runs on it.

    secrets.json     passwords of the embedded servers, made once        0600
    encryption.key   encrypts credentials, made once                     0600
    instance.json    the settings of the running instance, while it runs 0600
    lock             held while an instance runs, names its process
    postgres/ valkey/ sockets/   the servers' own, closed to all others
    run/ logs/ server/

As root the servers run under an unprivileged account (PostgreSQL refuses root). That account may pass
through the data folder and sees nothing else in it; folders above it are never changed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local.account import Account, server_account
from workers._settings import started_ticks

SOCKET_ROOM = 107 - len("/.s.PGSQL.5432")
"""How long the folder of a unix socket may be: the kernel allows 107 bytes for the whole path."""


class CannotStart(Exception):
    """Why an instance cannot run here, in a sentence that names the remedy."""


class Home:
    """A data folder, made ready. Raises CannotStart when it cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        _not_somebody_elses(path)
        self.account = server_account(path / "postgres")
        self._demand_passage(next(folder for folder in path.parents if folder.exists()))
        try:
            self._make()
        except OSError as error:
            raise CannotStart(
                f"The data folder {path} cannot be used: {error.strerror or error}. "
                "Name another with EARSHOT_HOME."
            ) from None
        self._demand_passage(path)
        self.sockets = self._socket_folder()

    @property
    def run(self) -> Path:
        """Where children say that they are ready."""
        return self.path / "run"

    @property
    def logs(self) -> Path:
        """One log a child."""
        return self.path / "logs"

    @property
    def key_file(self) -> Path:
        """The encryption key of this instance, made at its first use."""
        file = self.path / "encryption.key"
        if not file.exists():
            write_private(file, urlsafe_b64encode(secrets.token_bytes(32)).decode() + "\n")
        return file

    def secret(self, name: str) -> str:
        """The password of this name, made at its first use and kept. Letters and digits only."""
        file = self.path / "secrets.json"
        known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
        if name not in known:
            known[name] = secrets.token_hex(24)
            write_private(file, json.dumps(known, indent=1))
        return known[name]

    def folder(self, name: str) -> Path:
        """A folder of this name that belongs to the servers' account and nobody else."""
        folder = self.path / name
        _private_folder(folder, self.account)
        return folder

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder. Raises CannotStart, naming the process, when another instance holds it."""
        file = self.path / "lock"
        while True:
            fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(fd, 32, 0).decode().strip() or "unknown"
                os.close(fd)
                raise CannotStart(
                    f"An instance already runs on {self.path} (process {holder}). "
                    "Stop it, or name another folder with EARSHOT_HOME."
                ) from None
            # Whoever held it before may have removed the file between our open and our lock.
            with contextlib.suppress(FileNotFoundError):
                if os.fstat(fd).st_ino == file.stat().st_ino:
                    break
            os.close(fd)
        try:
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            file.unlink(missing_ok=True)
            os.close(fd)

    @contextlib.contextmanager
    def announced(self, settings: Mapping[str, Any]) -> Iterator[None]:
        """Let other terminals find this instance while it runs. Values are those of workers' Settings."""
        file = self.path / "instance.json"
        me = {"pid": os.getpid(), "started": started_ticks(os.getpid()), "settings": dict(settings)}
        write_private(file, json.dumps(me, indent=1, default=str))
        try:
            yield
        finally:
            file.unlink(missing_ok=True)

    def clear_sockets(self) -> None:
        """Remove what servers that were killed left in the socket folder."""
        for left in self.sockets.iterdir():
            left.unlink()

    def remove_outside_folder(self) -> None:
        """Remove the socket folder when it had to lie outside the data folder."""
        if self.sockets.parent != self.path:
            shutil.rmtree(self.sockets, ignore_errors=True)

    def _demand_passage(self, folder: Path) -> None:
        if self.account and not self.account.reaches(folder):
            raise CannotStart(
                f"PostgreSQL refuses to run as root, and the account {self.account.name} that would run it "
                f"instead cannot reach {folder}. Name another folder with EARSHOT_HOME, such as "
                "/var/lib/earshot, or run this as an ordinary user."
            )

    def _make(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.geteuid() == 0 and self.account:
            os.chown(self.path, 0, self.account.gid)
            self.path.chmod(0o710)
        else:
            self.path.chmod(0o700)
        for folder in (self.run, self.logs):
            _private_folder(folder, None)

    def _socket_folder(self) -> Path:
        name = "earshot-" + hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        candidates = [self.path / "sockets"]
        if runtime.startswith("/") and os.access(runtime, os.W_OK) and not self.account:
            candidates.append(Path(runtime) / name)
        candidates.append(Path("/tmp") / name)  # noqa: S108 - refused below unless it is ours alone
        folder = next(path for path in candidates if len(os.fsencode(path)) <= SOCKET_ROOM)
        _private_folder(folder, self.account)
        return folder


def write_private(file: Path, text: str, account: Account | None = None) -> None:
    """Write a file that only its owner (None: we) may read: whole or not at all."""
    new = file.with_name(f"{file.name}.{os.getpid()}.new")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w") as out:
        if account:
            os.fchown(fd, account.uid, account.gid)
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    new.replace(file)


def _not_somebody_elses(path: Path) -> None:
    """Refuse a folder with other things in it: we are about to close it to everybody else."""
    try:
        found = {entry.name for entry in path.iterdir()}
    except FileNotFoundError:
        return
    except OSError as error:
        raise CannotStart(
            f"The data folder {path} cannot be used: {error.strerror}. Name another with EARSHOT_HOME."
        ) from None
    if path.stat().st_uid not in (os.geteuid(), 0) and found:
        raise CannotStart(f"The data folder {path} belongs to another user. Name another with EARSHOT_HOME.")
    if found and not found & {"run", "secrets.json", "instance.json"}:
        raise CannotStart(
            f"{path} holds other things than Earshot's data. Name a new or empty folder with EARSHOT_HOME."
        )


def _private_folder(folder: Path, account: Account | None) -> None:
    """Make a folder of mode 0700 for this account (None: ours), or raise CannotStart if it is another's."""
    uid, gid = (account.uid, account.gid) if account else (os.geteuid(), os.getegid())
    made = False
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        made = True
    try:
        # By handle, and through no link: a planted one would have us close some other folder.
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        raise CannotStart(f"{folder} is not a folder of the account that needs it. Remove it.") from None
    try:
        if made:
            os.fchown(fd, uid, gid)
        if os.fstat(fd).st_uid != uid:
            raise CannotStart(f"{folder} is not a folder of the account that needs it. Remove it.")
        os.fchmod(fd, 0o700)
    finally:
        os.close(fd)
