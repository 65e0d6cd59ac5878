"""`earshot explain`: why this score, why this record, why this ticket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from console.cli import _options
from console.cli._options import as_json, chosen_org


def explain(
    event: Annotated[str, typer.Argument(metavar="EVENT", help="An id, its end, an external id or address.")],
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """One post with everything that Earshot concluded from it, and why.

    Examples: earshot explain 9f3c2a71
              earshot explain https://mastodon.social/users/kim/statuses/11098
    """
    from console.cli import _print
    from console.database import opened
    from console.explain import explained, find

    chosen = _options.org()
    with opened() as session:
        told = explained(session, chosen, find(session, chosen, event))
    if json:
        _print.as_json(told)
        return
    for name, words in facts(told):
        _print.fact(name, words)


def facts(told: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """An explained post as (name, words) lines; a name may come more than once."""
    from console.cli.score import reason, words_that_weighed
    from console.words import one_line, safe, score

    yield "post", f"{_author(told['author'])} on {told['platform']}, {told['occurred_at']:%Y-%m-%d %H:%M} UTC"
    yield "", safe(told["text"]) or "(no text)"
    if told["url"]:
        yield "address", one_line(told["url"])
    yield "id", f"{told['id']}  {one_line(told['external_id'])}"
    for name, words in (
        ("edited", told["edited_at"] if told["edited_at"] != told["occurred_at"] else None),
        ("answers", told["reply_to"]),
        ("stars", None if told["rating"] is None else f"{told['rating']:g}"),
    ):
        if words is not None:
            yield name, one_line(f"{words:%Y-%m-%d %H:%M}" if name == "edited" else str(words))
    if told["reposts"]:
        yield "reposts", str(told["reposts"])
    yield "kind", _kind(told)
    if told["words"] is None:
        yield "score", f"none: {reason(told['unscored'] or 'it was never scored')}"
    else:
        made_by = told["scorer"] or "not scored by Earshot"
        yield "score", f"{score(told['sentiment'])}  ({told['sentiment']:+.4f}, {told['lang']}, {made_by})"
        yield "words", words_that_weighed(told["words"])
        if told["words"]["compound"] != told["sentiment"]:
            yield "", "not the words that made the number: our names, or what is shipped, have changed since"
        yield "read as", one_line(told["words"]["text"], 600)
    yield from _judged_anew(told)
    for match in told["matches"]:
        yield "match", match_line(match)
    if not told["matches"]:
        yield "match", "none: it names no account, contact or campaign of ours"
    yield from _ties(told)
    yield from _consequences(told)
    for source in told["sources"]:
        yield "heard by", f"{source['platform']} {source['kind']} {one_line(source['term'])}"


def _judged_anew(told: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What people say of the score, and what today's scorer would."""
    from console.cli.corrections import correction_line
    from console.cli.score import reason
    from console.words import score

    for one in told["corrections"]:
        if one["undone_at"] is None:
            yield "corrected", f"{correction_line(one)}; the number stays"
            break
    now = told["now"]
    if told["scorer"] is None and told["unscored"] is None:
        return  # a neighbour's event: rescoring leaves it alone
    if now["sentiment"] is not None and now["sentiment"] != told["sentiment"]:
        yield (
            "today",
            f"{score(now['sentiment'])}  ({now['sentiment']:+.4f}, {now['scorer']}); earshot rescore writes it",
        )
    elif now["sentiment"] is None and told["sentiment"] is not None:
        yield "today", f"none: {reason(now['unscored'])} ({now['scorer']}); earshot rescore writes it"


def match_line(match: dict[str, Any]) -> str:
    """A match in words: which record, how it was made, how sure, on what evidence."""
    from console.words import one_line

    record = one_line(match["record"] or str(match["record_id"]))
    evidence = f" by “{one_line(match['evidence'], 80)}”" if match["evidence"] else ""
    author = ", the author's own" if match["author"] else ""
    by = f", by {one_line(match['by'], 40)}" if match["by"] else ""
    state = "" if match["state"] == "live" else f" ({match['state']})"
    return f"{match['kind']} {record}: {match['how']}{evidence}, {match['sure']:.0%} sure{author}{by}{state}"


