"""Marketing's pages without a browser: what they count against the database, what they refuse, what leaves the house."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from console.stream import Filter, posts
from console.stream_hours import Count, Step, measured, spikes, usual
from console.stream_lift import welch
from console.web.stream.address import read
from tests.journey import Journey
from tests.serving import web
from tests.signing_in import MAX, SAM, Visitor, let_in
from tests.stream_rows import ANGRY, CALM, post, stream

HOUR = timedelta(hours=1)


@pytest.fixture
def journey(database: str) -> Iterator[Journey]:
    journey = Journey(database)
    let_in(journey, MAX)
    yield journey
    journey.close()


@pytest.fixture
def max_(journey: Journey) -> Iterator[Visitor]:
    with web(journey.url) as base:
        visitor = Visitor(base)
        visitor.sign_in(MAX)
        yield visitor


def plain(page: str) -> str:
    """The words of a page."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def figure(page: str, name: str) -> str:
    [found] = re.findall(rf"<dt>{name}</dt><dd>([^<]*)", page)
    return str(found).strip()


def walked(max_: Visitor, to: str) -> list[str]:
    """The posts of a page and of all that follow it."""
    shown: list[str] = []
    for _ in range(100):
        if not to:
            break
        page = max_.get(to).text
        shown += re.findall(r'id="post-([0-9a-f-]+)"', page)
        older = re.findall(r'<p class="older"><a href="([^"]+)"', page)
        to = unescape(older[0]) if older else ""
    return shown


def exported(max_: Visitor, query: str) -> list[dict[str, str]]:
    form = max_.form(max_.get("/stream"))
    answer = max_.post("/stream/export", {"form": form, "address": query})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


def test_a_spike_is_told_with_its_thread_its_words_and_who_wrote_most_and_its_hour_shows_its_posts(
    journey: Journey, max_: Visitor
) -> None:
    morning = stream(journey)
    page = max_.get("/stream")
    told = plain(page.text)
    assert f"{morning.n} posts, 2 are usual. 41 belong to one thread, newsdesk@town.example" in told
    assert "“grinder” (41)" in told
    assert "furious@town.example wrote 14" in told
    day = "occurred_at >= date_trunc('hour', now()) - interval '23 hours'"
    assert figure(page.text, "Posts") == str(journey.value(f"SELECT count(*) FROM social_events WHERE {day}"))
    [to] = re.findall(r'<p class="spike"><b><a href="([^"]+)"', page.text)
    to = unescape(to).removesuffix("#posts")
    hour = max_.get(to)
    assert hour.text.count('class="post"') == 40
    assert len(exported(max_, to.partition("?")[2])) == morning.n
    # what set it off is read again once it has grown, and not before
    journey.execute("UPDATE social_events SET text = replace(text, 'grinder', 'kettle')")
    assert "“grinder” (41)" in plain(max_.get("/stream").text)
    journey.hear(
        journey.value("SELECT id FROM sources"), post("late", "My kettle!", morning.at, "zoe", "root")
    )
    assert "“kettle” (42)" in plain(max_.get("/stream").text)


def test_the_export_is_what_the_filter_shows_and_no_cell_of_it_is_computed(
    journey: Journey, max_: Visitor
) -> None:
    source = journey.source(term="acme", host="https://town.example")
    now = datetime.now(UTC)
    journey.hear(
        source,
        post("h1", '=HYPERLINK("http://evil.example") terrible', now - timedelta(minutes=3), "mallory"),
        post("h2", "I hate this, terrible.", now - timedelta(minutes=2), "zoe"),
        post("h3", "Thank you, that is lovely and kind!", now - timedelta(minutes=1), "zoe"),
    )
    journey.execute("UPDATE social_events SET reposts = 7 WHERE external_id = 'h2'")
    rows = exported(max_, "sentiment=negative")
    assert [row["text"] for row in rows] == [
        "I hate this, terrible.",
        '\'=HYPERLINK("http://evil.example") terrible',
    ]
    first = rows[0]
    assert float(first["sentiment"]) == pytest.approx(journey.event("h2").sentiment)
    assert first["sentiment"].startswith("-")
    assert (first["likes"], first["answers"], first["reposts"]) == ("3", "1", "7")
    assert first["heard_by"] == "mastodon hashtag acme"
    [note] = journey.execute("SELECT by, what, of, said FROM audits")
    assert tuple(note) == (
        MAX,
        "exported",
        "stream",
        "2 posts of /stream?sentiment=negative went out as a CSV.",
    )


