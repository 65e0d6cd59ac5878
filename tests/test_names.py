"""The index of names as records change, and whose a handle is: nothing that is entered holds up what is heard."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from connectors._base import Author
from console.health import examine
from console.own import add_own
from tests.journey import FURIOUS, Journey, post
from tests.waiting import how_busy
from workers.directory import Directories
from workers.names import LONGEST, index_due
from workers.sweep import sweep

US = "northwind@town.example"
LONG = "".join(chr(97 + n * n % 26) for n in range(LONGEST + 1))


@pytest.fixture
def journey(database: str) -> Iterator[Journey]:
    made = Journey(database)
    yield made
    made.close()


def by(number: int, handle: str) -> Author:
    return Author(id=f"https://town.example/u/{number}", handle=f"{handle}@town.example")


def suggested(journey: Journey, external_id: str) -> list[str]:
    rows = journey.execute(
        "SELECT m.how FROM matches m JOIN social_events e ON e.id = m.event_id "
        "WHERE e.external_id = :id AND m.state = 'suggested'",
        id=external_id,
    )
    return [row.how for row in rows]


def known_handles(journey: Journey, number: int) -> None:
    """So many authors who were heard, and whose handles an import has just brought."""
    journey.execute(
        "INSERT INTO identities (org_id, platform, stable_id, handle) "
        "SELECT 'main', 'mastodon', 'https://town.example/u/' || n, 'u' || n || '@town.example' "
        "FROM generate_series(1, :number) n",
        number=number,
    )
    journey.execute(
        "WITH c AS (INSERT INTO contacts (first_name) SELECT 'u' || n FROM generate_series(1, :number) n "
        "RETURNING id, first_name) INSERT INTO aliases (kind, value, platform, of, contact_id) "
        "SELECT 'handle', first_name || '@town.example', 'mastodon', 'contact', id FROM c",
        number=number,
    )
    journey.execute("ANALYZE identities, aliases")


# --- one bad record ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["name", "hashtag", "utm"])
def test_what_is_too_long_to_be_looked_up_holds_up_nothing(journey: Journey, kind: str) -> None:
    account = journey.account("Brightwell")
    journey.alias(kind, LONG * 9, "account", account_id=account)
    journey.execute("INSERT INTO contacts (first_name, email) VALUES ('Ann', :mail)", mail=LONG * 18 + "@a.b")
    journey.hear(journey.source(), post("p1", "I like Brightwell"))
    assert journey.event("p1").account_id == account
    assert journey.value("SELECT count(*) FROM renamed") == 0
    assert journey.value("SELECT max(octet_length(key)) FROM names") <= LONGEST


def test_a_record_that_cannot_be_indexed_is_left_out_and_told(
    journey: Journey, owner_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    with psycopg.connect(owner_database) as owner:
        owner.execute("ALTER TABLE names ADD CHECK (key <> 'ostrel')")
    accounts = [journey.account(name) for name in ("Brightwell", "Ostrel", "Wexly")]
    journey.hear(journey.source(), post("p1", "I like Brightwell"), post("p2", "I like Wexly", by="yan"))
    assert [journey.event(p).account_id for p in ("p1", "p2")] == [accounts[0], accounts[2]]
    [told] = [record for record in caplog.records if vars(record).get("action") == "record_not_indexed"]
    assert str(accounts[1]) in told.getMessage()
    assert "ostrel" not in told.getMessage().lower()
    assert journey.value("SELECT count(*) FROM renamed") == 0


def test_an_index_that_cannot_be_written_stops_no_digest(
    journey: Journey, owner_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    journey.account("Brightwell")
    with psycopg.connect(owner_database) as owner:
        owner.execute("""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON names EXECUTE FUNCTION refuse()
        """)
    directories = Directories()
    for _ in range(3):
        directories.of(journey.sessions, "main")
    told = [record for record in caplog.records if vars(record).get("action") == "names_not_indexed"]
    assert len(told) == 1
    journey.hear(journey.source(), post("p1", "I like Brightwell"))
    assert journey.ledger()["new"] == 1
    assert journey.value("SELECT count(*) FROM renamed") == 1


def test_the_doctor_tells_that_names_wait(
    journey: Journey, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARSHOT_DATABASE_URL", database)

    def names() -> Any:
        [found] = [finding for finding in examine("main") if finding.name == "names"]
        return found

    journey.account("Brightwell")
    assert names().state == "ok"
    journey.execute("UPDATE renamed SET noted_at = now() - interval '1 hour'")
    assert names().state == "wrong"
    assert "1 change waits" in names().found


# --- many at once --------------------------------------------------------------------------------------


def test_thousands_of_handles_are_claimed_in_no_time(journey: Journey) -> None:
    known_handles(journey, 5_000)
    journey.execute("DELETE FROM renamed WHERE owner = 'contact'")
    began = time.monotonic()
    with journey.sessions() as session, session.begin():
        assert index_due(session, "main") == 5_000
    assert time.monotonic() - began < 8 * how_busy()  # about one second; one following each took 38
    assert journey.value("SELECT count(*) FROM identities WHERE contact_id IS NOT NULL") == 5_000
    assert journey.value("SELECT count(*) FROM followings") == 5_000


# --- whose a handle is ---------------------------------------------------------------------------------


def test_who_takes_a_handle_that_was_given_up_is_nobody_though_it_was_entered_later(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("p1", author=by(1, "zoe")))
    journey.hear(source, post("p2", author=by(1, "zoe2"), minutes=2))
    zoe = journey.contact("zoe@town.example")
    journey.hear(source, post("p3", author=by(2, "Zoe"), minutes=3))
    assert [journey.event(p).contact_id for p in ("p1", "p2", "p3")] == [zoe, zoe, None]
    assert suggested(journey, "p3") == ["recycled handle"]


def test_a_handle_that_two_have_had_links_neither(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("p1", author=by(1, "zoe")))
    journey.hear(source, post("p2", author=by(1, "zoe2"), minutes=2))
    journey.hear(source, post("p3", author=by(2, "zoe"), minutes=3))
    journey.contact("zoe@town.example")
    journey.hear(source, post("p4", author=by(2, "zoe"), minutes=4))
    assert journey.value("SELECT count(*) FROM identities WHERE contact_id IS NOT NULL") == 0
    assert suggested(journey, "p4") == ["recycled handle"]


def test_an_unclaimed_handle_that_another_had_is_only_suggested(journey: Journey) -> None:
    """The one who had it belongs to another Contact already, so that the handle is claimed by nobody."""
    source = journey.source()
    zoe = journey.contact("zoe@town.example")
    journey.hear(source, post("p1", author=by(1, "zoe")))
    journey.execute("UPDATE aliases SET identity_id = NULL")
    journey.hear(source, post("p2", author=by(2, "zoe"), minutes=2))
    assert [journey.event(p).contact_id for p in ("p1", "p2")] == [zoe, None]
    assert suggested(journey, "p2") == ["recycled handle"]


@pytest.mark.parametrize("value", ["@Zoe@Town.example", " zoe@town.example", "zoe@town.example"])
@pytest.mark.parametrize("platform", ["mastodon", None])
def test_a_handle_as_a_neighbour_writes_it_takes_the_past_along(
    journey: Journey, value: str, platform: str | None
) -> None:
    source = journey.source()
    journey.hear(source, post("p1", author=by(1, "zoe")))
    contact = journey.contact("other@town.example")
    journey.alias("handle", value, "contact", platform=platform, contact_id=contact)
    journey.hear(source, post("p2", by="yan"))
    assert journey.event("p1").contact_id == contact


def test_a_handle_on_any_platform_that_two_have_is_neither_s(journey: Journey) -> None:
    mastodon, bluesky = journey.source(), journey.source(platform="bluesky")
    journey.hear(mastodon, post("p1", author=Author(id="https://a.example/1", handle="zoe.example")))
    journey.hear(bluesky, post("p2", author=Author(id="did:plc:zoe", handle="zoe.example")))
    journey.contact("zoe.example", platform=None)  # type: ignore[arg-type]
    journey.hear(mastodon, post("p3", by="yan"))
    assert journey.value("SELECT count(*) FROM identities WHERE contact_id IS NOT NULL") == 0


def test_of_two_who_have_had_our_handle_neither_is_made_us(journey: Journey) -> None:
    source = journey.source()
    journey.hear(
        source, post("p1", author=by(1, "northwind")), post("p2", author=by(2, "northwind"), minutes=2)
    )
    with journey.sessions() as session, session.begin():
        add_own(session, "main", "handle", US, "mastodon")
    assert journey.value("SELECT count(*) FROM identities WHERE ours") == 0


# --- an alias that is changed ---------------------------------------------------------------------------


def test_a_handle_that_is_moved_to_another_contact_takes_its_author_along(journey: Journey) -> None:
    source = journey.source()
    journey.contact("zoe@town.example")
    other = journey.value("INSERT INTO contacts (first_name) VALUES ('Zoe') RETURNING id")
    journey.hear(source, post("p1", author=by(1, "zoe")))
    journey.execute("UPDATE aliases SET contact_id = :other", other=other)
    journey.hear(source, post("p2", author=by(1, "zoe"), minutes=2))
    assert [journey.event(p).contact_id for p in ("p1", "p2")] == [other, other]


def test_what_a_removed_alias_linked_goes_with_it(journey: Journey) -> None:
    source = journey.source()
    journey.own(US)
    journey.own("zoe@town.example")
    journey.hear(source, post("p1", author=by(1, "zoe")))
    journey.execute("DELETE FROM aliases WHERE value = 'zoe@town.example'")
    journey.hear(source, post("p2", FURIOUS, author=by(1, "zoe"), minutes=2, to=US))
    assert [journey.event(p).voice for p in ("p1", "p2")] == ["earned", "earned"]
    assert len(journey.cases()) == 1


def test_what_a_person_decided_stays_when_the_alias_goes(journey: Journey) -> None:
    source = journey.source()
    zoe = journey.contact("zoe@town.example")
    journey.hear(source, post("p1", author=by(1, "zoe")))
    journey.execute("UPDATE identities SET decided = true")
    journey.execute("DELETE FROM aliases")
    journey.hear(source, post("p2", author=by(1, "zoe"), minutes=2))
    assert [journey.event(p).contact_id for p in ("p1", "p2")] == [zoe, zoe]


def test_what_another_alias_says_as_well_stays(journey: Journey) -> None:
    source = journey.source()
    zoe = journey.contact("zoe@town.example")
    journey.alias("handle", "https://town.example/u/1", "contact", platform="mastodon", contact_id=zoe)
    journey.hear(source, post("p1", author=by(1, "zoe")))
    sweep(journey.sessions, journey.settings)
    journey.execute("UPDATE aliases SET identity_id = (SELECT id FROM identities)")
    journey.execute("DELETE FROM aliases WHERE value = 'zoe@town.example'")
    journey.hear(source, post("p2", author=by(1, "zoe"), minutes=2))
    assert journey.event("p2").contact_id == zoe


def test_a_handle_that_is_corrected_lets_go_of_whom_it_was_seen_on(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, post("p1", author=by(1, "zoe")), post("p2", author=by(2, "zoey"), minutes=2))
    zoe = journey.contact("zoe@town.example")
    journey.hear(source, post("p3", by="yan"))
    journey.execute("UPDATE aliases SET value = 'zoey@town.example'")
    journey.hear(source, post("p4", by="yan", minutes=4))
    assert [journey.event(p).contact_id for p in ("p1", "p2")] == [None, zoe]


# --- what is small --------------------------------------------------------------------------------------


def test_a_rule_that_an_older_transaction_changes_later_is_heard(journey: Journey) -> None:
    [first, second] = journey.execute("SELECT id FROM rules ORDER BY name LIMIT 2")
    directories = Directories()
    with journey.sessions() as older, older.begin():
        older.execute(text("SELECT pg_current_xact_id()"))
        journey.execute("UPDATE rules SET threshold = -0.9 WHERE id = :id", id=first.id)
        directories.of(journey.sessions, "main")
        older.execute(text("UPDATE rules SET threshold = -0.11 WHERE id = :id"), {"id": second.id})
    for held in directories._held.values():
        held.looked = float("-inf")
    rules = {rule.id: rule.threshold for rule in directories.of(journey.sessions, "main").rules}
    assert rules[second.id] == -0.11
