"""`earshot receivers` and `earshot owed`: who is told, by whom it is looked after, and owing news again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.command_line import KEY, NO_BROKER, Earshot, earshot
from tests.keyed import a_key, keys
from tests.telling import OK, Hearing, Owing, answers, hearing
from workers.signed import exchanged, new_secret
from workers.signed import keys as signing
from workers.undelivered import give_up


@pytest.fixture
def desk() -> Iterator[Hearing]:
    with hearing() as told:
        yield told


@pytest.fixture
def owing(database: str) -> Iterator[Owing]:
    with pytest.MonkeyPatch.context() as patch, keys(patch, KEY):
        made = Owing(database)
        yield made
        made.close()


@pytest.fixture
def cli(owing: Owing, desk: Hearing, home: Path) -> Earshot:
    owing.settings = owing.settings.model_copy(update={"trusted_hosts": (desk.netloc,)})
    return earshot(
        home,
        database_url=owing.url,
        broker_url=NO_BROKER,
        encryption_key=KEY,
        trusted_hosts=desk.netloc,
    )


def test_a_webhook_is_added_tested_told_rotated_and_removed_and_its_secret_shown_once(
    cli: Earshot, owing: Owing, desk: Hearing
) -> None:
    owing.execute("INSERT INTO users (org_id, email) VALUES ('main', 'Olga@acme.example')")
    words = ("--tells", "case.opened,case.closed", "--per-hour", "50", "--owner", "olga@acme.example")
    added = cli.done("receivers", "add", "webhook", "Desk", desk.url, *words, "--json").json
    secret = added["secret"]
    assert added["receiver"]["owner"] == "Olga@acme.example"
    said = cli.done("receivers", "test", "de").out
    assert "takes it (it answered 204)" in said
    assert desk.heard[0].verified(secret)["type"] == "test"
    owing.story("post:mastodon:1")
    assert owing.notifies() == 2
    assert desk.kinds() == ["test", "case.opened", "case.closed"]
    between, new = (cli.done("receivers", "rotate", "desk", "--json").json["secret"] for _ in range(2))
    owing.opens("post:mastodon:2")
    owing.notifies()
    for both in (secret, between, new):
        assert desk.heard[-1].verified(both)["data"]["level"] == "activity"
    for _ in range(2):
        cli.done("receivers", "rotate", "desk")
    assert "4 new secrets within a day" in cli.refused("receivers", "rotate", "desk")
    shown = "".join(
        cli.done(*words).out
        for words in (("receivers", "list"), ("receivers", "list", "--json"), ("receivers", "show", "desk"),
                      ("receivers", "show", "desk", "--json"), ("owed", "list", "--all", "--json"), ("status",))
    )  # fmt: skip
    assert "at most 50 times an hour" in shown
    assert shown.count("/in?key=k") == 2  # where it is shown by itself, not in lists
    for known in (secret, new):
        assert known not in shown
        assert known.encode() not in bytes(owing.value("SELECT secret FROM receivers"))
    assert "is forgotten" in cli.done("receivers", "remove", "desk").out
    assert owing.value("SELECT count(*) FROM owed") == 0


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://127.0.0.1/in", "not public"),
        ("https://[::ffff:10.0.0.1]/in", "not public"),
        ("https://0x7f000001/in", "not public"),
        ("https://169.254.169.254/latest", "not public"),
        ("http://93.184.216.34/in", "without TLS"),
        ("https://93.184.216.34:8080/in", "port 8080"),
        ("https://user:c4n4ry@desk.example/in", "user name or password"),
        ("ftp://desk.example/in", "http"),
        ("https://desk.example/a b", "plain characters"),
    ],
)
def test_an_address_that_must_not_be_told_is_refused_with_the_reason(
    cli: Earshot, url: str, why: str
) -> None:
    said = cli.refused("receivers", "add", "webhook", "desk", url, code=2)
    assert why in said
    assert "c4n4ry" not in said
    assert cli.done("receivers", "list", "--json").json == []


def test_an_address_that_leads_inside_by_now_is_not_told_and_its_owner_hears_why(owing: Owing) -> None:
    receiver = owing.receiver(address="https://127.0.0.1/in")
    owing.opens("post:mastodon:1")
    assert owing.notifies() == 0
    stands = owing.stands(receiver)
    assert "EARSHOT_TRUSTED_HOSTS" in stands.last_error
    assert stands.failures == 1


def test_what_cannot_be_added_is_refused_in_our_words(cli: Earshot, desk: Hearing) -> None:
    webhook = ("receivers", "add", "webhook")
    assert "'case.opend' is none of case.opened" in cli.refused(
        *webhook, "d", desk.url, "--tells", "case.opend", code=2
    )
    assert "No user of main" in cli.refused(*webhook, "d", desk.url, "--owner", "x@y.example")
    assert "a name that people can say" in cli.refused(*webhook, " ", desk.url, code=2)
    email = ("receivers", "add", "email", "sam")
    assert "no e-mail address" in cli.refused(*email, "sam@", code=2)
    assert "EARSHOT_SMTP_URL: not set" in cli.refused(*email, "sam@acme.example")
    mail = {"EARSHOT_SMTP_URL": "smtps://u:c4n4ry@mail.example", "EARSHOT_MAIL_FROM": "e@acme.example"}
    assert "sam is told everything" in cli.done(*email, "sam@acme.example", **mail).out
    assert "already" in cli.refused(*webhook, "SAM", desk.url)
    assert "no receiver 'x'" in cli.refused("receivers", "show", "x")
    assert "has no secret" in cli.refused("receivers", "rotate", "sam")


def test_news_that_was_given_up_is_listed_told_of_and_owed_again_by_hand(
    cli: Earshot, owing: Owing, desk: Hearing
) -> None:
    receiver = owing.receiver(desk)
    desk.answer = lambda _: answers("500 Oops")
    owing.story("post:mastodon:1")
    owing.notifies()
    owing.execute("UPDATE owed SET until = now() - interval '1 second'")
    assert give_up(owing.sessions) == 3
    assert give_up(owing.sessions) == 0
    [told] = owing.activities()
    assert "given up: 127.0.0.1 answered 500" in told.subject
    failed = cli.done("owed", "list", "--failed", "--json").json
    assert [row["last_error"] for row in failed] == ["127.0.0.1 answered 500"] * 3
    desk.answer = lambda _: OK
    before = desk.heard[0].id
    first, last = str(failed[-1]["id"]), str(failed[0]["id"])
    assert "1 piece of news is owed" in cli.done("owed", "replay", first).out
    said = cli.done("owed", "replay", first, last).out
    assert "1 piece of news waits to be told anyway" in said
    assert "1 piece of news is owed again" in said
    assert owing.notifies() == 2
    assert desk.heard[-2].id == before
    [told] = owing.activities()
    assert told.status == "planned"  # one is still given up
    _, _, command = told.subject.partition("When that is mended: earshot ")
    assert "1 piece of news is owed again" in cli.done(*shlex.split(command)).out
    assert owing.activities()[0].status == "done"
    assert owing.notifies() == 1
    assert desk.kinds()[-3:] == ["case.opened", "case.closed", "case.raised"]
    assert "3 pieces" in cli.done("owed", "replay", "--receiver", "desk", "--since", "2h").out
    desk.heard.clear()
    assert owing.notifies() == 3
    assert desk.kinds() == ["case.opened", "case.raised", "case.closed"]
    assert owing.stands(receiver).state == "active"
    assert "no news 999" in cli.refused("owed", "replay", "999")
    assert "no span of time" in cli.refused("owed", "replay", "--receiver", "desk", "--since", "soon", code=2)


def test_what_was_given_up_says_why_and_is_not_made_good_by_what_is_taken_next(
    owing: Owing, desk: Hearing
) -> None:
    receiver = owing.receiver(desk, "the desk's")
    sick = owing.opens("post:mastodon:sick")
    owing.closes(sick)
    owing.opens("post:mastodon:well")
    desk.answer = lambda one: answers("400 No") if one.body["data"]["case"] == str(sick) else OK
    assert owing.notifies() == 1
    owing.execute("UPDATE receivers SET last_error = NULL")
    owing.execute("UPDATE owed SET until = now() - interval '1 second'")
    assert give_up(owing.sessions) == 2
    owing.opens("post:mastodon:more")
    assert owing.notifies(again=True) == 1
    owing.execute("UPDATE receivers SET state = 'failing'")
    owing.opens("post:mastodon:again")
    assert owing.notifies(again=True) == 1
    assert owing.stands(receiver).state == "active"
    [told] = owing.activities()
    assert "given up: 127.0.0.1 answered 400." in told.subject
    assert told.status == "planned"
    owing.execute("DELETE FROM owed WHERE state = 'failed'")
    give_up(owing.sessions)
    assert owing.activities()[0].status == "done"


def test_owing_again_does_not_hand_back_the_budget_of_the_hour(
    cli: Earshot, owing: Owing, desk: Hearing
) -> None:
    owing.receiver(desk, per_hour=2)
    for number in range(2):
        owing.opens(f"post:mastodon:{number}")
    assert owing.notifies() == 2
    for _ in range(2):
        cli.done("owed", "replay", "--receiver", "desk", "--since", "1h")
        assert owing.notifies(again=True) == 0
    owing.execute(
        "UPDATE receivers SET replayed = ARRAY(SELECT at - interval '1 hour' FROM unnest(replayed) AS at)"
    )
    assert owing.notifies(again=True) == 2


def test_a_receiver_is_changed_and_keeps_its_secret_and_what_it_is_owed(
    cli: Earshot, owing: Owing, desk: Hearing
) -> None:
    owing.execute("INSERT INTO users (org_id, email) VALUES ('main', 'ann@acme.example')")
    added = cli.done("receivers", "add", "webhook", "desk", desk.url.replace("/in", "/old"))
    assert "It has no owner" in added.out
    assert "earshot receivers set desk --owner EMAIL" in added.out
    kept = owing.value("SELECT secret FROM receivers")
    owing.opens("post:mastodon:1")
    limits = ("--per-hour", "20", "--tells", "case.opened")
    said = cli.done(
        "receivers", "set", "desk", "--owner", "ann@acme.example", *limits, "--address", desk.url
    ).out
    assert "case.opened, at most 20 times an hour" in said
    assert "ann@acme.example hears of it" in said
    assert owing.value("SELECT secret FROM receivers") == kept
    assert owing.notifies() == 1
    assert desk.heard[0].path == "/in?key=k"
    cli.done("receivers", "set", "desk", "--owner", "none", "--per-hour", "0", "--tells", "all")
    shown = cli.done("receivers", "show", "desk", "--json").json
    assert (shown["owner"], shown["per_hour"], shown["tells"]) == (None, None, [])
    for words, why in (
        (("--tells", "case.opend"), "is none of"),
        (("--address", "https://127.0.0.1/in"), "not public"),
        ((), "say what to change"),
    ):
        assert why in cli.refused("receivers", "set", "desk", *words, code=2)


def test_a_receiver_that_is_owed_something_is_removed_by_its_whole_name_only(
    cli: Earshot, owing: Owing, desk: Hearing
) -> None:
    receiver = owing.receiver(desk)
    owing.story("post:mastodon:1")
    owing.execute("UPDATE owed SET state = 'failed' WHERE id = :id", id=owing.owed()[0].id)
    owing.execute("UPDATE receivers SET failures = 1, due_at = now() + interval '5 minutes'")
    shown = cli.done("receivers", "show", "desk").out
    assert "next try" in shown
    assert "1: earshot owed replay --receiver desk --failed" in shown
    said = cli.refused("receivers", "remove", "des")
    assert "2 pieces of news that wait and 1 that were given up would be lost" in said
    assert "is forgotten" in cli.done("receivers", "remove", str(receiver)).out


def test_a_paused_receiver_is_told_nothing_and_hears_all_of_it_afterwards(
    cli: Earshot, owing: Owing, desk: Hearing
) -> None:
    owing.receiver(desk)
    owing.opens("post:mastodon:1")
    assert "`earshot receivers resume desk`" in cli.done("receivers", "pause", "desk").out
    owing.opens("post:mastodon:2")
    assert owing.notifies() == 0
    said = cli("doctor")
    assert "desk is paused; 2 wait" in said.out
    assert "2 pieces" in cli.done("receivers", "resume", "desk").out
    assert owing.notifies() == 2


def test_status_and_doctor_tell_of_a_receiver_that_fails_and_of_news_that_nobody_tells(
    cli: Earshot, owing: Owing, desk: Hearing
) -> None:
    owing.receiver(desk, "bad", state="failing", last_error="desk.example answered 500")
    owing.receiver(name="late", address="https://desk.example")
    owing.opens("post:mastodon:1")
    owing.execute("UPDATE owed SET due_at = now() - interval '1 hour'")
    owing.execute("UPDATE receivers SET due_at = now() - interval '1 hour'")
    said = cli("doctor").out
    assert "bad does not take its news (desk.example answered 500); 1 wait" in said
    assert "news should have been told 60 min ago" in said or "1 h ago" in said
    assert "bad is failing" in cli.done("status").out
    assert cli.done("status", "--json").json["owed"]["waiting"] == 2


def test_a_new_encryption_key_takes_the_secrets_of_receivers_with_it(
    cli: Earshot, owing: Owing, desk: Hearing
) -> None:
    owing.receiver(desk)
    new = a_key("n")
    cli.done("credentials", "rotate", EARSHOT_ENCRYPTION_KEY=f"{new},{KEY}")
    assert "takes it" in cli.done("receivers", "test", "desk", EARSHOT_ENCRYPTION_KEY=new).out


def test_the_old_secret_signs_for_a_day_and_no_longer() -> None:
    old, new, now = new_secret(), new_secret(), datetime.now(UTC)
    kept = exchanged(new, old, now)
    assert len(signing(kept, now + timedelta(hours=23))) == 2
    assert signing(kept, now + timedelta(hours=25)) == signing(new, now)
    third = exchanged(new_secret(), kept, now)
    assert signing(third, now)[1:] == [signing(new, now)[0], signing(old, now)[0]]
    later = exchanged(new_secret(), third, now + timedelta(hours=25))
    assert len(later.split()) == 3
