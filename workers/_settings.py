"""Every setting, once, with the sentence that the README prints for it.

A value comes from the environment (`EARSHOT_` and the name in capitals); what the environment leaves
open is read from the instance that runs on the data folder (`instance.json`, written by `earshot up`
and `demo`), so that a worker or a CLI in another terminal finds the servers without being told.
The surprising thing: an instance file whose process is gone counts for nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "EARSHOT_"


class BadSetting(Exception):
    """A setting cannot be used. `field` is its name in lower case, `reason` a sentence without its value."""

    def __init__(self, field: str, reason: str) -> None:
        self.field, self.reason = field, reason
        super().__init__(f"{PREFIX}{field.upper()}: {reason}")


def default_home(environ: Mapping[str, str], uid: int) -> Path:
    """The data folder when EARSHOT_HOME is not set; never fails and creates nothing.

    root: /var/lib/earshot. Others: XDG_DATA_HOME, else ~/.local/share, where ~ is HOME if it is a folder,
    else what the user database says. A user without any home gets /var/tmp/earshot-UID, which
    survives a restart of the machine and is the same from every working directory.
    """
    if uid == 0:
        return Path("/var/lib/earshot")
    xdg = environ.get("XDG_DATA_HOME", "")
    if xdg.startswith("/"):
        return Path(xdg) / "earshot"
    homes = [environ.get("HOME", "")]
    with contextlib.suppress(KeyError):
        homes.append(pwd.getpwuid(uid).pw_dir)
    for home in homes:
        if home.startswith("/") and home != "/" and os.access(home, os.W_OK | os.X_OK):
            return Path(home) / ".local" / "share" / "earshot"
    return Path(f"/var/tmp/earshot-{uid}")  # noqa: S108 - local/home.py refuses it when it is not ours


def started_ticks(pid: int) -> int | None:
    """When a process was started, in clock ticks since the machine's start; None when there is none.

    A pid alone names nobody for long: with its start it names one process.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def running_instance(home: Path) -> dict[str, Any]:
    """The settings of the instance that runs on this folder; empty when none runs or we may not read them."""
    try:
        with (home / "instance.json").open() as file:
            if os.geteuid() not in (0, os.fstat(file.fileno()).st_uid):
                return {}  # somebody else put it there: their servers are not ours
            instance = json.load(file)
        if started_ticks(instance["pid"]) != instance["started"]:
            return {}
        return dict(instance["settings"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def kombu_broker_url(url: str) -> str:
    """A broker URL as Celery wants it: a unix socket is redis+socket://:password@/path?virtual_host=N."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    db = parse_qs(parts.query).get("db", ["0"])[0]
    return urlunsplit(("redis+socket", parts.netloc, parts.path, urlencode({"virtual_host": db}), ""))


def redis_url(url: str) -> str:
    """A broker URL as redis-py wants it: a unix socket is unix://:password@/path?db=N."""
    parts = urlsplit(url)
    if parts.scheme != "redis+socket":
        return url
    db = parse_qs(parts.query).get("virtual_host", ["0"])[0]
    return urlunsplit(("unix", parts.netloc, parts.path, urlencode({"db": db}), ""))


class Settings(BaseSettings):
    """All settings. Frozen; secrets are not in its repr."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    database_url: str | None = Field(
        None,
        repr=False,
        description="PostgreSQL 15+ of the fleet: postgresql://user:password@host/name. Unset: the embedded one.",
    )
    migrations_url: str | None = Field(
        None,
        repr=False,
        description="The same database as the role that owns it and may migrate it. Unset: the database URL.",
    )
    broker_url: str | None = Field(
        None,
        repr=False,
        description="Redis 6.2+ or Valkey: redis://, rediss://, unix:// or redis+socket://. Unset: the embedded one.",
    )
    home: Path = Field(
        default_factory=lambda: default_home(os.environ, os.geteuid()),
        description="The data folder of the embedded servers, their logs and the running instance's file.",
    )
    org: str = Field(
        "main", min_length=1, max_length=64, description="The organisation that commands work for."
    )
    encryption_key: SecretStr | None = Field(
        None,
        description="Encrypts credentials and sessions: Fernet keys, the newest first, separated by commas.",
    )
    encryption_key_file: Path | None = Field(
        None, description="A file that holds the encryption keys instead, one a line, the newest first."
    )
    trusted_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Private hosts that may be fetched all the same: host:port, separated by commas."
    )
    user_agent: str = Field(
        "Earshot/0.1 (social listening)",
        min_length=1,
        max_length=256,
        description="How we introduce ourselves to platforms; name a contact address in it.",
    )
    request_deadline: float = Field(8, gt=0, description="Seconds that one request may take in total.")
    source_deadline: float = Field(15, gt=0, description="Seconds that one visit to a source may take.")
    batch_deadline: float = Field(20, gt=0, description="Seconds that one poll task fetches.")
    soft_limit: float = Field(25, gt=0, description="Seconds until a task is told to stop.")
    hard_limit: float = Field(30, gt=0, description="Seconds until a task's process is killed.")
    lease: float = Field(40, gt=0, description="Seconds for which a claimed source or page is ours.")
    visibility_timeout: float = Field(
        900, gt=0, description="Seconds after which the broker gives an unanswered message to another worker."
    )
    recheck_every: float = Field(
        86_400, gt=0, description="Seconds from one round of asking what became of stored posts to the next."
    )
    recheck_days: int = Field(30, ge=0, description="Posts of so many days are asked after; 0: none.")
    recheck_paid: bool = Field(
        False, description="Ask also where each look-up costs money (X). It counts against the budget."
    )
    most_a_day: int = Field(
        20_000, ge=1, description="Posts a day above which a source is too broad to be followed unasked."
    )
    poll_every: float = Field(5, gt=0, description="Seconds between two looks for due sources, per platform.")
    poll_sources: int = Field(
        20, ge=1, le=500, description="How many due sources one poll task claims at most."
    )
    digest_every: float = Field(3, gt=0, description="Seconds between two looks for landed pages.")
    digest_posts: int = Field(
        500, ge=1, le=5000, description="How many posts one digest transaction takes at most."
    )
    sweep_every: float = Field(60, gt=0, description="Seconds between two rounds of housekeeping.")
    notify_every: float = Field(2, gt=0, description="Seconds between two looks for news that is owed.")
    keep_news: int = Field(30, ge=4, description="Days that delivered news is kept, and can be replayed.")
    smtp_url: SecretStr | None = Field(
        None,
        description="The server that takes our e-mail: smtp+starttls://user:password@host:587 or smtps://user:password@host.",
    )
    mail_from: str | None = Field(None, description="The address that our e-mail is from.")
    keep_ledger: int = Field(90, ge=1, description="Days that the account of a visit and its pages is kept.")
    fetch_processes: int = Field(
        2, ge=1, le=64, description="Processes of the fetch worker that `up` starts."
    )
    digest_processes: int = Field(
        2, ge=1, le=64, description="Processes of the digest worker that `up` starts."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="How much is logged.")
    ready_file: Path | None = Field(
        None, description="A file that a worker or beat writes once it is ready and removes when it stops."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings

    @field_validator("trusted_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("trusted_hosts")
    @classmethod
    def _host_and_port(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            name, colon, port = host.rpartition(":")
            if not (name and colon and port.isdecimal() and 0 < int(port) < 65536):
                raise ValueError("each trusted host is host:port, like 127.0.0.1:8080")
        return value

    @field_validator("database_url", "migrations_url")
    @classmethod
    def _postgresql(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not re.match(r"(postgresql|postgresql\+psycopg|postgres)://", value):
            raise ValueError("expected postgresql://user:password@host:port/name")
        return "postgresql://" + value.partition("://")[2]

    @field_validator("broker_url")
    @classmethod
    def _redis(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(
            ("redis://", "rediss://", "unix://", "redis+socket://")
        ):
            raise ValueError("expected redis://:password@host:port/0, rediss://, unix:// or redis+socket://")
        return value

    @field_validator("home")
    @classmethod
    def _absolute_home(cls, value: Path) -> Path:
        try:
            return Path(os.path.abspath(value.expanduser()))  # noqa: PTH100 - keeps symbolic links as typed
        except RuntimeError:
            raise ValueError("~ has no meaning here: the user has no home folder") from None

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _deadlines_nest(self) -> Settings:
        names = ("request_deadline", "source_deadline", "batch_deadline", "soft_limit", "hard_limit", "lease")
        for inner, outer in zip(names, (*names[1:], "visibility_timeout"), strict=True):
            if getattr(self, inner) >= getattr(self, outer):
                raise ValueError(f"{PREFIX}{inner.upper()} must be shorter than {PREFIX}{outer.upper()}")
        return self

    @property
    def database(self) -> str:
        """The fleet's database URL, for psycopg and SQLAlchemy alike. Raises BadSetting when there is none."""
        return _required("database_url", self.database_url, self.home)

    @property
    def migrations(self) -> str:
        """The owner's database URL. Raises BadSetting when there is no database."""
        return self.migrations_url or self.database

    @property
    def broker(self) -> str:
        """The broker's URL in Celery's form. Raises BadSetting when there is none."""
        return kombu_broker_url(_required("broker_url", self.broker_url, self.home))

    @property
    def redis(self) -> str:
        """The broker's URL in redis-py's form. Raises BadSetting when there is none."""
        return redis_url(_required("broker_url", self.broker_url, self.home))

    def keys(self) -> list[str]:
        """The encryption keys, the newest first; empty when none is set. Raises BadSetting."""
        if self.encryption_key is not None:
            found = self.encryption_key.get_secret_value().split(",")
        elif self.encryption_key_file is not None:
            try:
                found = self.encryption_key_file.read_text().splitlines()
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or "not a text file"
                raise BadSetting("encryption_key_file", f"cannot be read: {why}") from None
        else:
            found = []
        return [key.strip() for key in found if key.strip()]


def _required(field: str, value: str | None, home: Path) -> str:
    if value is None:
        raise BadSetting(
            field,
            f"not set, and no instance runs on {home}: start `earshot up`, or set EARSHOT_HOME or "
            f"{PREFIX}{field.upper()}",
        )
    return value


def from_environment(**given: Any) -> Settings:
    """The settings as the environment has them, without any running instance. Raises BadSetting."""
    try:
        return Settings(**given)
    except ValidationError as error:
        raise _sentence(error) from None


def read_settings() -> Settings:
    """The settings of the environment, completed by the running instance's. Raises BadSetting."""
    ours = from_environment()
    taken = set(ours.model_fields_set)
    if "database_url" in taken:
        taken.add("migrations_url")  # the instance's owner belongs to the instance's database
    instance = running_instance(ours.home)
    return from_environment(**{name: value for name, value in instance.items() if name not in taken})


@cache
def settings() -> Settings:
    """`read_settings()`, once per process."""
    return read_settings()


def _sentence(error: ValidationError) -> BadSetting:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    reason = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        named = reason.split(" ")[0].removeprefix(PREFIX).lower()
        return BadSetting(named, reason.partition(" ")[2])
    return BadSetting(str(first["loc"][0]), reason[:1].lower() + reason[1:])
