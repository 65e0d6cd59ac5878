"""The data folder: who may enter, who is refused, and that only one instance holds it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from local.home import SOCKET_ROOM, CannotStart, Home

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root has servers of another account")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_nobody_else_may_look_into_the_folder(home: Path) -> None:
    made = Home(home)
    made.secret("x")
    assert _mode(home) == (0o710 if os.geteuid() == 0 else 0o700)
    for inside in (made.run, made.logs, made.sockets, made.folder("valkey")):
        assert _mode(inside) == 0o700
    for file in (home / "secrets.json", made.key_file):
        assert _mode(file) == 0o600


def test_passwords_and_keys_are_made_once(home: Path) -> None:
    first = Home(home)
    secret, key = first.secret("valkey"), first.key_file.read_text()
    assert first.secret("other") != secret
    again = Home(home)
    assert (again.secret("valkey"), again.key_file.read_text()) == (secret, key)


def test_a_second_instance_is_refused_politely_and_told_who_holds_the_folder(home: Path) -> None:
    made = Home(home)
    second = Home(home).locked()
    with made.locked(), pytest.raises(CannotStart, match=f"already runs .*process {os.getpid()}"):
        second.__enter__()
    assert not (home / "lock").exists()
    with made.locked():
        pass


def test_a_folder_with_other_things_in_it_is_left_alone(home: Path) -> None:
    home.mkdir(mode=0o755)
    (home / "thesis.txt").touch()
    with pytest.raises(CannotStart, match="holds other things"):
        Home(home)
    assert _mode(home) == 0o755


def test_an_impossible_folder_is_a_sentence(home: Path) -> None:
    home.parent.mkdir(exist_ok=True)
    home.touch()
    with pytest.raises(CannotStart, match="Not a directory"):
        Home(home / "in")
    home.unlink()


@root_only
def test_as_root_a_folder_that_the_servers_cannot_reach_is_refused_and_not_made(home: Path) -> None:
    home.mkdir(mode=0o700)
    with pytest.raises(CannotStart, match="refuses to run as root"):
        Home(home / "in")
    assert _mode(home) == 0o700
    assert not (home / "in").exists()


def test_a_socket_fits_even_when_the_data_folder_is_deep(home: Path) -> None:
    made = Home(home / ("x" * 100))
    assert len(str(made.sockets)) <= SOCKET_ROOM
    assert _mode(made.sockets) == 0o700
    made.remove_outside_folder()
    assert not made.sockets.exists()


def test_a_planted_socket_folder_is_refused(home: Path) -> None:
    deep = home / ("x" * 100)
    planted = Home(deep).sockets
    planted.rmdir()
    elsewhere = home / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    planted.symlink_to(elsewhere)
    try:
        with pytest.raises(CannotStart, match="not a folder of the account"):
            Home(deep)
        assert _mode(elsewhere) == 0o755
    finally:
        planted.unlink()
