"""Ops' pages without a browser: a source and its visits, what is held, what a form does to the database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import unescape
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest

from tests.journey import Journey, post
from tests.replayer import Replayer, Reply
from tests.signing_in import OLGA, SAM, Visitor, let_in
from workers._settings import settings


@pytest.fixture
def journey(database: str) -> Iterator[Journey]:
    journey = Journey(database)
    let_in(journey, OLGA, SAM)
    yield journey
    journey.close()


@pytest.fixture
def olga(base: str, journey: Journey) -> Visitor:
    olga = Visitor(base)
    assert olga.sign_in(OLGA).status_code == 303
    return olga


def words(answer: httpx.Response) -> str:
    """What a page says, without its markup."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def visit(journey: Journey, source: UUID, minutes: float, **columns: object) -> UUID:
    """A visit that ended so many minutes ago."""
    names = {"org_id": journey.org, "source_id": source, "fence": 0} | columns
    made: UUID = journey.value(
        f"INSERT INTO polls (started_at, finished_at, {', '.join(names)}) VALUES (now() - make_interval(mins => :ago),"
        f" now() - make_interval(mins => :ago), {', '.join(f':{name}' for name in names)}) RETURNING id",
        ago=minutes,
        **names,
    )
    return made


def hold(journey: Journey, source: UUID, name: str, **more: object) -> str:
    """A post in quarantine."""
    values = {
        "stage": "digest",
        "payload": msgspec.msgpack.encode(post(name, "<script>alert(1)</script>")),
        **more,
    }
    made = journey.value(
        "INSERT INTO quarantine (org_id, platform, source_id, page_id, item, stage, external_id, reason, trace, payload)"
        " VALUES (:org, 'mastodon', :source, 1, 0, :stage, :name, :why, 'Traceback: here', :payload) RETURNING id",
        org=journey.org,
        source=source,
        name=name,
        why=f"{name} is too long",
        **values,
    )
    return str(made)


def settle(olga: Visitor, verb: str, *ids: str) -> httpx.Response:
    """Send the form with these ticked."""
    form = olga.form(olga.get("/fleet"))
    return olga.post(f"/fleet/quarantine/{verb}", {"form": form, "id": list(ids)})


def states(journey: Journey) -> dict[str, str]:
    return dict(tuple(row) for row in journey.execute("SELECT external_id, state FROM quarantine"))


def test_replayed_posts_go_through_the_whole_journey_and_what_is_no_post_stays(
    journey: Journey, olga: Visitor
) -> None:
    source = journey.source()
    first, second, other = (hold(journey, source, name) for name in ("one", "two", "three"))
    reject = hold(journey, source, "raw", stage="reject", payload=b'{"content": "<b>"}')
    shown = olga.get("/fleet/quarantine")
    assert "<script>alert" not in shown.text
    assert "&lt;script&gt;alert(1)" in shown.text
    assert re.findall(r'id="held-([0-9a-f-]+)"', shown.text) == [reject, other, second, first]
    answer = settle(olga, "replay", first, second, reject)
    assert answer.status_code == 303
    told = words(olga.get(answer.headers["location"]))
    assert "2 are on their way again. “raw” stays as it is: This is not a post" in told
    assert states(journey) == {"one": "replayed", "two": "replayed", "three": "held", "raw": "held"}
    journey.digest()
    assert {journey.event(name).external_id for name in ("one", "two")} == {"one", "two"}
    [note] = journey.execute("SELECT by, what, of, detail FROM audits WHERE of = 'quarantine'")
    assert (note.by, note.what, set(note.detail["ids"])) == (OLGA, "replayed", {first, second})


def test_an_old_page_of_quarantine_says_what_was_done_meanwhile(journey: Journey, olga: Visitor) -> None:
    one = hold(journey, journey.source(), "one")
    assert settle(olga, "drop", one).status_code == 303
    late = settle(olga, "replay", one)
    assert late.status_code == 409
    assert "It was dropped" in words(late)
    assert journey.value("SELECT count(*) FROM pages") == 0
    assert settle(olga, "drop").status_code == 422