def test_a_correction_stands_beside_the_number_and_a_form_that_is_too_late_changes_nothing(
    journey: Journey, max_: Visitor
) -> None:
    source = journey.source(term="acme", host="https://town.example")
    journey.hear(source, post("h1", ANGRY, datetime.now(UTC) - timedelta(minutes=3), "zoe"))
    event = journey.event("h1").id
    form = max_.form(max_.get("/stream"))
    fields = {"form": form, "address": "span=7d&words=grinder", "was": "", "label": "neutral"}
    done = max_.post(f"/stream/posts/{event}/correct", fields)
    assert done.status_code == 303
    assert done.headers["location"].startswith("/stream?span=7d&words=grinder&done=")
    assert "is neutral." in plain(max_.get(done.headers["location"]).text)
    assert journey.event("h1").sentiment < -0.5
    late = max_.post(f"/stream/posts/{event}/correct", fields | {"label": "positive"})
    assert late.status_code == 409
    assert f"meanwhile {MAX} called it neutral" in plain(late.text)
    assert journey.execute("SELECT label, by, undone_at FROM corrections") == [("neutral", MAX, None)]
    back = max_.post(f"/stream/posts/{event}/correct", fields | {"was": "neutral", "label": "undo"})
    assert back.status_code == 303
    assert journey.value("SELECT undone_at IS NOT NULL FROM corrections")
    assert journey.value("SELECT count(*) FROM audits") == 2
    assert max_.post(f"/stream/posts/{event}/correct", fields | {"label": "great"}).status_code == 422
    assert max_.post(f"/stream/posts/{journey.source(term='x')}/correct", fields).status_code == 404


def test_words_and_tags_are_whole_and_what_hours_cannot_count_is_counted_from_the_posts(
    journey: Journey, max_: Visitor
) -> None:
    source = journey.source(term="acme", host="https://town.example")
    now = datetime.now(UTC)
    for nth, words in enumerate(("#bean and more", "#BeanFriday", "100% bean", "1000 bean_s", "nothing")):
        journey.land(source, post(f"h{nth}", words, now - timedelta(minutes=nth + 1), "zoe"))
    journey.digest()
    for query, number in (
        ("words=%23bean", "1"),
        ("scope=%23beanfriday", "1"),
        ("words=100%25+bean", "1"),
        ("words=n_s", "1"),
        ("words=bean", "4"),
        ("words=zebra", "0"),
        ("platform=mastodon", "5"),
        ("platform=x", "0"),
        ("voice=own", "0"),
        ("sentiment=neutral&language=en", "5"),
    ):
        page = max_.get(f"/stream?{query}")
        assert (figure(page.text, "Posts"), page.text.count('class="post"')) == (number, int(number)), query


def test_nothing_of_another_organisation_is_counted_shown_or_corrected(journey: Journey) -> None:
    let_in(journey, SAM, org="other")
    journey.execute("UPDATE sign_ins SET role = 'marketing'")
    stream(journey, days=1)
    campaign = journey.value(
        "INSERT INTO campaigns (org_id, name) VALUES ('main', 'Secret launch') RETURNING id"
    )
    author = journey.value("SELECT id FROM identities LIMIT 1")
    with web(journey.url) as base:
        sam = Visitor(base)
        sam.sign_in(SAM)
        page = sam.get("/stream?span=7d&more=1")
        assert "Nothing was heard" in page.text or "No post is like this" in page.text
        assert "Secret launch" not in page.text
        assert figure(page.text, "Posts") == "0"
        assert sam.get(f"/stream?scope=campaign:{campaign}").status_code == 404
        assert sam.get(f"/stream?author={author}").status_code == 404
        event = journey.value("SELECT id FROM social_events LIMIT 1")
        fields = {"form": sam.form(page), "was": "", "label": "neutral"}
        assert sam.post(f"/stream/posts/{event}/correct", fields).status_code == 404


