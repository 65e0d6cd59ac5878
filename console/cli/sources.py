"""`earshot sources`: what is followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from console.cli import _options
from console.cli._options import Commands, as_json, chosen_org

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from console.following import Wanted
    from console.preview import Outlook

app = Commands(no_args_is_help=True, help="What is followed: hashtags, searches, mentions, threads, feeds.")

Platform = Annotated[str, typer.Argument(help="mastodon, bluesky, feeds, ...")]
Kind = Annotated[str, typer.Argument(help="hashtag, search, mentions, thread, feed, inbound, ...")]
Term = Annotated[str | None, typer.Argument(help="What to follow; mentions take none.")]
Host = Annotated[str | None, typer.Option(help="The server, such as mastodon.social.")]
Key = Annotated[str | None, typer.Option(help="Which credential: its account. Default: the only one.")]
Campaign = Annotated[
    str | None,
    typer.Option(
        help="All that it brings within this campaign's dates is the campaign's; \"\" takes it off."
    ),
]
Named = Annotated[list[str], typer.Argument(metavar="SOURCE...", help="An id, its end, or the term.")]


@app.command()
def add(
    platform: Platform,
    kind: Kind,
    term: Term = None,
    host: Host = None,
    credential: Key = None,
    every: Annotated[float | None, typer.Option(help="Seconds between two visits.")] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="Leave out posts with this word; repeatable.")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Who gets its cases: a user's e-mail address.")] = None,
    escalate_from: Annotated[
        str | None, typer.Option(help="Posts before this moment open no case (default: now). ISO 8601, UTC.")
    ] = None,
    campaign: Campaign = None,
    urgent: Annotated[
        bool, typer.Option("--urgent", help="Visit it before others, where a quota is short.")
    ] = False,
    broad: Annotated[bool, typer.Option("--broad", help="Follow it however much it brings.")] = False,
    org: chosen_org = None,
) -> None:
    """Follow something from now on. Posts from before are imported and open no case.

    Where the platform counts, it is asked first how much there would be: what is too broad is refused with the figure,
    unless you say --broad. `earshot sources preview` shows the same without following anything.

    What is followed already stays as it is, but for --campaign. What is inbound is delivered to us instead: the address
    and the secret to give to the sender are printed (`earshot serve` takes what comes).

    Examples: earshot sources add mastodon hashtag acme --host mastodon.social
              earshot sources add bluesky search "acme coffee" --exclude giveaway
              earshot sources add feeds feed https://blog.example.com/feed.xml --every 900
              earshot sources add mastodon hashtag springcup --host mastodon.social --campaign "Spring launch"
              earshot sources add mastodon hashtag springcup --host mastodon.social --campaign ""
              earshot sources add webhook inbound shop
    """
    from dataclasses import replace

    from console.cli import _print
    from console.database import opened_for
    from console.following import URGENT, add_source, campaign_of, check, refuse_inside, set_campaign
    from console.inbound import INBOUND, keep_secret, secret_of, source_of
    from console.mentions import record
    from console.own import own_app
    from console.people import user
    from workers._settings import settings
    from workers.quotas import USUAL

    chosen, moment = _options.org(), _moment(escalate_from)
    sender = term.strip() if kind == INBOUND and term and credential is None else None
    given = _signs_with(platform, sender) if sender else None
    key = None
    with opened_for(chosen) as session:
        if sender:
            if given:
                keep_secret(session, chosen, platform, sender, given)
            key = secret_of(session, chosen, platform, sender)
            credential = sender if platform == "webhook" else None
        wanted = check(session, chosen, platform, kind, term, host=host, credential=credential, every=every)
        if key is not None:
            wanted = replace(wanted, credential=key)
        refuse_inside(wanted, settings().trusted_hosts)
        _expect(chosen, wanted, broad)
        owned = user(session, chosen, owner) if owner else None
        whose = record(session, chosen, "campaign", campaign or None)
        made = add_source(
            session,
            chosen,
            wanted,
            exclude=exclude or (),
            owner=owned,
            escalate_from=moment,
            campaign=whose,
            priority=URGENT if urgent else USUAL,
        )
        app = own_app(session, chosen, platform, wanted.term) if made is not None else None
        moved = made is None and campaign is not None and set_campaign(session, chosen, wanted, whose)
        called = campaign_of(session, whose) if whose else None
        there = source_of(session, chosen, platform, kind, wanted.term) if kind == INBOUND else None
    what = f"{platform} {kind} {wanted.term}" + (f" on {wanted.host}" if wanted.host else "")
    if moved:
        then = f"for {called}" if called else "for no campaign"
        _print.line(f"{what} is followed already (organisation {chosen}); from now on {then}.")
        return
    if made is None:
        _print.line(f"{what} is followed already (organisation {chosen}); nothing was changed.")
    aim = f" for {called}" if called else ""
    if there is not None:
        if made is not None:
            _print.line(f"Receiving {what}{aim} (organisation {chosen}, source {made}).")
        _tell_the_sender(there, given if platform == "webhook" else None)
    elif made is not None:
        _print.line(
            f"Following {what}{aim}, every {wanted.every:g} s (organisation {chosen}, source {made})."
        )
    if app is not None:
        named, ours = app
        _print.line(
            f"{named} is ours: its reviews are addressed to us."
            if ours
            else f"For its reviews to be addressed to us, say that it is ours: earshot own add {platform} {named}"
        )


@app.command()
def address(
    named: Annotated[str, typer.Argument(metavar="SOURCE", help="An id, its end, or the name.")],
    new_secret: Annotated[
        bool, typer.Option("--new-secret", help="Make its secret anew; the old one opens nothing any more.")
    ] = False,
    org: chosen_org = None,
) -> None:
    """Where a source that receives is delivered to.

    Examples: earshot sources address shop
              earshot sources address shop --new-secret
    """
    from console.database import opened
    from console.following import find_source
    from console.inbound import INBOUND, keep_secret
    from console.refusal import CannotDo

    with opened() as session:
        found = find_source(session, _options.org(), named)
    if found["kind"] != INBOUND:
        raise CannotDo(
            f"Nobody delivers to {found['platform']} {found['kind']} {found['term']}; it is visited."
        )
    given = _signs_with(found["platform"], found["term"], anew=True) if new_secret else None
    if given:
        with opened() as session:
            keep_secret(session, _options.org(), found["platform"], found["term"], given)
    _tell_the_sender(found["id"], given if found["platform"] == "webhook" else None)


def _signs_with(platform: str, name: str, *, anew: bool = False) -> str | None:
    """The secret to keep for a sender: one of ours, or a platform's own, which is asked for in its words. None where one
    is kept already, unless `anew`."""
    from connectors import connectors
    from console.cli.credentials import secret_given
    from console.database import opened
    from console.following import check
    from console.inbound import INBOUND, new_secret, secret_of

    with opened() as session:
        if secret_of(session, _options.org(), platform, name) and not anew:
            return None
        if platform == "webhook":
            return new_secret()
        check(session, _options.org(), platform, INBOUND, name)  # nobody is asked for what will not be kept
    words = getattr(connectors()[platform], "secret", "what it signs with")
    return secret_given(None, f"The secret of {name} on {platform} ({words})")


def _tell_the_sender(source: UUID, secret: str | None) -> None:
    from console.cli import _print
    from console.inbound import address as deliver_to

    _print.line(f"Deliver to  {deliver_to(source)}")
    _print.line(
        "That is this machine; from outside, the name of your HTTPS proxy stands in its place (earshot serve --help)."
    )
    if secret is not None:
        _print.line(f"Signed with {secret}")
        _print.line("(Standard Webhooks: webhook-id, -timestamp, -signature.) The secret is shown this once.")


@app.command()
def preview(
    platform: Platform,
    kind: Kind,
    term: Term = None,
    host: Host = None,
    credential: Key = None,
    campaign: Campaign = None,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Show what a source would bring and cost, asked of the platform now; nothing is stored.

    How much there is a day is counted by the platform where it counts (X), else told from the newest page. What is too
    broad ends with exit code 1 and the figure.

    Examples: earshot sources preview mastodon hashtag acme --host mastodon.social
              earshot sources preview x search '"acme coffee" -is:retweet'
    """
    from console.cli import _print
    from console.database import opened
    from console.following import campaign_of, check
    from console.mentions import record
    from console.preview import preview as ask
    from console.refusal import CannotDo
    from workers._settings import settings

    with opened() as session:
        wanted = check(session, _options.org(), platform, kind, term, host=host, credential=credential)
        whose = record(session, _options.org(), "campaign", campaign or None)
        called = campaign_of(session, whose) if whose else None
    outlook = ask(_options.org(), wanted)
    _show(wanted, outlook, json)
    if called and not json:
        _print.line(f"They would be those of {called}.")
    if outlook.too_broad(most := settings().most_a_day):
        raise CannotDo(_too_broad(wanted, outlook, most))


