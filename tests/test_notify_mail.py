"""News by e-mail: over TLS or not at all, one conversation a case, and nothing of other people's words in a header."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from tests.keyed import a_key, keys
from tests.postbox import Postbox, postbox
from tests.telling import Owing
from workers import letter, notify
from workers._settings import BadSetting, Settings
from workers.mail import is_address, message, server
from workers.outbox import News

PASSWORD = "c4n4ry/p@ss"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Postbox]:
    with pytest.MonkeyPatch.context() as patch, postbox(tmp_path) as made:
        patch.setenv("SSL_CERT_FILE", str(tmp_path / "mail.pem"))
        notify._context.cache_clear()
        yield made
    notify._context.cache_clear()


@pytest.fixture
def owing(database: str, box: Postbox) -> Iterator[Owing]:
    with pytest.MonkeyPatch.context() as patch, keys(patch, a_key()):
        made = Owing(database)
        made.settings = Settings(
            database_url=database,
            smtp_url=SecretStr(f"smtp+starttls://olga:c4n4ry%2Fp%40ss@127.0.0.1:{box.port}"),
            mail_from="earshot@acme.example",
            request_deadline=2,
        )
        yield made
        made.close()


def mailbox(owing: Owing) -> UUID:
    return owing.receiver(name="sam", kind="email", address="sam@acme.example", secret=None)


def test_news_of_a_case_is_one_conversation_over_one_connection_with_tls(owing: Owing, box: Postbox) -> None:
    mailbox(owing)
    case = owing.story("post:mastodon:1")
    assert owing.notifies() == 3
    assert box.connections == 1
    assert box.bare == ["EHLO", "STARTTLS"]
    assert len(box.logins) == 1
    assert [one["To"] for one in box.arrived] == ["sam@acme.example"] * 3
    assert [one["Subject"].split()[1] for one in box.arrived] == ["New", "Worse", "Closed"]
    assert {one["References"] for one in box.arrived} == {f"<case_{case}@acme.example>"}
    assert len({one["Message-ID"] for one in box.arrived}) == 3
    assert box.arrived[0]["Auto-Submitted"] == "auto-generated"
    assert owing.states() == ["delivered"] * 3


@pytest.mark.parametrize(
    ("refuses", "said"),
    [
        ({"RCPT": "550 no such user"}, "refuses the recipient: 550 no such user"),
        ({"END": "451 try later"}, "does not take it: 451 try later"),
        ({"AUTH": "535 no"}, "refuses our user name or password"),
        ({"EHLO": "421 too busy", "HELO": "421 too busy"}, "mail server 127.0.0.1"),
    ],
)
def test_what_the_mail_server_refuses_is_told_and_tried_again_under_the_same_id(
    owing: Owing, box: Postbox, refuses: dict[str, str], said: str
) -> None:
    receiver = mailbox(owing)
    owing.story("post:mastodon:1")
    box.refuses = refuses
    assert owing.notifies() == 0
    assert said in owing.stands(receiver).last_error
    assert "c4n4ry" not in str(owing.stands(receiver))
    box.refuses = {}
    assert owing.notifies(again=True) == 3
    assert [one["Subject"].split()[1] for one in box.arrived] == ["New", "Worse", "Closed"]


def test_nothing_is_sent_without_tls_or_to_a_certificate_that_nobody_signed(
    owing: Owing, box: Postbox
) -> None:
    receiver = mailbox(owing)
    owing.opens("post:mastodon:1")
    box.tls = False
    assert owing.notifies() == 0
    assert "offers no TLS" in owing.stands(receiver).last_error
    box.tls = True
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SSL_CERT_FILE")
        notify._context.cache_clear()
        assert owing.notifies(again=True) == 0
    assert "certificate" in owing.stands(receiver).last_error
    assert set(box.bare) <= {"EHLO", "STARTTLS", "QUIT"}
    assert box.logins == box.arrived == []


def test_words_of_others_end_no_header_and_steer_no_screen() -> None:
    told: dict[str, Any] = {
        "case": "c",
        "subject": "Bad\r\nBcc: all@x.example\n\u202eevil\x1b[2J",
        "ticket": {"number": 7, "priority": "high", "status": "open"},
        "score": -0.8,
        "post": {
            "author": "@z\r\noe",
            "platform": "x",
            "text": "a\n.\nQUIT\n\x07b",
            "occurred_at": "2026-01-01T10:00:00",
        },
    }
    news = News(1, None, "case.opened", datetime(2026, 1, 1, tzinfo=UTC), 0, json.dumps(told))
    made = message(news, "sam@acme.example", "earshot@acme.example")
    assert made["Bcc"] is None
    assert made["Subject"] == "[Earshot] New ticket 7: Bad Bcc: all@x.example evil[2J"
    text = made.get_content()
    assert "> .\n> QUIT\n> b" in text
    assert not {c for c in text if not c.isprintable()} - {"\n"}


def test_a_digest_counts_lists_and_says_how_much_is_left_out() -> None:
    lines = [
        {
            "kind": "case.opened",
            "at": "2026-01-01T10:00:00+00:00",
            "case": "c",
            "subject": "Bad\x1b[2J",
            "ticket": 7,
        },
        {"kind": "case.closed", "at": "2026-01-01T10:05:00+00:00", "case": "c"},
    ]
    counts = {"case.opened": 1, "case.closed": 300}
    told = {"since": lines[0]["at"], "until": lines[1]["at"], "counts": counts, "news": lines, "more": 299}
    assert letter.subject("digest", told) == "[Earshot] 301 pieces of news in one"
    said = letter.words("digest", told).splitlines()
    assert "2026-01-01 10:00 UTC  New: ticket 7, Bad[2J" in said
    assert "2026-01-01 10:05 UTC  Closed: c" in said
    assert "    300  Closed" in said
    assert said[-1] == "... and 299 more."
    elsewhere = letter.words("case.closed", {"closed_at": "2026-01-01T01:05:00.25+09:00"})
    assert "Closed:   2025-12-31 16:05 UTC" in elsewhere


@pytest.mark.parametrize("url", ["smtp://h", "http://h", "smtps://", "smtps://h:x", "c4n4ry"])
def test_a_setting_that_is_no_mail_server_over_tls_is_refused_without_its_value(url: str) -> None:
    with pytest.raises(BadSetting) as refused:
        server(Settings(smtp_url=SecretStr(url), mail_from="a@b.example"))
    assert "c4n4ry" not in str(refused.value)
    given = Settings(smtp_url=SecretStr("smtps://u:c4n4ry@h"), mail_from="a@b.example")
    assert "c4n4ry" not in f"{given!r} {server(given)!r}"


def test_what_is_no_address_of_a_mailbox_is_none() -> None:
    for good in ("sam@acme.example", "o'neil+news@a-b.c.example", "a.b@localhost"):
        assert is_address(good)
    for bad in ("sam", "@acme", "sam@", "a b@c", "a@b\r\nBcc: c@d", "a@b,c@d", "Sam <a@b>", "a@b@c.example",
                "ann@acme..example", "b@c.", "ann@x:y", ".a@b.example", "a..b@c.example", "a@[10.0.0.1]", "a@-b"):  # fmt: skip
        assert not is_address(bad), bad