def test_a_strangers_words_are_never_markup_and_only_web_addresses_are_links(
    journey: Journey, max_: Visitor
) -> None:
    source = journey.source(term="<i>acme</i>", host="https://town.example")
    told = post("h1", "<script>alert(1)</script>", datetime.now(UTC) - timedelta(minutes=1), "<b>zoe</b>")
    journey.hear(source, told)
    journey.execute(
        "UPDATE social_events SET url = 'javascript:alert(2)', unscored = '<u>why</u>', sentiment = NULL"
    )
    page = max_.get("/stream?more=1&words=<script>").text
    assert "<script>alert" not in page
    assert "javascript:" not in page
    assert not re.search(r"<(b>zoe|i>acme|u>why)", page)
    assert "&lt;script&gt;alert(1)" in page


def test_pages_go_on_where_the_last_ended_and_new_posts_are_told_but_not_pushed_in(
    journey: Journey, max_: Visitor
) -> None:
    stream(journey, days=2)
    want = journey.execute("SELECT id FROM social_events ORDER BY occurred_at DESC, id DESC")
    for query in ("", "&platform=mastodon", "&words=e"):
        assert walked(max_, f"/stream?span=7d{query}") == [str(row.id) for row in want]
    [part] = re.findall(r'id="fresh"[^>]* hx-get="([^"]+)"', max_.get("/stream").text)
    assert max_.get(unescape(part)).text.strip() == ""
    source = journey.source(term="acme coffee")
    journey.hear(source, post("new", "Just now.", datetime.now(UTC), "zoe"))
    assert "1 new post: show" in max_.get(unescape(part)).text


def test_few_posts_among_very_many_are_looked_for_hour_by_hour_and_the_page_says_where_it_stopped(
    journey: Journey, max_: Visitor
) -> None:
    source = journey.source("lemmy", "acme", host="https://town.example")
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for hours in (2, 5, 9):
        journey.land(source, post(f"rare-{hours}", CALM[0], now - timedelta(hours=hours), "zoe"))
    journey.digest()
    journey.execute(
        "INSERT INTO hours (org_id, scope, hour, platform, language, voice, n, scored)"
        " SELECT org_id, scope, hour, 'x', 'de', 'earned', 60000, 60000 FROM hours WHERE scope = 'all'"
    )
    page = max_.get("/stream?platform=lemmy").text
    assert page.count('class="post"') == 1
    assert "Look further back" in page
    assert len(walked(max_, "/stream?platform=lemmy")) == 3
    assert len(exported(max_, "platform=lemmy&words=parcel")) == 3
    assert "counted over the newest 20,000 posts only" in max_.get("/stream?platform=lemmy&words=parcel").text


def test_kinds_are_counted_each_without_its_own_filter(journey: Journey, max_: Visitor) -> None:
    now = datetime.now(UTC) - timedelta(minutes=5)
    for platform, n in (("mastodon", 3), ("lemmy", 2)):
        source = journey.source(platform, "acme", host="https://town.example")
        for nth in range(n):
            journey.land(source, post(f"{platform}-{nth}", ANGRY if nth else CALM[0], now, "zoe"))
    journey.digest()
    for query in ("platform=lemmy", "platform=lemmy&words=e"):
        told = plain(max_.get(f"/stream/sample?{query}").text)
        assert "Platforms mastodon 3 lemmy 2 Languages en 2 Voices earned 2" in told
        assert "Engagement, authors and words of 2 posts" in told
        # stream_rows.post has 3 likes and 1 answer
        assert "Engagement likes 6 answers 2 Platforms" in told


def test_a_campaigns_lift_is_told_with_its_interval_or_that_it_is_too_early(
    journey: Journey, max_: Visitor
) -> None:
    campaign = journey.value(
        "INSERT INTO campaigns (org_id, name, starts_on)"
        " VALUES ('main', 'Bean Friday', (now() AT TIME ZONE 'UTC')::date - 4) RETURNING id"
    )
    journey.execute(
        "INSERT INTO hours (org_id, scope, hour, platform, language, voice, n, scored, sum)"
        " SELECT 'main', 'all', date_trunc('day', now(), 'UTC') - make_interval(days => d), 'x', 'en', 'earned',"
        "        CASE WHEN d <= 4 THEN 30 + d ELSE 10 + d % 2 END, 10, 5 FROM generate_series(1, 20) d"
    )
    told = plain(max_.get(f"/stream?scope=campaign:{campaign}").text)
    assert "32 posts a day, 10 before, 3.1 times as many: +22 a day (+20 to +24)." in told
    assert "Mean sentiment of a day +0.50, +0.50 before: +0.00 (+0.00 to +0.00), which may be chance." in told
    assert "on the 4 whole days (UTC)" in told
    journey.execute("UPDATE campaigns SET starts_on = starts_on + 3")
    told = plain(max_.get(f"/stream?scope=campaign:{campaign}").text)
    assert "Too early to say: 1 whole day of the campaign and 19 days before it were heard" in told