def test_nobody_settles_what_another_organisation_holds(journey: Journey, olga: Visitor, base: str) -> None:
    other = Journey(journey.url, org="others")
    theirs = hold(other, other.source(), "theirs")
    other.close()
    assert settle(olga, "replay", theirs).status_code == 422
    ours = hold(journey, journey.source(), "ours")
    sam = Visitor(base)
    sam.sign_in(SAM)
    form = sam.form(sam.get("/fleet"))
    assert sam.post("/fleet/quarantine/drop", {"form": form, "id": ours}).status_code == 403
    assert set(states(journey).values()) == {"held"}


def test_quarantine_pages_by_the_last_row(journey: Journey, olga: Visitor) -> None:
    source = journey.source()
    made = [hold(journey, source, f"post {number}") for number in range(27)]
    first = olga.get("/fleet/quarantine")
    [older] = re.findall(r'href="([^"]*before=[^"]*)"', first.text)
    second = olga.get(unescape(older))
    seen = [re.findall(r'id="held-([0-9a-f-]+)"', page.text) for page in (first, second)]
    assert seen == [made[:1:-1], made[1::-1]]


def test_a_source_shows_its_visits_with_what_became_of_each_post(journey: Journey, olga: Visitor) -> None:
    source = journey.source(term="acme")
    journey.hear(source, post("1"), post("2"), post("2"))
    visit(journey, source, 30, error="<b>HTTP 500</b>")
    visit(journey, source, 60, visits=37)
    visit(journey, source, 90, gap="2 h are missing")
    shown = olga.get(f"/fleet/sources/{source}")
    assert re.findall(r'class="when (\w+)"', shown.text) == ["going", "error", "empty", "gap"]
    assert re.findall(r'class="bar (\w+)"><title>', shown.text) == ["gap", "empty", "error", "going"]
    row = shown.text.split('id="visit-')[1]
    assert dict(re.findall(r'data-name="(\w+)">(?:<[^>]+>)?(\d+)', row)) | {"pages": "1"} == {
        "pages": "1", "fetched": "3", "new": "2", "duplicate": "1",
    } | dict.fromkeys(("edited", "filtered", "quarantined", "waiting"), "0")  # fmt: skip
    assert "<b>HTTP" not in shown.text
    assert "37 visits" in words(shown)
    assert "4 visits: 1 brought nothing new, 1 left a gap, 1 failed, 1 under way." in shown.text


def test_visits_page_by_the_last_row_and_end(journey: Journey, olga: Visitor) -> None:
    source = journey.source(term="acme")
    made = [visit(journey, source, 1 + number) for number in range(103)]
    first = olga.get(f"/fleet/sources/{source}")
    [older] = re.findall(r'href="([^"]*before=[^"]*)"', first.text)
    second = olga.get(unescape(older))
    seen = [re.findall(r'id="visit-([0-9a-f-]+)"', page.text) for page in (first, second)]
    assert [len(ids) for ids in seen] == [100, 4]  # 103, and the one that `source` opened
    assert {*seen[0], *seen[1]} >= {str(one) for one in made}
    assert "before=" not in second.text


def test_a_refused_login_says_the_command_that_mends_it(journey: Journey, olga: Visitor) -> None:
    key = journey.value(
        "INSERT INTO credentials (org_id, platform, host, identifier, secret, state) VALUES"
        " (:org, 'mastodon', 'https://town.example', 'acme@town.example', '', 'needs_reauth') RETURNING id",
        org=journey.org,
    )
    source = journey.source(term="acme", state="needs_reauth", credential_id=key, last_error="401")
    shown = olga.get(f"/fleet/sources/{source}")
    assert "<code>earshot credentials add mastodon acme@town.example</code>" in shown.text


