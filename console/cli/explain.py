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
        ("edited", told["edited_at"]),
        ("answers", told["reply_to"]),
        ("stars", told["rating"]),
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
    if ties := [
        f"{kind} {one_line(told[kind])}" for kind in ("account", "contact", "campaign") if told[kind]
    ]:
        yield "tied to", " · ".join(ties)
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
    state = "" if match["state"] == "live" else f" ({match['state']})"
    return f"{match['kind']} {record}: {match['how']}{evidence}, {match['sure']:.0%} sure{state}"


def rule_line(rule: dict[str, Any], sentiment: float | None) -> str:
    """A rule and the threshold that was crossed."""
    from console.words import score

    audience = {
        "addressed": "addressed to us",
        "customer": "a customer of ours, to or about us",
        "named": "about us or ours",
    }[rule["audience"]]
    if sentiment is not None:
        audience += f", and {score(sentiment)} is at most {score(rule['threshold'])}"
    if rule["words"]:
        audience += f", and says {' or '.join(f'“{words}”' for words in rule['words'])}"
    return f"{rule['name']}: {audience} → {rule['action']}"


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

    if told["rule"]:
        yield "rule", rule_line(told["rule"], told["sentiment"])
    if told["held_back"]:
        yield "held back", f"it crossed the threshold and opened nothing: {told['held_back']}"
    case = told["case"]
    if case is None:
        if told["voice"] == "own":
            yield "case", "none: our own posts never open one"
        elif not told["held_back"] and not (told["rule"] and told["rule"]["action"] == "lead"):
            yield "case", "none: no threshold was crossed, and it answers no open case"
        return
    what = f"ticket #{case['ticket']}" if case["ticket"] else "an activity"
    state = "closed" if case["closed_at"] else f"open ({(case['status'] or 'no status').replace('_', ' ')})"
    posts, opened = counted(case["posts"], "post"), f"{case['opened_at']:%Y-%m-%d %H:%M}"
    yield "case", f"{told['case_role'] or 'noted'}: {what}, {state}, {posts}, opened {opened}"
    if case["event_id"] != told["id"] and case["score"] is not None:
        yield (
            "",
            f"its level was set by another post: {score(case['score'])} under “{one_line(case['rule'] or '–')}”",
        )