def test_welchs_interval_is_the_one_of_the_textbook() -> None:
    found = welch([27.5, 21.0, 19.0, 23.6, 17.0, 17.9], [27.1, 22.0, 20.8, 23.4, 23.4, 23.5])
    assert found is not None
    # by hand: the variances are 15.7 and 4.7, the error is 1.84, the degrees of freedom 7.7, rounded down to 7
    assert (round(found.now - found.before, 2), round(found.low, 1), round(found.high, 1)) == (
        -2.37,
        -6.7,
        2.0,
    )
    assert welch([1, 2], [1, 2, 3]) is None


def test_an_account_is_found_by_its_name_and_one_that_is_not_is_said_beside_the_field(
    journey: Journey, max_: Visitor
) -> None:
    account = journey.account("Northwind Coffee")
    found = max_.get("/stream?account=northwind&span=7d")
    assert (found.status_code, found.headers["location"]) == (
        303,
        f"/stream?scope=account%3A{account}&span=7d",
    )
    source = journey.source(term="acme", host="https://town.example")
    told = datetime.now(UTC) - timedelta(minutes=1)
    journey.hear(
        source, post("h1", "Northwind Coffee is closed.", told, "zoe"), post("h2", CALM[0], told, "zoe")
    )
    assert journey.event("h1").account_id == account
    page = max_.get(found.headers["location"]).text
    assert "Northwind Coffee" in plain(page)
    assert (figure(page, "Posts"), page.count('class="post"')) == ("1", 1)
    unknown = max_.get("/stream?account=nowhere")
    assert unknown.status_code == 422
    assert 'value="nowhere" aria-invalid="true"' in unknown.text


def test_an_address_with_nonsense_in_it_is_the_page_without_it(max_: Visitor) -> None:
    told = {
        "scope": "account:1",
        "span": "9y",
        "platform": "myspace",
        "at": "now",
        "author": "x",
        "voice": "loud",
    }
    assert read(told) == read({})
    nonsense = "/stream?at=9999-99&before=x,y&words=%00&language=%27;--&author=%00&scope=%23%23"
    assert max_.get(nonsense).status_code == 200


def test_what_is_usual_is_the_median_of_days_that_were_heard() -> None:
    at = datetime(2026, 6, 10, 9, tzinfo=UTC)
    by_hour = {at - timedelta(days=n): Count(n=number) for n, number in enumerate((0, 2, 3, 100, 4), 0)}
    assert usual(by_hour, at, at - timedelta(days=4)) == 3.5
    assert usual(by_hour, at, at - timedelta(days=7)) == 2.0
    assert usual(by_hour, at, at - timedelta(days=1)) is None
    assert usual(by_hour, at, None) is None


def test_a_spike_lasts_until_it_is_half_way_back_and_one_of_nine_posts_is_none() -> None:
    at = datetime(2026, 6, 10, 9, tzinfo=UTC)

    def of(*numbers: int, usual: float | None = 4.0) -> list[tuple[int, int]]:
        steps = [Step(at + n * HOUR, Count(n=number), usual) for n, number in enumerate(numbers)]
        return [(int((one.until - one.since) / HOUR), one.n) for one in spikes(steps, HOUR)]

    assert of(3, 12, 9, 30, 8, 7, 14) == [(1, 14), (4, 59)]
    assert of(11) == []
    assert of(9, usual=0.0) == []
    assert of(500, usual=None) == []


def test_hours_and_posts_count_the_same(journey: Journey) -> None:
    stream(journey, days=2)
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + HOUR
    of = Filter("main", now - timedelta(days=1), now)
    with journey.sessions() as session:
        by_hours = measured(session, of, HOUR)
        by_posts = measured(session, Filter("main", of.since, of.until, words=("e",)), HOUR)
        assert by_hours.now.n == len(posts(session, of, most=500).rows) > 80
    assert [step.had.n for step in by_hours.steps] == [step.had.n for step in by_posts.steps]
    assert by_hours.now.mean == pytest.approx(by_posts.now.mean)
    assert [spike.n for spike in by_hours.spikes] == [spike.n for spike in by_posts.spikes]
