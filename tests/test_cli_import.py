"""`earshot import`: a bad row is told by line, the rest comes in, and nothing doubles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.rule import SHIPPED
from tests.command_line import Earshot, earshot, rows
from tests.conftest import Servers

ACCOUNTS = "name,industry,website\nVelmora Hotels,Travel,velmora.example\n,Nobody,\nOrchard,Fruit,nonsense\nNorthlight,,\n"


@pytest.fixture(scope="module")
def refusing(servers: Servers, shared_folder: Path) -> Iterator[Earshot]:
    """For what writes nothing: a database for all of it."""
    with servers.new_database() as (fleet, _):
        yield earshot(shared_folder / "nowhere", database_url=fleet)


def test_a_bad_row_is_told_by_its_line_and_the_others_come_in(cli: Earshot, database: str) -> None:
    said = cli("import", "accounts", "-", stdin=ACCOUNTS)
    assert said.code == 1
    assert "line 3: no name" in said.err
    assert "line 4: the website 'nonsense' has no domain" in said.err
    assert "2 added" in said.out
    assert {row.name for row in rows(database, "SELECT name FROM accounts")} == {
        "Velmora Hotels",
        "Northlight",
    }


def test_importing_again_adds_nothing_and_an_empty_cell_takes_nothing_away(
    cli: Earshot, database: str
) -> None:
    cli.done("import", "accounts", "-", stdin="name,website\nVelmora Hotels,velmora.example\n")
    again = cli.done(
        "import", "accounts", "-", "--json", stdin="name,website,phone\nVELMORA  hotels,,+44 20\n"
    )
    assert again.json == {"added": 0, "changed": 1, "same": 0, "bad": []}
    (row,) = rows(database, "SELECT name, website, phone FROM accounts")
    assert tuple(row) == ("Velmora Hotels", "velmora.example", "+44 20")
    assert cli.done("import", "accounts", "-", "--json", stdin="name\nVelmora Hotels\n").json["same"] == 1


def test_an_organisation_is_given_the_shipped_rules_when_it_is_first_used(
    cli: Earshot, database: str
) -> None:
    cli.done("import", "accounts", "-", "--org", "fresh", stdin="name\nOrchard\n")
    given = {row.name for row in rows(database, "SELECT name FROM rules WHERE org_id = 'fresh'")}
    assert given == {rule["name"] for rule in SHIPPED}


def test_a_contact_is_known_again_and_its_handles_become_aliases(cli: Earshot, database: str) -> None:
    cli.done("import", "accounts", "-", stdin="name\nVelmora Hotels\n")
    table = (
        "account,first_name,last_name,email,handles\n"
        "Velmora Hotels,Alice,Moreno,alice@velmora.example,mastodon:Alice@Town.example bluesky:did:plc:x|alice.example\n"
        "Velmora Hotels,Bob,Hale,,\n"
        "Velmora Hotels,Bob,Hale,,\n"
        "Nowhere Ltd,Carol,Day,carol@nowhere.example,\n"
        ",Dan,,dan,\n"
        ",Eve,Eaves,eve@a.example,mastodon:alice@town.example\n"
        ",Fay,,fay@a.example,myspace:fay\n"
    )
    said = cli("import", "contacts", "-", "--json", stdin=table)
    assert said.code == 1
    assert (said.json["added"], said.json["same"]) == (2, 0)
    assert [bad["line"] for bad in said.json["bad"]] == [4, 5, 6, 7, 8]
    assert "line 3 has the same name and account" in said.json["bad"][0]["reason"]
    assert "import accounts first" in said.json["bad"][1]["reason"]
    assert "stands for another contact" in said.json["bad"][3]["reason"]
    found = rows(database, "SELECT platform, value FROM aliases WHERE of = 'contact'")
    assert {tuple(row) for row in found} == {
        ("mastodon", "alice@town.example"),
        ("bluesky", "alice.example"),
        ("bluesky", "did:plc:x"),
    }
    again = cli("import", "contacts", "-", "--json", stdin=table).json
    assert (again["added"], again["changed"], again["same"]) == (0, 0, 2)
    assert len(rows(database, "SELECT id FROM contacts")) == 2


def test_a_campaigns_hashtags_and_keywords_become_aliases(cli: Earshot, database: str) -> None:
    table = (
        "name,type,status,starts_on,ends_on,hashtags,keywords\n"
        'Slow Mornings,social,active,2026-11-01,2026-12-01,#SlowMornings #slowm,"slow mornings; first cup"\n'
        "Backwards,social,active,2026-12-01,2026-11-01,,\n"
        "Odd,flashmob,active,,,,\n"
    )
    said = cli("import", "campaigns", "-", stdin=table)
    assert said.code == 1
    assert "line 3: it ends on 2026-11-01, before it starts on 2026-12-01" in said.err
    assert "line 4: type 'flashmob' is none of social, email" in said.err
    found = rows(database, "SELECT kind, value FROM aliases WHERE of = 'campaign'")
    assert {tuple(row) for row in found} == {
        ("hashtag", "slowmornings"),
        ("hashtag", "slowm"),
        ("keyword", "slow mornings"),
        ("keyword", "first cup"),
    }
    assert cli("import", "campaigns", "-", "--json", stdin=table).json["same"] == 1


def test_aliases_name_their_target(cli: Earshot, database: str) -> None:
    cli.done("import", "accounts", "-", stdin="name\nVelmora Hotels\n")
    table = (
        "kind,value,platform,of,target\n"
        "handle,@velmora@hotels.example,mastodon,account,Velmora Hotels\n"
        "domain,https://www.velmora.com/rooms,,account,velmora hotels\n"
        "name,Rival Roasters,,competitor,\n"
        "handle,velmora,mastodon,account,Velmora Hotels\n"
        "hashtag,velmora,bluesky,account,Velmora Hotels\n"
        "name,x,,ourselves,\n"
        "name,Whatever,,account,\n"
        "shoe size,44,,account,Velmora Hotels\n"
    )
    said = cli("import", "aliases", "-", "--json", stdin=table)
    assert said.code == 1
    assert said.json["added"] == 3
    assert [bad["line"] for bad in said.json["bad"]] == [5, 6, 7, 8, 9]
    found = rows(database, "SELECT kind, value, platform FROM aliases WHERE of = 'account'")
    assert {tuple(row) for row in found} == {
        ("handle", "velmora@hotels.example", "mastodon"),
        ("domain", "velmora.com", None),
    }


def test_what_excel_writes_is_read(cli: Earshot, database: str) -> None:
    table = '\ufeffName;Website\r\n"Velmora; Hotels";velmora.example\r\nOrchard;\r\n'
    cli.done("import", "accounts", "-", stdin=table)
    assert {row.name for row in rows(database, "SELECT name FROM accounts")} == {"Velmora; Hotels", "Orchard"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty: its first line names the columns (needed: name"),
        (b"title,website\nX,y.example\n", "has no column 'name'"),
        (
            b"name,webiste\nX,y.example\n",
            "has a column 'webiste' that means nothing here (needed: name; also known: industry",
        ),
        (b"name,name\nX,Y\n", "has the column 'name' twice"),
        (b"name,town,street\nX,y,z\n", "has columns 'town', 'street' that mean nothing here"),
        (b"name\nCaf\xe9\n", "is not UTF-8 (line 2)"),
        ("name\nOrchard\n".encode("utf-16"), "is UTF-16"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_in_a_sentence(
    refusing: Earshot, tmp_path: Path, content: bytes, sentence: str
) -> None:
    file = tmp_path / "accounts.csv"
    file.write_bytes(content)
    said = refusing.refused("import", "accounts", str(file))
    assert "accounts.csv" in said
    assert sentence in said


def test_a_nul_and_a_missing_quote_cost_their_row_only(cli: Earshot, database: str) -> None:
    said = cli(
        "import", "accounts", "-", stdin="name,industry\nA\0B,\nHotels, travel, and more\nOrchard,Fruit\n"
    )
    assert said.code == 1
    assert "line 2: a NUL character" in said.err
    assert "line 3: 3 cells under 2 columns" in said.err
    assert [row.name for row in rows(database, "SELECT name FROM accounts")] == ["Orchard"]


def test_a_quote_that_is_not_closed_is_told_by_its_line(cli: Earshot, database: str) -> None:
    said = cli("import", "accounts", "-", stdin='name,industry\nOrchard,Fruit\n"Velmora,Travel\nNorth,Ice\n')
    assert said.code == 1
    assert "line 3: a quote is opened and never closed; lines 3 to 4 were not taken" in said.err
    closed = 'name,industry\n"Velmora,Travel\nNorth",Ice\nSouth,"Sun "and" sea"\n'
    said = cli("import", "accounts", "-", stdin=closed)
    assert "line 2: its name goes over several lines" in said.err
    assert "line 4: words follow a closing quote" in said.err
    assert [row.name for row in rows(database, "SELECT name FROM accounts")] == ["Orchard"]


def test_a_contacts_file_needs_no_column_and_says_which_it_knows(refusing: Earshot) -> None:
    assert "(known: account, first_name" in refusing.refused("import", "contacts", "-", stdin="town\nX\n")


def test_what_is_ours_is_not_given_away(cli: Earshot) -> None:
    cli.done("own", "add", "mastodon", "acme@town.example")
    said = cli("import", "contacts", "-", stdin="email,handles\na@b.example,mastodon:acme@town.example\n")
    assert "stands for ourselves already" in said.err


def test_a_missing_file_is_told(refusing: Earshot) -> None:
    assert "cannot be read: No such file" in refusing.refused("import", "contacts", "/nowhere/contacts.csv")


def test_an_ordinary_word_takes_words_beside_it_in_a_file_as_well(cli: Earshot, database: str) -> None:
    cli.done("import", "accounts", "-", stdin="name\nTarget Corp\n")
    table = (
        "kind,value,of,target,needs\n"
        "name,Target,account,Target Corp,\n"
        'name,Target,account,Target Corp,"store, shopping cart"\n'
        "domain,facebook.com/target,account,Target Corp,\n"
        "phone,+44 20 7946 0101,account,Target Corp,\n"
    )
    said = cli("import", "aliases", "-", "--json", stdin=table)
    assert [bad["line"] for bad in said.json["bad"]] == [2, 4]
    assert "'Target' is an ordinary English word and by itself means nobody" in said.json["bad"][0]["reason"]
    assert "the column needs" in said.json["bad"][0]["reason"]
    found = rows(database, "SELECT value, needs FROM aliases")
    assert {(row.value, *row.needs) for row in found} == {
        ("Target", "store", "shopping cart"),
        ("+442079460101",),
    }
    table = "kind,value,of,target,needs,valid_to\nname,Target,account,Target Corp,store,2026-12-01\n"
    assert cli.done("import", "aliases", "-", "--json", stdin=table).json["changed"] == 1
    assert rows(database, "SELECT needs FROM aliases WHERE kind = 'name'")[0].needs == ["store"]
    assert (
        cli.done("import", "aliases", "-", "--json", stdin=table.replace(",store,", ",,")).json["same"] == 1
    )


def test_a_campaigns_keyword_that_is_an_ordinary_word_is_refused(cli: Earshot) -> None:
    said = cli("import", "campaigns", "-", stdin="name,keywords\nSpring,cup; first cup\nAutumn,leaf tea\n")
    assert "line 2: 'cup' is an ordinary English word" in said.err
    tagged = cli("import", "campaigns", "-", stdin="name,hashtags\nSpring,#FirstCup #cup\n")
    assert "line 2: 'cup' is an ordinary English word" in tagged.err
    assert "1 added" in said.out
