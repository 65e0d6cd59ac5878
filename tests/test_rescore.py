"""rescore: stored posts get the number of today's lexicon, the hours follow, and no case ever does."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from tests.command_line import earshot
from tests.journey import CALM, FURIOUS, START, US, WARM, Journey, at, post
from workers.directory import read_scorer
from workers.lexicon import Lexicon
from workers.rescore import Stretch, Told, due, rescored
from workers.score import Scorer
from workers.standing import read_rules

PARCEL = Lexicon({"parcel": -4.0}, "main.1")
"""CALM has a parcel in it: with this it crosses every threshold."""
ALL = Stretch("main", START - timedelta(days=1), START + timedelta(days=30))


def rescore(journey: Journey, lexicon: Lexicon = PARCEL, stretch: Stretch = ALL, **given: Any) -> Told:
    told = Told()
    with journey.sessions() as session:
        rules = read_rules(session, journey.org)
    for batch in rescored(journey.sessions, stretch, Scorer(["@" + US], lexicon), rules, **given):
        told.add(batch)
    return told


def cases(journey: Journey) -> list[Any]:
    return [
        journey.execute(f"SELECT * FROM {table} ORDER BY id") for table in ("cases", "tickets", "activities")
    ]


def hours(journey: Journey) -> dict[tuple[str, ...], tuple[Any, ...]]:
    """What is counted, by scope, hour, platform, language and voice; what is 0 throughout is not there."""
    found = journey.execute(
        "SELECT scope, hour, platform, language, voice, n, scored, round(sum::numeric, 6) AS sum, negative, positive,"
        " unscored, reposts FROM hours WHERE org_id = :org",
        org=journey.org,
    )
    return {tuple(map(str, row[:5])): tuple(row[5:]) for row in found if any(row[5:])}


def counted_anew(journey: Journey) -> dict[tuple[str, ...], tuple[Any, ...]]:
    """The same, from the events themselves."""
    found = journey.execute(
        "SELECT s.scope, date_trunc('hour', occurred_at, 'UTC'), platform, coalesce(lang, 'und'), voice, count(*),"
        " count(sentiment), round(coalesce(sum(sentiment), 0)::numeric, 6),"
        " count(*) FILTER (WHERE sentiment <= -0.05), count(*) FILTER (WHERE sentiment >= 0.05),"
        " count(*) FILTER (WHERE sentiment IS NULL), sum(reposts)"
        " FROM social_events e, LATERAL (SELECT 'all' AS scope UNION ALL SELECT 'account:' || account_id"
        " WHERE account_id IS NOT NULL UNION ALL SELECT 'campaign:' || campaign_id WHERE campaign_id IS NOT NULL) s"
        " WHERE org_id = :org GROUP BY 1, 2, 3, 4, 5",
        org=journey.org,
    )
    return {tuple(map(str, row[:5])): tuple(row[5:]) for row in found}


def test_a_post_gets_the_number_of_todays_scorer_and_its_name(journey: Journey) -> None:
    journey.hear(journey.source(), post("1", CALM, to=US), post("2", WARM, to=US))
    before = journey.event("1")
    told = rescore(journey)
    after = journey.event("1")
    assert after.sentiment < -0.5 < before.sentiment
    assert after.scorer == Scorer((), PARCEL).version != before.scorer
    assert (after.lang, after.text, after.recorded_at) == (before.lang, before.text, before.recorded_at)
    assert (told.looked, told.changed) == (2, 1)
    assert told.mean_change == pytest.approx(before.sentiment - after.sentiment)


def test_rescoring_opens_raises_and_closes_no_case_and_says_how_many_would_cross(journey: Journey) -> None:
    source = journey.source()
    journey.hear(
        source, post("1", CALM, to=US), post("2", CALM, by="lee"), post("3", FURIOUS, to=US, by="joy")
    )
    before = cases(journey)
    assert len(before[0]) == 1
    told = rescore(journey)
    assert journey.event("1").sentiment < -0.5
    assert (told.crossing, told.no_longer) == (1, 0)  # the second was said to nobody
    assert cases(journey) == before
    assert [journey.event(name).case_id for name in ("1", "2")] == [None, None]
    harmless = Lexicon(dict.fromkeys(("terrible", "hate", "worst"), 0.0), "main.2")
    told = rescore(journey, harmless)
    assert journey.event("3").sentiment > -0.25
    assert (told.crossing, told.no_longer) == (0, 2)
    assert cases(journey) == before
    assert journey.event("3").case_id == before[0][0].id


def test_what_would_be_held_back_is_not_said_to_cross(journey: Journey) -> None:
    journey.hear(
        journey.source(), post("1", CALM, to=US, by="northwind"), post("2", CALM, to=US, minutes=-30)
    )
    assert rescore(journey).crossing == 0


def test_what_only_answers_a_post_about_an_account_names_it_as_little_as_when_it_came_in(
    journey: Journey,
) -> None:
    source, account = journey.source(), journey.account("Velmora Hotels")
    journey.hear(
        source,
        post("1", "A room at Velmora Hotels"),
        post("2", CALM, by="lee", reply_to="1", minutes=2),
        post("3", f"Velmora Hotels. {CALM}", by="joy", minutes=3),
    )
    assert journey.event("2").account_id == account
    # as a digest with the same lexicon: the third names the account, the second only stands below one that does
    assert rescore(journey, dry=True).crossing == 1


def test_the_hours_follow_in_every_scope_with_their_reposts(journey: Journey) -> None:
    account = journey.account("Velmora Hotels", "velmora.example")
    campaign = journey.value(
        "INSERT INTO campaigns (org_id, name) VALUES (:org, 'Spring') RETURNING id", org=journey.org
    )
    journey.alias("hashtag", "spring", "campaign", campaign_id=campaign)
    journey.contact("lee@town.example", account=account)
    source = journey.source()
    journey.hear(
        source,
        post("1", CALM, by="lee", to=US),
        post("2", CALM, hashtags=("spring",), minutes=70),
        post("3", WARM),
        post("4", "http://only.example/a/link", lang=None),
        post("5", CALM, lang=None, minutes=3),
        post("r", "", verb="repost", repost_of="1"),
    )
    assert hours(journey) == counted_anew(journey)
    before = hours(journey)
    told = rescore(journey)
    assert told.changed == 3
    assert hours(journey) == counted_anew(journey)
    assert hours(journey) != before
    assert len({scope.split(":")[0] for scope, *_ in hours(journey)}) == 3


def test_reposts_are_counted_under_the_language_of_their_original(journey: Journey) -> None:
    words = "The parcel is not what they have said that it would be"
    journey.hear(journey.source(), post("1", words), post("r", "", verb="repost", repost_of="1"))
    for change in ("UPDATE social_events SET lang = 'und'", "UPDATE hours SET language = 'und'"):
        journey.execute(change)
    assert [(key[3], counts[-1]) for key, counts in hours(journey).items()] == [("und", 1)]
    rescore(journey)
    assert [(key[3], counts[-1]) for key, counts in hours(journey).items()] == [("en", 1)]
    assert hours(journey) == counted_anew(journey)


def test_an_event_of_the_same_scorer_is_left_and_a_second_run_does_nothing(journey: Journey) -> None:
    journey.hear(journey.source(), post("1", CALM), post("2", WARM))
    first = rescore(journey)
    assert first.looked == 2
    written = journey.execute("SELECT xmin::text, * FROM social_events ORDER BY id")
    assert rescore(journey).looked == 0
    assert journey.execute("SELECT xmin::text, * FROM social_events ORDER BY id") == written


def test_a_neighbours_number_and_another_language_stay(journey: Journey) -> None:
    journey.hear(journey.source(), post("1", "Die Lieferung ist schlimm", lang="de"))
    journey.execute(
        "INSERT INTO social_events (org_id, text, sentiment, occurred_at) VALUES"
        " (:org, 'a parcel', 0.5, :at), (:org, 'a parcel', NULL, :at)",
        org=journey.org,
        at=at(5),
    )
    before = journey.execute("SELECT * FROM social_events ORDER BY id")
    assert rescore(journey).looked == 0
    assert journey.execute("SELECT * FROM social_events ORDER BY id") == before


def test_a_text_that_had_no_score_may_get_one(journey: Journey) -> None:
    journey.hear(journey.source(), post("1", CALM), post("2", "parcel ;-("))
    journey.execute(
        "UPDATE social_events SET sentiment = NULL, unscored = 'empty', scorer = NULL, lang = NULL"
        " WHERE external_id = '2'"
    )
    told = rescore(journey)
    assert (told.scored, told.changed) == (1, 1)
    assert journey.event("2").sentiment < 0
    assert journey.event("2").unscored is None


def test_only_the_stretch_and_the_organisation_that_were_asked_for(journey: Journey) -> None:
    source = journey.source()
    journey.hear(source, *(post(str(n), CALM, minutes=n) for n in (1, 2, 3, 4)))
    rescore(journey, stretch=Stretch("other", ALL.since, ALL.until))
    assert [journey.event(str(n)).sentiment for n in (1, 2, 3, 4)] == [0.0] * 4
    rescore(journey, stretch=Stretch("main", at(2), at(4)))
    assert [journey.event(str(n)).sentiment < 0 for n in (1, 2, 3, 4)] == [False, True, True, False]


def test_a_dry_run_says_the_same_and_writes_nothing(journey: Journey) -> None:
    journey.hear(journey.source(), post("1", CALM, to=US), post("2", CALM), post("3", WARM))
    before = [
        journey.execute(f"SELECT xmin::text, * FROM {table} ORDER BY 1, 2")
        for table in ("social_events", "hours")
    ]
    told = rescore(journey, dry=True)
    assert [
        journey.execute(f"SELECT xmin::text, * FROM {table} ORDER BY 1, 2")
        for table in ("social_events", "hours")
    ] == before
    assert rescore(journey) == told


def test_whoever_stops_leaves_whole_batches_and_goes_on_from_there(journey: Journey) -> None:
    journey.hear(journey.source(), *(post(str(n), CALM, minutes=n % 3) for n in range(7)))
    scorer = Scorer(["@" + US], PARCEL)
    batches = rescored(journey.sessions, ALL, scorer, (), most=2)
    assert [next(batches).looked for _ in range(2)] == [2, 2]
    batches.close()
    with journey.sessions() as session:
        assert due(session, ALL, scorer) == (3, 7)
    assert hours(journey) == counted_anew(journey)
    assert rescore(journey, most=2).looked == 3
    assert hours(journey) == counted_anew(journey)


def test_a_batch_that_fails_changes_neither_events_nor_hours(journey: Journey) -> None:
    journey.hear(journey.source(), *(post(str(n), CALM, minutes=n) for n in range(4)))

    class Stumbling(Scorer):
        def score(self, texts: Any) -> Any:
            answers = super().score(texts)
            self.batches = getattr(self, "batches", 0) + 1
            return (
                [a.__class__(7.0, 0, 0, 0, "en", a.version) for a in answers]
                if self.batches == 2
                else answers
            )

    with pytest.raises(Exception, match="sentiment"):
        list(rescored(journey.sessions, ALL, Stumbling((), PARCEL), (), most=2))
    assert [journey.event(str(n)).sentiment < 0 for n in range(4)] == [True, True, False, False]
    assert hours(journey) == counted_anew(journey)


def test_a_post_that_is_edited_meanwhile_is_scored_as_it_is_then(journey: Journey) -> None:
    journey.hear(journey.source(), post("1", CALM))
    with journey.sessions() as session:
        session.execute(text("UPDATE social_events SET text = :text"), {"text": WARM})
        done = threading.Thread(target=rescore, args=(journey,))
        done.start()
        done.join(0.5)
        assert done.is_alive()
        session.commit()
    done.join(10)
    assert journey.event("1").sentiment > 0.5


# --- as it is typed -----------------------------------------------------------------------------------


def test_the_command_says_before_and_after_and_explain_follows(
    journey: Journey, database: str, home: Path
) -> None:
    cli = earshot(home, database_url=database)
    assert "Nothing to do: 0 posts" in cli.done("rescore", "--since", "30d").out
    soon = (datetime.now(UTC) - timedelta(hours=2)).replace(microsecond=0)
    journey.hear(journey.source(), _at(soon))
    with journey.sessions() as session:
        made_by = read_scorer(session, "main").version
    lexicon(journey, parcel=-4.0)
    address = "https://town.example/1"
    shown = cli.done("explain", address).out
    assert made_by in shown
    assert "today" in shown
    assert "+main.1); earshot rescore writes it" in shown
    told = cli.done("rescore", "--since", "1d", "--dry-run")
    assert "1 would change their number" in told.out
    assert "Nothing was written" in told.out
    assert journey.event(address).sentiment == 0.0
    told = cli.done("rescore", "--since", "1d", "--json").json
    assert (told["looked"], told["changed"], told["would_cross"]) == (1, 1, 1)
    assert told["scorer"].endswith("+main.1")
    assert journey.event(address).scorer == told["scorer"]
    assert journey.cases() == []
    shown = cli.done("explain", address).out
    assert "parcel -4.00" in shown
    assert "today" not in shown
    assert "what has a score was made with it" in cli.done("rescore", "--since", "1d").out


def test_a_score_is_explained_with_the_lexicon_that_it_was_made_with(
    journey: Journey, database: str, home: Path
) -> None:
    cli = earshot(home, database_url=database)
    lexicon(journey, parcel=-2.0)
    journey.hear(journey.source(), _at(datetime.now(UTC)))
    lexicon(journey, parcel=-4.0)
    told = cli.done("explain", "https://town.example/1", "--json").json
    assert told["words"]["words"] == [{"word": "parcel", "weight": -2.0}]
    assert told["words"]["compound"] == told["sentiment"]
    assert told["scorer"].endswith("+main.1")
    assert told["now"]["scorer"].endswith("+main.2")
    assert told["now"]["sentiment"] < told["sentiment"]


@pytest.mark.parametrize(
    "words",
    [("--since", "soon"), ("--since", "-3d"), ("--since", "99-99"), (), ("--since", "1d", "--until", "2d")],
)
def test_a_time_that_is_none_is_refused(
    journey: Journey, database: str, home: Path, words: tuple[str, ...]
) -> None:
    earshot(home, database_url=database).refused("rescore", *words, code=2)


def _at(moment: datetime) -> Any:
    return msgspec.structs.replace(post("https://town.example/1", CALM, to=US), posted_at=moment)


def lexicon(journey: Journey, **words: float) -> None:
    """One version more of the organisation's lexicon, with these words alone."""
    version = journey.value(
        "INSERT INTO lexicons (org_id, version, profile) SELECT :org, count(*) + 1, 'support' FROM lexicons"
        " RETURNING version",
        org=journey.org,
    )
    journey.execute("UPDATE lexicon_words SET until = :version WHERE until IS NULL", version=version)
    for word, weight in words.items():
        journey.execute(
            "INSERT INTO lexicon_words (org_id, word, weight, since) VALUES (:org, :word, :weight, :version)",
            org=journey.org,
            word=word,
            weight=weight,
            version=version,
        )