def test_a_source_of_another_organisation_is_not_there(journey: Journey, olga: Visitor) -> None:
    other = Journey(journey.url, org="others")
    theirs = other.source(term="theirs")
    other.close()
    for path in (theirs, uuid4(), "nonsense"):
        assert olga.get(f"/fleet/sources/{path}").status_code == 404
    assert "theirs" not in olga.get("/fleet").text
    form = olga.form(olga.get("/fleet"))
    assert olga.post(f"/fleet/sources/{theirs}/pause", {"form": form}).status_code == 404


def test_who_waits_for_a_budget_is_limited_and_says_until_when(journey: Journey, olga: Visitor) -> None:
    journey.execute(
        "WITH q AS ("
        "INSERT INTO quotas (org_id, platform, of, period, amount) VALUES (:org, 'x', 'money', 'month', 2000000))"
        " INSERT INTO spendings (org_id, platform, of, period, starts_on, spent)"
        " VALUES (:org, 'x', 'money', 'month', date_trunc('month', now() AT TIME ZONE 'UTC')::date, 2000000)",
        org=journey.org,
    )
    source = journey.source(*("x", "acme"), last_error="the budget of x waits: $2.00 of $2.00 are taken")
    journey.execute("UPDATE sources SET last_error_at = now(), due_at = now() + interval '3 hours'")
    journey.source(term="fine")
    journey.execute("UPDATE sources SET due_at = now() + interval '1 minute' WHERE platform = 'mastodon'")
    limited = olga.get("/fleet?state=limited")
    assert re.findall(r'id="source-([0-9a-f-]+)"', limited.text) == [str(source)]
    shown = words(olga.get(f"/fleet/sources/{source}"))
    assert "active, limited" in shown
    assert re.search(r"\$2.00 of \$2.00 this month used up until \d{4}-\d\d-01 00:00 UTC", shown)


def test_the_fleet_says_what_waits_where_and_what_is_owed(journey: Journey, olga: Visitor) -> None:
    source = journey.source(term="acme")
    journey.land(source, post("1"), post("2"))
    journey.execute("UPDATE pages SET landed_at = now() - interval '20 minutes'")
    journey.execute("UPDATE sources SET due_at = now() - interval '3 hours'")
    receiver = journey.value(
        "INSERT INTO receivers (org_id, name, kind, address, state, last_error) VALUES"
        " (:org, 'desk', 'webhook', 'https://desk.example/hook?key=secret', 'failing', 'HTTP 500') RETURNING id",
        org=journey.org,
    )
    journey.execute(
        "INSERT INTO owed (org_id, receiver_id, kind, body, created_at, until)"
        " VALUES (:org, :receiver, 'test', '{}', now() - interval '2 hours', now() + interval '3 days')",
        org=journey.org,
        receiver=receiver,
    )
    shown = olga.get("/fleet")
    told = words(shown)
    assert "fetch sources due 1 3 h, late" in told
    assert "digest pages undigested 1 2 posts 20 min, late" in told
    assert "1 waiting, the oldest for 2 h desk failing 1 wait HTTP 500" in told
    assert "key=secret" not in shown.text
    assert "Beat none awake" in told


def test_a_source_is_found_by_a_word_and_a_long_list_says_that_it_goes_on(
    journey: Journey, olga: Visitor
) -> None:
    journey.execute(
        "INSERT INTO sources (org_id, platform, kind, term, every) SELECT :org, 'mastodon', 'hashtag', 'tag' || n, 60"
        " FROM generate_series(1, 230) n",
        org=journey.org,
    )
    assert "100 of 230 are shown" in words(olga.get("/fleet"))
    found = olga.get("/fleet?find=TAG23")
    assert len(re.findall(r'id="source-', found.text)) == 2  # 23 and 230
    assert "No source has" in words(olga.get("/fleet?find=%3Cb%3E"))