@app.command("list")
def list_(org: chosen_org = None, json: as_json = False) -> None:
    """What is followed, and how it stands.

    Example: earshot sources list --json | jq '.[] | select(.last_error)'
    """
    from console.cli import _print
    from console.cli.status import source_rows
    from console.database import opened
    from console.fleet import now, sources

    with opened() as session:
        found, moment = sources(session, _options.org()), now(session)
    if json:
        _print.as_json(found)
        return
    _print.table(*source_rows(found, moment))


@app.command()
def pause(named: Named, org: chosen_org = None) -> None:
    """Stop visiting sources. Nothing is forgotten: they go on later where they stood.

    Example: earshot sources pause springcup 9f3c2a71
    """
    _set(named, "paused")


@app.command()
def resume(named: Named, org: chosen_org = None) -> None:
    """Let sources go on where they stood, now. What was posted meanwhile is fetched.

    Example: earshot sources resume springcup
    """
    _set(named, "active")


def _set(named: list[str], state: str) -> None:
    from console.cli import _print
    from console.database import opened
    from console.following import find_source, set_state

    with opened() as session:
        found = [find_source(session, _options.org(), name) for name in named]
        set_state(session, found, state)
    for one in found:
        verb = "is paused" if state == "paused" else "goes on"
        was = " (as before)" if one["state"] == state else ""
        _print.line(f"{one['platform']} {one['kind']} {one['term']} {verb}{was}.")


