"""Names in texts: where a phrase begins and ends, what a domain is, and which words are nobody's name."""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid4

import pytest

from workers.directory import (
    Directory,
    Entry,
    addresses_in,
    domain_of,
    folded,
    is_ordinary_word,
    ticket_numbers_in,
)


def named(*names: str) -> tuple[Directory, dict[UUID | None, str]]:
    """A directory of accounts with these names, and the names by account."""
    accounts = {uuid4(): name for name in names}
    rows = [("name", name, None, Entry("account", key, "alias", name)) for key, name in accounts.items()]
    return Directory(rows), {**accounts, None: ""}


def found(directory: Directory, names: dict[UUID | None, str], text: str) -> list[str]:
    return [names[hit.entry.record] for hit in directory.phrases_in(text)]


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("Osterly Catering was late", ["Osterly Catering"]),
        ("OSTERLY CATERING's van", ["Osterly Catering"]),
        ("no more osterly catering!", ["Osterly Catering"]),
        ("Osterly Cateringish", []),
        ("@osterly catering", []),
        ("#Brightwell is down", []),
        ("brightwell.example is down", []),
        ("Brightwell. Never again", ["Brightwell"]),
        ("İ Brightwell", ["Brightwell"]),
        ("Brightwell Group called", ["Brightwell Group"]),
        ("Brightwells", []),
    ],
)
def test_a_name_counts_only_where_it_stands_alone(text: str, hits: list[str]) -> None:
    assert found(*named("Osterly Catering", "Brightwell", "Brightwell Group"), text) == hits


def test_a_name_that_is_an_ordinary_word_is_never_found_by_itself() -> None:
    directory, names = named("Target", "Gaps", "Box", "Northwind")
    assert found(directory, names, "My Target is to fill the Gaps in this Box for Northwind") == ["Northwind"]


def test_the_evidence_is_the_text_as_it_was_written() -> None:
    directory, _ = named("Brightwell")
    [hit] = directory.phrases_in("so BRIGHTWELL again")
    assert (hit.evidence, hit.starts, hit.ends) == ("BRIGHTWELL", 3, 13)


@pytest.mark.parametrize(
    ("link", "domain"),
    [
        ("https://www.shop.acme.co.uk/a?b", "acme.co.uk"),
        ("acme.com", "acme.com"),
        ("https://me.github.io/x", "me.github.io"),
        ("https://blog.acme.example", "acme.example"),
        ("http://127.0.0.1:80/", "127.0.0.1"),
        ("not a link", "not a link"),
        ("http://[::1", None),
        ("", None),
    ],
)
def test_a_domain_is_what_somebody_can_register(link: str, domain: str | None) -> None:
    assert domain_of(link) == domain


def test_a_fediverse_handle_is_no_mail_address() -> None:
    text = "write to ann@acme.com or @bob@town.example"
    assert [hit[0] for hit in addresses_in(text)] == ["ann@acme.com"]


def test_a_ticket_is_named_by_the_word_and_a_number() -> None:
    assert ticket_numbers_in("about Ticket #1042 and ticket no. 1043, not 1044 or #1045") == [1042, 1043]
    assert ticket_numbers_in("TICKET 1042") == [1042]


def test_handles_compare_by_form_and_case_folded() -> None:
    assert folded("@Ünïted") == folded("ünïted")
    assert folded("＠Ａｃｍｅ") == "acme"


def test_an_entry_holds_on_its_days_only() -> None:
    entry = Entry("campaign", uuid4(), "hashtag", "", date(2026, 6, 1), date(2026, 6, 30))
    days = [date(2026, 5, 31), date(2026, 6, 1), date(2026, 6, 30), date(2026, 7, 1)]
    assert [entry.holds_on(day) for day in days] == [False, True, True, False]


@pytest.mark.parametrize("word", ["apple", "Target", "gaps", "box"])
def test_ordinary_words_are_known(word: str) -> None:
    assert is_ordinary_word(word)
