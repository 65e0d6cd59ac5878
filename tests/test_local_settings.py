"""Settings: what a bad one gets, what is never shown, and how a running instance is found."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from workers._settings import (
    BadSetting,
    Settings,
    default_home,
    from_environment,
    kombu_broker_url,
    read_settings,
    redis_url,
    running_instance,
    started_ticks,
)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("database_url", "mysql://u:s3cret@h/x", "expected postgresql://"),
        ("broker_url", "amqp://u:s3cret@h", "expected redis://"),
        ("poll_every", "often", "valid number"),
        ("digest_processes", "0", "greater than or equal to 1"),
        ("trusted_hosts", "127.0.0.1", "host:port"),
        ("log_level", "loud", "'DEBUG'"),
        ("lease", "3", "must be shorter than EARSHOT_LEASE"),
    ],
)
def test_a_bad_setting_is_a_sentence_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(f"EARSHOT_{name.upper()}", value)
    with pytest.raises(BadSetting) as caught:
        from_environment()
    assert reason in str(caught.value)
    assert caught.value.field == ("hard_limit" if name == "lease" else name)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_DATABASE_URL", "postgresql://u:s3cret@h/x")
    monkeypatch.setenv("EARSHOT_BROKER_URL", "redis://:s3cret@h/0")
    monkeypatch.setenv("EARSHOT_ENCRYPTION_KEY", "s3cret")
    ours = from_environment()
    assert "s3cret" not in repr(ours)
    assert "s3cret" not in str(ours)
    assert ours.keys() == ["s3cret"]


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_DATABASE_URL", "")
    assert from_environment().database_url is None


def test_every_setting_says_what_it_is_for() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
        assert "\n" not in field.description, name


@pytest.mark.parametrize("written", ["postgresql://u@h/x", "postgres://u@h/x", "postgresql+psycopg://u@h/x"])
def test_one_database_url_serves_psycopg_and_sqlalchemy(
    monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.setenv("EARSHOT_DATABASE_URL", written)
    assert from_environment().database == "postgresql://u@h/x"


def test_one_broker_url_serves_celery_and_redis() -> None:
    kombu, plain = "redis+socket://:pw@/run/v.sock?virtual_host=3", "unix://:pw@/run/v.sock?db=3"
    assert kombu_broker_url(plain) == kombu
    assert redis_url(kombu) == plain
    for url in ("redis://:pw@h:6379/2", "rediss://h/0?ssl_cert_reqs=required"):
        assert kombu_broker_url(url) == redis_url(url) == url


def _instance(home: Path, started: int | None, **settings: object) -> None:
    home.mkdir()
    text = json.dumps({"pid": os.getpid(), "started": started, "settings": settings})
    (home / "instance.json").write_text(text)


def test_the_running_instance_completes_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    _instance(home, started_ticks(os.getpid()), database_url="postgresql://i@h/x", org="demo")
    monkeypatch.setenv("EARSHOT_HOME", str(home))
    monkeypatch.setenv("EARSHOT_ORG", "ours")
    found = read_settings()
    assert (found.database, found.org) == ("postgresql://i@h/x", "ours")


def test_a_database_of_ones_own_is_never_mixed_with_the_instances(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    _instance(home, started_ticks(os.getpid()), migrations_url="postgresql://owner@h/x")
    monkeypatch.setenv("EARSHOT_HOME", str(home))
    monkeypatch.setenv("EARSHOT_DATABASE_URL", "postgresql://mine@h/y")
    assert read_settings().migrations == "postgresql://mine@h/y"


def test_the_file_of_an_instance_that_is_gone_counts_for_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    _instance(home, 1, database_url="postgresql://i@h/x")  # our pid, but not our start: another process
    assert running_instance(home) == {}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "started": 1, "settings": {}}'])
def test_a_broken_instance_file_counts_for_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "instance.json").write_text(text)
    assert running_instance(tmp_path) == {}


def test_without_any_database_the_sentence_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path))
    with pytest.raises(BadSetting, match="earshot up"):
        _ = read_settings().database


def test_the_data_folder_of_each_kind_of_user(tmp_path: Path) -> None:
    nobody_has_this_uid = 3_999_999_999
    assert default_home({"HOME": "/x"}, 0) == Path("/var/lib/earshot")
    assert default_home({"XDG_DATA_HOME": "/data"}, nobody_has_this_uid) == Path("/data/earshot")
    local = tmp_path / ".local" / "share" / "earshot"
    assert default_home({"HOME": str(tmp_path)}, nobody_has_this_uid) == local
    for useless in ("", "/", "relative", str(tmp_path / "missing")):
        last = Path(f"/var/tmp/earshot-{nobody_has_this_uid}")
        assert default_home({"HOME": useless}, nobody_has_this_uid) == last