def _moment(words: str | None) -> datetime | None:
    from console.words import parsed_moment

    if words is None:
        return None
    try:
        return parsed_moment(words)
    except ValueError:
        raise typer.BadParameter(
            f"{words!r} is no moment like 2026-11-23 or 2026-11-23T09:00+01:00", param_hint="--escalate-from"
        ) from None


def _expect(org: str, wanted: Wanted, broad: bool) -> None:
    """Refuse what would bring too much, where the platform can tell without bringing it."""
    from connectors._base import ConnectorError
    from console.cli import _print
    from console.preview import counts, preview
    from console.refusal import CannotDo
    from workers._settings import settings

    if broad or not counts(wanted):
        return
    try:
        outlook = preview(org, wanted)
    except ConnectorError as error:
        _print.said(f"How much it would bring could not be asked: {error}.")
        return
    if outlook.too_broad(most := settings().most_a_day):
        raise CannotDo(_too_broad(wanted, outlook, most))
    _print.line(_figures(wanted, outlook))


def _too_broad(wanted: Wanted, outlook: Outlook, most: int) -> str:
    return (
        f"{wanted.term!r} is too broad: about {outlook.posts_a_day or 0:,.0f} posts a day, and {most:,} are the most that"
        " one source may bring (EARSHOT_MOST_A_DAY). Narrow it, or say --broad when you follow it."
    )


def _figures(wanted: Wanted, outlook: Outlook) -> str:
    """How much it would bring and take, in a sentence."""
    from console.words import counted
    from workers.quotas import said

    if outlook.posts_a_day is None:
        told = "Too little is there to tell how much it would bring"
    else:
        how = "counted by the platform" if outlook.counted else "as the posts of this page came"
        amount = f"{outlook.posts_a_day:,.0f}" if outlook.posts_a_day >= 10 else f"{outlook.posts_a_day:.1f}"
        told = f"About {amount} posts a day ({how})"
    takes = []
    if outlook.a_day.money:
        takes.append(
            f"{said('money', outlook.a_day.money)} a day, {said('money', 30 * outlook.a_day.money)} in 30 days"
        )
    if outlook.a_day.units:
        takes.append(f"{outlook.a_day.units:,} units of quota a day")
    visits = counted(max(1, round(86_400 / wanted.every)), "visit")
    return f"{told}; {visits} a day{', about ' + ' and '.join(takes) if takes else ', at no cost'}."


def _show(wanted: Wanted, outlook: Outlook, json: bool) -> None:
    import msgspec

    from console.cli import _print
    from console.words import counted, one_line

    page = outlook.page
    if json:
        _print.as_json(
            {
                "posts": msgspec.to_builtins(page.posts) if page else [],
                "rejects": msgspec.to_builtins(page.rejects) if page else [],
                "more": page.more if page else None,
                "posts_a_day": outlook.posts_a_day,
                "counted": outlook.counted,
                "units_a_day": outlook.a_day.units,
                "money_a_day": outlook.a_day.money,
            }
        )
        return
    if page is not None:
        rows = [
            (
                post.posted_at,
                one_line((post.author.handle or post.author.name or "–") if post.author else "–", 30),
                post.verb,
                post.lang,
                one_line(post.text, 300),
            )
            for post in page.posts
        ]
        _print.table(
            ["posted", "author", "verb", "language", "~text"],
            rows,
            "The platform has nothing for this at the moment.",
        )
        for reject in page.rejects:
            _print.line(f"not readable: {one_line(reject.reason, 200)}")
        more = "; there are more" if page.more else ""
        _print.line(f"{counted(len(page.posts), 'post')} on the first page{more}. Nothing was stored.")
    _print.line(_figures(wanted, outlook))