def test_gaps_are_listed_with_their_source_from_when_until_when_and_what_to_do(
    journey: Journey, olga: Visitor
) -> None:
    assert "Nothing is missing that we know of." in words(olga.get("/fleet/gaps"))
    source = journey.source("x", "acme", kind="search")
    visit(
        *(journey, source, 60),
        gap="it was away for longer than <b>a week</b> from 2026-11-01 10:00:00Z until 2026-11-02 09:30:00Z; no more is told",
    )
    for minutes in range(1, 51):
        visit(journey, source, minutes, gap=f"number {minutes}")
    visit(journey, source, 60 * 24 * 30, gap="long ago")
    theirs = journey.value(
        "INSERT INTO sources (org_id, platform, kind, term, every)"
        " VALUES ('other', 'x', 'search', 'theirs', 60) RETURNING id"
    )
    visit(journey, theirs, 1, org_id="other", gap="somebody else's")
    assert "Gaps 51 in 7 days" in words(olga.get("/fleet"))
    first = olga.get("/fleet/gaps")
    assert (words(first).count("number "), "earshot import posts" in words(first)) == (50, True)
    [older] = re.findall(r'href="(/fleet/gaps\?before=[^"]+)"', first.text)
    rest = olga.get(unescape(older))
    assert "not known not known no more is told" in words(rest)
    assert 'datetime="2026-11-01T10:00:00+00:00"' in rest.text
    assert 'datetime="2026-11-02T09:30:00+00:00"' in rest.text
    assert "it was away for longer than <b>a week</b>" in words(rest)
    assert "long ago" in words(rest)
    assert "somebody else" not in first.text + rest.text
    plan = journey.execute(
        "EXPLAIN SELECT id FROM polls WHERE org_id = 'main' AND gap IS NOT NULL ORDER BY started_at DESC, id DESC LIMIT 50"
    )
    assert "ix_polls_gap" in str(plan)


def test_who_asks_for_workers_while_the_broker_is_away_is_told_so_and_an_unknown_page_leads_on(
    olga: Visitor,
) -> None:
    told = olga.get("/fleet/workers")
    assert (told.status_code, "The broker does not answer" in words(told)) == (200, True)
    for path in ("/nothing-here", "/fleet/nothing/%3Cb%3Ehere"):
        told = olga.get(path)
        assert told.status_code == 404
        assert "There is no page /" in words(told)
        assert all(f'href="{way}"' in told.text for way in ("/", "/fleet", "/stream", "/cases"))
    told = olga.get(f"/fleet/sources/{uuid4()}")
    assert (told.status_code, "There is no such source" in words(told)) == (404, True)


# --- following something more ----------------------------------------------------------------------------


def feed(*seconds_ago: float) -> Reply:
    """An RSS feed whose posts are so old."""
    now = datetime.now(UTC)
    items = "".join(
        f"<item><guid>urn:{number}</guid><title>Post {number}</title>"
        f"<pubDate>{format_datetime(now - timedelta(seconds=ago))}</pubDate></item>"
        for number, ago in enumerate(seconds_ago)
    )
    body = f'<rss version="2.0"><channel><title>Shop</title>{items}</channel></rss>'
    return Reply(body=body.encode(), headers={"content-type": "application/rss+xml"})


@pytest.fixture
def shop(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Replayer]:
    """A feed of four posts a day, and at /busy one of very many, which the fleet's settings trust."""
    day = 86_400
    with Replayer(
        lambda asked: feed(1, 1, 1) if "busy" in asked.path else feed(day / 4, day / 2, day)
    ) as server:
        monkeypatch.setenv("EARSHOT_DATABASE_URL", database)
        monkeypatch.setenv("EARSHOT_TRUSTED_HOSTS", server.netloc)
        settings.cache_clear()
        yield server
    settings.cache_clear()


