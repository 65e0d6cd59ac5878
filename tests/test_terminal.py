"""What strangers and neighbours wrote is shown and steers no terminal; as JSON it is exactly what it was."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from connectors._base import Author
from console.cli._terminal_table import NOTHING, card, layout
from tests.command_line import Earshot, earshot, hear, rows
from tests.conftest import Servers
from tests.journey import FURIOUS, post

RED, TITLE, TURNED = "\x1b[31m", "\x1b]0;mine\x07", "\u202e"
EVIL = f"a{RED}b{TITLE}c{TURNED}d"


@pytest.fixture(scope="module")
def named(servers: Servers) -> Iterator[str]:
    with servers.new_database() as (fleet, _):
        yield fleet


@pytest.fixture(scope="module")
def cli(named: str, shared_folder: Path) -> Earshot:
    """An organisation in which everything that a person or a neighbour can name is named with escapes. One for all
    tests: a word more or less disturbs none."""
    cli = earshot(shared_folder / "nowhere", database_url=named)
    cli.done("own", "add", "mastodon", "us@town.example")
    cli.done("rules", "add", "Asks", "--action", "lead", "--audience", "addressed", "--words", "looking for")
    ann = Author(id="ann", handle=f"ann{RED}@town.example", name=EVIL)
    hear(
        named,
        [
            replace(post("1", f"Looking for a roaster {EVIL}", to="us@town.example"), author=ann),
            post("2", FURIOUS, to="us@town.example", by="bob"),
        ],
    )
    for change in (
        "UPDATE rules SET name = name || :evil, words = ARRAY[:evil]",
        "INSERT INTO accounts (org_id, name) VALUES ('main', :evil)",
        """INSERT INTO aliases (org_id, kind, value, of, account_id, needs)
           SELECT 'main', 'name', :evil, 'account', id, ARRAY[:evil] FROM accounts""",
        "INSERT INTO aliases (org_id, kind, value, of, label) VALUES ('main', 'hashtag', :evil, 'competitor', :evil)",
        "INSERT INTO aliases (org_id, kind, value, of) VALUES ('main', 'hashtag', :evil, 'ourselves')",
        "INSERT INTO lexicons (org_id, version, profile, by, note) VALUES ('main', 1, 'support', :evil, :evil)",
        """INSERT INTO matches (event_id, kind, record_id, how, sure, evidence, state, author)
           SELECT e.id, 'account', a.id, 'similar name', 0.72, :evil, 'suggested', false
           FROM accounts a, social_events e WHERE e.external_id LIKE '%2'""",
        "INSERT INTO lexicon_words (org_id, word, weight, since) VALUES ('main', :evil, -2, 1)",
    ):
        rows(named, change, evil=EVIL)
    return cli


def at_a_terminal(cli: Earshot, *words: str, width: int = 0) -> str:
    """What a command shows on a terminal that knows neither colours nor bold, which always counts as 80 wide; with a
    width on one that does, without them."""
    env = {"TERM": "xterm" if width else "dumb", "COLUMNS": str(width or 80)}
    told = cli.at_a_terminal(*words, **env)
    return re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", told) if width else told


def test_no_name_word_or_note_steers_the_terminal(cli: Earshot) -> None:
    for words in (
        ("leads",),
        ("aliases", "list"),
        ("own", "list"),
        ("rules", "list"),
        ("rules", "show", "Asks"),
        ("lexicon", "list"),
        ("lexicon", "history"),
        ("explain", "1"),
        ("explain", "2"),
        ("mentions",),
        ("score", EVIL),
        ("aliases", "add", "name", f"Zork{RED} Roasters", "--competitor", EVIL),
        ("rules", "show", "A"),  # fits several, whose names are told
        ("aliases", "remove", "hashtag", EVIL),
    ):
        said = cli(*words)
        shown = said.out + said.err
        assert not {"\x1b", "\x07", TURNED} & set(shown), (words, shown)
        assert "\ufffd" in shown or said.code == 1, words


def test_blocks_on_a_narrow_terminal_steer_it_as_little_as_tables(cli: Earshot) -> None:
    for words in (("leads",), ("rules", "list"), ("lexicon", "history")):
        shown = at_a_terminal(cli, *words)
        assert not {"\x1b", "\x07", "\r", TURNED} & set(shown), (words, shown)
        assert "\ufffd" in shown, words


COLUMNS = ("id", "when", "~who", ">per day", "~what")


@pytest.mark.parametrize(
    ("width", "columns", "cards"),
    [
        (80, COLUMNS, False),
        (66, ("id", "when", "~who", "~what"), False),
        (34, ("id", "when", "~who", "~what"), False),
        (33, ("id", "when", "~who", "~what"), True),
    ],
)
def test_a_table_gives_up_what_is_empty_and_then_becomes_cards(
    width: int, columns: tuple[str, ...], cards: bool
) -> None:
    found = layout(
        COLUMNS, [("1", "now", "ann", NOTHING, "word " * 10), ("22", "now", "bob", NOTHING, "")], width
    )
    assert (found.columns, found.cards) == (columns, cards)


def test_a_heading_is_broken_before_a_table_becomes_cards() -> None:
    columns, row = ("~name", ">last success", ">per day"), ("Asks for a roaster", "now", "1")
    assert layout(columns, [row], 50).columns == columns
    assert layout(columns, [row], 34).columns == ("~name", ">last\nsuccess", ">per\nday")


def test_a_long_kind_is_wrapped_before_a_table_becomes_cards() -> None:
    columns, row = ("group", "how", ">rows"), ("ordinary words in a title", "link domain", "3")
    assert layout(columns, [row], 50).columns == columns
    assert layout(columns, [row], 40).columns == ("~group", "how", ">rows")
    assert layout(columns, [row], 36).cards


def test_each_line_of_a_card_has_its_heading() -> None:
    head, below = card(("id", ">posts", "note", "~post"), ("9f3c", "2", NOTHING, "A bike."))
    assert (head, below) == ("id 9f3c  posts 2", [("post", "A bike.")])
    head, below = card(("~name", ">score", "~words"), ("Refunds", "any", "refund"))
    assert (head, below) == ("Refunds", [("", "score any"), ("words", "refund")])


@pytest.mark.parametrize("width", [80, 100, 140])
def test_tables_are_no_wider_than_the_terminal_and_all_is_in_them(cli: Earshot, width: int) -> None:
    for words, told in (
        (("rules", "list"), ("of", "lead", "any", "20")),
        (("leads",), ("who", "new", "mastodon")),
        (("review",), ("sure", "similar", "account", "posts", "1")),
        (("sources", "list"), ("platform", "acme", "active")),
    ):
        shown = at_a_terminal(cli, *words, width=width)
        assert max(map(len, shown.splitlines())) <= width, shown
        assert all(word in shown for word in told), shown


def test_aliases_are_read_at_80_columns(database: str, home: Path) -> None:
    cli = earshot(home, database_url=database)
    cli.done("import", "accounts", "-", stdin="name\nTarget Corp\n")
    cli.done("import", "campaigns", "-", stdin="name\nSpring launch\n")
    days = ("--from", "2026-03-02", "--to", "2026-04-01")
    for words in (
        ("utm", "spring24_newsletter", "--campaign", "Spring launch", *days),
        ("hashtag", "love", "--account", "Target Corp", "--with", "store,shopping cart"),
        ("handle", "kim@town.example", "--competitor", "Rival Roasters", "--platform", "mastodon"),
    ):
        cli.done("aliases", "add", *words)
    shown = at_a_terminal(cli, "aliases", "list")
    assert max(map(len, shown.splitlines())) <= 80
    told = " ".join(shown.split())
    for words in ("kind", "word", "stands for", "only"):
        assert words in shown.splitlines()[1], shown
    for word in ("utm", "spring24_newsletter", "campaign Spring", "love", "account Target Corp"):
        assert word in told, shown
    assert "2026-03-02" in told
    assert "shopping" in told


def test_json_is_exactly_what_was_said(cli: Earshot) -> None:
    [lead] = cli.done("leads", "--json").json
    assert lead["text"].endswith(EVIL)
    assert EVIL in [row["value"] for row in cli.done("aliases", "list", "--json").json]
    assert EVIL in {row["word"] for row in cli.done("lexicon", "list", "--json").json["words"]}
    assert EVIL in cli.done("rules", "list", "--json").json[0]["name"]
    assert json.dumps(RED)[1:-1] in cli.done("leads", "--json").out
