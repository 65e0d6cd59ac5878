"""The lexicon on its page: what a weight would have changed yesterday, what is saved, what is refused beside its field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from console.lexicon_words import PAGE, words
from tests.journey import Journey
from tests.serving import web
from tests.signing_in import OLGA, SAM, Visitor, let_in
from tests.stream_rows import post
from workers.lexicon import shipped

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


@pytest.fixture
def journey(database: str) -> Iterator[Journey]:
    journey = Journey(database)
    let_in(journey, SAM, OLGA)
    yield journey
    journey.close()


@pytest.fixture
def sam(journey: Journey) -> Iterator[Visitor]:
    with web(journey.url) as base:
        visitor = Visitor(base)
        visitor.sign_in(SAM)
        yield visitor


def plain(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def save(sam: Visitor, **told: str) -> tuple[int, str]:
    answer = sam.post("/rules/lexicon", {"form": sam.form(sam.get("/rules/lexicon")), "was": ""} | told)
    return answer.status_code, plain(
        answer.text if answer.status_code != 303 else sam.get(answer.headers["location"]).text
    )


def test_a_weight_is_tried_on_yesterdays_posts_then_saved_and_written_down(
    journey: Journey, sam: Visitor
) -> None:
    source = journey.source(term="acme", host="https://town.example", escalate_from=NOON - timedelta(days=9))
    journey.own("acme@town.example")
    said = (
        "The zorblax arrived at last.",
        "A lovely, wonderful, great ZORBLAX, thank you so much!",
        "Zorblaxes are not it.",
        "Nothing of the kind.",
    )
    journey.hear(
        source,
        *(post(f"h{nth}", words, NOON + timedelta(minutes=nth), "zoe") for nth, words in enumerate(said)),
    )
    journey.hear(source, post("today", "A zorblax today.", datetime.now(UTC), "zoe"))
    journey.execute("UPDATE social_events SET addressed = true")
    page = sam.get("/rules/lexicon?word=Zorblax&weight=%E2%88%923,5&note=tried")
    assert page.status_code == 200
    [part] = re.findall(r'id="effect" hx-get="([^"]+)"', page.text)
    told = plain(sam.get(unescape(part)).text)
    # the plural contains the word, and is another one
    assert "3 posts with “zorblax”: 2 of 3 scores would have changed; 1 would have crossed a rule" in told
    assert "The zorblax arrived at last. @zoe@town.example on mastodon +0.00 → becomes -0.67" in told
    assert "crosses A complaint to us" in told
    assert journey.value("SELECT count(*) FROM lexicons") == 0
    status, told = save(sam, word="Zorblax", weight="−3,5", note="tried")
    assert (
        status,
        "“zorblax” weighs −3.5 from now on; all workers hear of it within 30 seconds." in told,
    ) == (
        303,
        True,
    )
    assert "zorblax −3.5 ours" in told
    assert journey.execute("SELECT word, weight FROM lexicon_words") == [("zorblax", -3.5)]
    assert journey.execute("SELECT version, by, note FROM lexicons") == [(1, SAM, "tried")]
    assert journey.execute("SELECT by, what, of FROM audits") == [(SAM, "lexicon", "lexicon")]
    back = "/rules/lexicon/effect?word=zorblax&back=yes"
    assert "2 of 3 scores would have changed" in plain(sam.get(back).text)
    assert save(sam, word="zorblax", back="yes", was="-3.5")[0] == 303
    assert journey.value("SELECT count(*) FROM lexicon_words WHERE until IS NULL") == 0


def test_what_cannot_weigh_is_refused_beside_its_field_and_who_was_quicker_is_told(
    journey: Journey, sam: Visitor
) -> None:
    for word, weight, field, says in (
        ("zorblax", "five", "weight", "a number from -4 (worst) to 4 (best)"),
        ("zorblax", "-4.1", "weight", "between -4 (worst) and 4 (best)"),
        ("zorblax", "nan", "weight", "between -4 (worst) and 4 (best)"),
        ("@acme", "2", "word", "is a handle"),
        ("very", "2", "word", "would never weigh"),
        ("", "2", "word", "has no word in it"),
    ):
        query = {"word": word, "weight": weight}
        page = sam.get(f"/rules/lexicon?word={word}&weight={weight}")
        assert page.status_code == 422, query
        assert re.search(rf'id="{field}" [^>]*aria-invalid="true"', page.text), query
        assert says in plain(page.text), query
        assert save(sam, **query)[0] == 422
    assert journey.value("SELECT count(*) FROM lexicons") == 0
    assert save(sam, word="zorblax", weight="-2")[0] == 303
    status, told = save(sam, word="zorblax", weight="-3")
    assert (status, "somebody was quicker, it weighs −2 by our lexicon meanwhile" in told) == (409, True)
    assert save(sam, word="zorblax", weight="-2", was="-2")[0] == 422
    assert save(sam, profile="none", was="none")[0] == 409
    assert save(sam, profile="none", was="support")[0] == 303
    assert journey.execute("SELECT version, profile FROM lexicons ORDER BY version") == [
        (1, "support"),
        (2, "none"),
    ]
    olga = Visitor(sam.base)
    olga.sign_in(OLGA)
    assert "What would it change?" not in olga.get("/rules/lexicon").text


def test_the_words_page_in_one_order_each_once_ours_before_the_profiles(
    journey: Journey, sam: Visitor
) -> None:
    profile = shipped().words
    ours = sorted(profile)[40:60] + [f"a{nth:03}" for nth in range(60)]
    journey.execute("INSERT INTO lexicons (org_id, version) VALUES ('main', 1), ('theirs', 1)")
    for org, listed in (("main", ours), ("theirs", ["secret"])):
        journey.execute(
            "INSERT INTO lexicon_words (org_id, word, weight, since) SELECT :org, w, 1, 1 FROM unnest(CAST(:words AS text[])) w",
            org=org,
            words=listed,
        )
    seen, after = list[str](), ""
    with journey.sessions() as session:
        while True:
            rows, more = words(session, "main", "support", after=after)
            assert len(rows) <= PAGE
            seen += [row["word"] for row in rows]
            if more is None:
                break
            after = more
    assert seen == sorted({*profile, *ours})
    page = sam.get("/rules/lexicon?of=ours").text
    assert page.count('class="term"') == PAGE
    assert "/rules/lexicon?q=&amp;of=ours&amp;after=a024" in page
    assert "secret" not in sam.get("/rules/lexicon?q=secre").text


def test_an_older_version_is_tried_on_yesterdays_posts_and_brought_back(
    journey: Journey, sam: Visitor
) -> None:
    source = journey.source(term="acme", host="https://town.example", escalate_from=NOON - timedelta(days=9))
    journey.hear(
        source,
        post("h0", "The zorblax arrived at last.", NOON, "zoe"),
        post("h1", "An outage.", NOON, "zoe"),
    )
    assert save(sam, word="zorblax", weight="-2")[0] == 303
    assert save(sam, word="zorblax", weight="3", was="-2")[0] == 303
    assert save(sam, word="flumox", weight="1")[0] == 303
    page = sam.get("/rules/lexicon?version=1").text
    assert "Version 1 holds again (2 words weigh otherwise): what would that have changed" in plain(page)
    assert "flumox no word of ours any more, zorblax −2" in plain(page)
    [part] = re.findall(r'id="effect" hx-get="([^"]+)"', page)
    assert "1 post: 1 of 1 score would have changed" in plain(sam.get(unescape(part)).text)
    # another profile may move any post
    assert save(sam, profile="none", was="support")[0] == 303
    assert "2 posts: 2 of 2 scores would have changed" in plain(
        sam.get("/rules/lexicon/effect?version=1").text
    )
    status, told = save(sam, version="1", was="3")
    assert (status, "somebody was quicker, version 4 holds meanwhile" in told) == (409, True)
    status, told = save(sam, version="1", was="4")
    assert (
        status,
        "Version 1 holds again (2 words weigh otherwise, the support profile is laid" in told,
    ) == (303, True)
    assert journey.execute("SELECT version, profile, note FROM lexicons ORDER BY version DESC LIMIT 1") == [
        (5, "support", "version 1 again")
    ]
    assert journey.execute("SELECT word, weight FROM lexicon_words WHERE until IS NULL") == [("zorblax", -2)]
    for wrong in ("9", "-1", "five", "1"):
        assert sam.get(f"/rules/lexicon?version={wrong}").status_code == 422, wrong
    assert sam.get("/rules/lexicon?version=0").status_code == 200