def hidden(answer: httpx.Response) -> dict[str, str]:
    """What the form of a page brings along."""
    form = answer.text.split('action="/fleet/sources"')[1].split("</form>")[0]
    return {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', form)}


def test_a_source_is_followed_once_its_volume_was_shown(
    journey: Journey, olga: Visitor, shop: Replayer
) -> None:
    told = {"watch": "feeds feed", "term": f"{shop.base}/feed.xml", "exclude": "giveaway, big casino"}
    told |= {"form": olga.form(olga.get("/fleet/sources/new"))}
    shown = olga.post("/fleet/sources/outlook", told)
    assert shown.status_code == 200, words(shown)
    assert "Posts a day about 3.0 as those of the newest page came" in words(shown)
    assert "Post 0" in words(shown)
    assert journey.value("SELECT count(*) FROM sources") == 0
    answer = olga.post("/fleet/sources", hidden(shown))
    assert answer.status_code == 303, words(answer)
    assert "is followed from now on" in words(olga.get(answer.headers["location"]))
    [row] = journey.execute("SELECT platform, kind, term, state, exclude FROM sources")
    assert tuple(row) == ("feeds", "feed", told["term"], "active", ["giveaway", "big casino"])
    assert [row.what for row in journey.execute("SELECT what FROM audits ORDER BY at")] == [
        "previewed",
        "followed",
    ]
    assert olga.post("/fleet/sources", hidden(shown)).status_code == 409


def test_what_is_too_broad_is_refused_with_the_figure_and_what_was_not_asked_is_not_followed(
    journey: Journey, olga: Visitor, shop: Replayer
) -> None:
    told = {
        "watch": "feeds feed",
        "term": f"{shop.base}/busy.xml",
        "form": olga.form(olga.get("/fleet/sources/new")),
    }
    shown = olga.post("/fleet/sources/outlook", told)
    assert re.search(
        r"It is too broad: about \d\d\d,\d{3} posts a day, and 20,000 are the most", words(shown)
    )
    assert "Follow it" not in words(shown)
    asked = journey.value("SELECT id FROM audits WHERE what = 'previewed'")
    for other, said in (("", "Ask first"), (str(asked), "It is too broad")):
        refused = olga.post("/fleet/sources", told | {"asked": other})
        assert (refused.status_code, said in words(refused)) == (422, True)
    fine = olga.post("/fleet/sources/outlook", told | {"term": f"{shop.base}/feed.xml"})
    refused = olga.post("/fleet/sources", hidden(fine) | {"term": f"{shop.base}/busy.xml"})
    assert (refused.status_code, "Ask first" in words(refused)) == (422, True)
    assert journey.value("SELECT count(*) FROM sources") == 0


REFUSED: list[tuple[dict[str, str], str, str]] = [
    ({"watch": ""}, "watch", "Choose what is to be followed."),
    ({"watch": "mastodon hashtag", "term": "the", "host": "a.example"}, "term", "says next to nothing"),
    ({"watch": "mastodon hashtag", "term": "acme"}, "host", "On which server?</p>"),
    ({"watch": "reddit search", "term": "acme coffee"}, "credential", "takes a credential"),
    ({"watch": "feeds feed", "term": "https://a.example/f", "every": "often"}, "every", "is no number"),
    ({"watch": "feeds feed", "term": "http://127.0.0.1/feed"}, "term", "is not public"),
    ({"watch": "feeds feed", "term": "https://a.example/f", "campaign": "No"}, "campaign", "No campaign"),
]


def test_a_form_is_refused_beside_its_field_and_keeps_what_was_typed(olga: Visitor) -> None:
    form = olga.form(olga.get("/fleet/sources/new"))
    for typed, field, said in REFUSED:
        answer = olga.post("/fleet/sources/outlook", {"form": form} | typed)
        assert answer.status_code == 422
        shown = unescape(answer.text)
        assert re.search(rf'id="wrong-{field}" role="alert">[^<]*{re.escape(said)}', shown), (
            typed,
            words(answer),
        )
        assert f'name="term" value="{typed.get("term", "")}"' in shown


def test_marketing_and_support_see_no_form(base: str, journey: Journey) -> None:
    sam = Visitor(base)
    sam.sign_in(SAM)
    assert "Follow something" not in words(sam.get("/fleet"))
    assert "Ops follow more" in words(sam.get("/fleet/sources/new"))
    form = sam.form(sam.get("/fleet"))
    assert sam.post("/fleet/sources/outlook", {"form": form}).status_code == 403