def _ties(told: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What the post is tied to, and of what kind it is tied to nothing because it names several."""
    from console.words import one_line

    ties = [f"{kind} {one_line(told[kind])}" for kind in ("account", "contact", "campaign") if told[kind]]
    if told["ticket"]:
        ties.append(f"ticket #{told['ticket']}")
    if ties:
        yield "tied to", " · ".join(ties)
    for kind in ("account", "contact", "campaign", "ticket"):
        live = [match for match in told["matches"] if match["kind"] == kind and match["state"] == "live"]
        several = [match for match in live if kind != "contact" or match["author"]]
        if told[kind] or len(several) < 2:
            continue
        names = " and ".join(one_line(str(match["record"] or match["record_id"]), 60) for match in several)
        yield "undecided", f"tied to no one {kind}, for it names {len(several)}: {names};"
        yield "", f"earshot review link {str(told['id'])[-8:]} {kind} NAME decides"


def rule_line(
    rule: dict[str, Any], sentiment: float | None, stars: float | None, case: dict[str, Any] | None = None
) -> str:
    """A rule and the threshold that was crossed. `case`: the one whose level this post set, with the score and the
    threshold of that moment; a rescore or an edit of the rule since then does not change what it was. `stars` are
    those of the review."""

    audience = {
        "addressed": "addressed to us",
        "customer": "a customer of ours, to or about us",
        "named": "about us or ours",
    }[rule["audience"]]
    for crossed in (_few_stars(rule, stars), _crossed(rule, sentiment, case)):
        audience += f", and {crossed}" if crossed else ""
    if rule["words"]:
        audience += f", and says {' or '.join(f'“{words}”' for words in rule['words'])}"
    return f"{rule['name']}: {audience} → {rule['action']}"


def _few_stars(rule: dict[str, Any], stars: float | None) -> str:
    """The stars that a review has, and those that the rule asks for; nothing where it asks for none."""
    from console.rule_told import at_most

    if rule["rating"] is None or stars is None:
        return ""
    has = "1 star" if stars == 1 else f"{stars:g} stars"
    return f"{has}; the rule asks for {at_most(rule['rating'])}"


def _crossed(rule: dict[str, Any], sentiment: float | None, case: dict[str, Any] | None) -> str:
    """Score and threshold as they were when it crossed, where that is known, and what they are now; or nothing."""
    from console.words import score

    was, bar = (case["score"], case["threshold"]) if case else (None, None)
    was, bar = (sentiment if was is None else was), (rule["threshold"] if bar is None else bar)
    if was is None or (rule["rating"] is not None and bar >= 1):
        return ""
    if was == sentiment and bar == rule["threshold"]:
        if was <= bar:
            return f"{score(was)} is at most {score(bar)}"
        return f"it crossed {score(bar)} with an earlier score; it scores {score(was)} now"
    since = []
    if was != sentiment:
        since.append("it has no score now" if sentiment is None else f"it scores {score(sentiment)} now")
    if bar != rule["threshold"]:
        since.append(f"the rule's threshold is {score(rule['threshold'])} now")
    when = "rose" if case and case["risen_at"] else "opened"
    return f"{score(was)} was at most {score(bar)} when the case {when} ({'; '.join(since)})"


def _author(author: dict[str, Any]) -> str:
    from console.words import one_line

    names = [one_line(author["name"], 60)] if author["name"] else []
    if author["handle"]:
        names.append(
            f"(@{one_line(author['handle'], 80)})" if names else f"@{one_line(author['handle'], 80)}"
        )
    more = ", a bot" if author["bot"] else ""
    return (" ".join(names) or "Somebody") + (", ourselves" if author["ours"] else more)


def _kind(told: dict[str, Any]) -> str:
    kinds = [told["verb"]]
    if told["voice"] == "own":
        kinds.append("our own")
    if told["voice"] == "competitor":
        kinds.append("a competitor's")
    kinds += [
        name
        for name, is_so in (("addressed to us", told["addressed"]), ("about us", told["about_us"]))
        if is_so
    ]
    if len(kinds) == 1:
        kinds.append("neither to us nor about us")
    return ", ".join(kinds)


def _consequences(told: dict[str, Any]) -> Iterator[tuple[str, str]]:
    from console.words import counted, one_line, score
    from workers.rule import CONTENT

    if told["rule"]:
        set_by_it = told["case"] and told["case"]["event_id"] == told["id"] and not told["held_back"]
        yield (
            "rule",
            rule_line(told["rule"], told["sentiment"], told["rating"], told["case"] if set_by_it else None),
        )
    named = told["rule"] and told["rule"]["name"]
    yield from _crossed_too([note for note in told["noted"] if note["rule"] != named])
    if told["held_back"]:
        yield from _held_back(told)
    case = told["case"]
    if case is None:
        if told["voice"] == "own":
            yield "case", "none: our own posts never open one"
        elif not told["rule"] and told["rating"] is not None and told["rating"] >= CONTENT:
            yield "case", f"none: {told['rating']:g} stars are no complaint, whatever the words sound like"
        elif not told["held_back"] and not (told["rule"] and told["rule"]["action"] == "lead"):
            yield "case", "none: no threshold was crossed, and it answers no open case"
        return
    what = f"ticket #{case['ticket']}" if case["ticket"] else "an activity"
    state = "closed" if case["closed_at"] else f"open ({(case['status'] or 'no status').replace('_', ' ')})"
    posts, opened = counted(case["posts"], "post"), f"{case['opened_at']:%Y-%m-%d %H:%M}"
    yield "case", f"{told['case_role'] or 'noted'}: {what}, {state}, {posts}, opened {opened}"
    if told["held_back"] and told["case_role"] in ("opened", "raised") and case["event_id"] == told["id"]:
        yield (
            "",
            f"under “{one_line(case['rule'] or 'a rule that is gone')}” (threshold {score(case['threshold'])})",
        )
    if case["incident"]:
        yield "", _taken_in(case)
    for note in told["noted"]:
        if note["what"] in _SINCE:
            yield "", f"{_SINCE[note['what']]} {note['at']:%Y-%m-%d %H:%M}"
    if case["event_id"] != told["id"] and case["score"] is not None:
        yield (
            "",
            f"its level was set by another post: {score(case['score'])} under “{one_line(case['rule'] or '–')}”",
        )


_SINCE = {
    "reply": "it answered the case when that was closed, and crossed nothing:",
    "reopened": "it opened the case again, because its author answered:",
    "edited": "it was edited:",
    "gone": "it is gone from the platform since",
}


def _crossed_too(noted: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """The other rules that a post crossed, which are noted on its case."""
    from console.words import one_line, score

    for note in noted:
        if note["what"] == "rule":
            rule = f"{one_line(note['rule'])} → {note['action']}" if note["rule"] else "a rule that is gone"
            yield "and", f"{rule} (threshold {score(note['threshold'])})"


def _held_back(told: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Why it opened nothing, and what opens it all the same."""
    from console.words import one_line
    from workers.decide import SPENT, SUGGESTED

    hold, case = told["hold"], told["case"]
    did = "it crossed the threshold and opened nothing" if case is None else "this rule did nothing"
    if hold is None:
        yield "held back", f"{did}: {one_line(told['held_back'])}"
        if told["held_back"] in (SUGGESTED, SPENT) and (case is None or case["level"] == "activity"):
            yield "", f"earshot case open {str(told['id'])[-8:]} opens what it would have"
        return
    state = f"on until {hold['until']:%Y-%m-%d %H:%M} UTC" if hold["active"] else "off by now"
    what = f"{hold['of']} {one_line(hold['what'] or 'that is gone', 80)}"
    yield "held back", f"{did}: the crisis switch for {what}, {state}"
    yield (
        "",
        f"“{one_line(hold['reason'], 200)}”, says {one_line(hold['by'], 40)}; earshot crisis release lets it go",
    )


def _taken_in(case: dict[str, Any]) -> str:
    """The Incident of a case."""
    from console.words import counted

    state = "closed" if case["incident_closed_at"] else "open"
    own = "it has that ticket" if case["shared"] else "it keeps a ticket of its own"
    return f"in Incident #{case['incident']} ({state}, {counted(case['siblings'], 'case')}): {own}"
