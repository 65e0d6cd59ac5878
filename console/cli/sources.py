"""`earshot sources`: what is followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from console.cli import _options
from console.cli._options import Commands, as_json, chosen_org

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from connectors._base import Page
    from console.following import Wanted

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
    org: chosen_org = None,
) -> None:
    """Follow something from now on. Posts from before are imported and open no case.

    What is followed already stays as it is, but for --campaign. What is inbound is delivered to us instead: the address
    and the secret to give to the sender are printed (`earshot serve` takes what comes).

    Examples: earshot sources add mastodon hashtag acme --host mastodon.social
              earshot sources add bluesky search "acme coffee" --exclude giveaway
              earshot sources add feeds feed https://blog.example.com/feed.xml --every 900
              earshot sources add mastodon hashtag springcup --host mastodon.social --campaign "Spring launch"
              earshot sources add mastodon hashtag springcup --host mastodon.social --campaign ""
              earshot sources add webhook inbound shop
    """
    from console.cli import _print
    from console.database import opened_for
    from console.following import add_source, campaign_of, check, refuse_inside, set_campaign
    from console.inbound import own_secret, receives, source_of
    from console.mentions import record
    from console.people import user
    from workers._settings import settings

    chosen, moment, secret = _options.org(), _moment(escalate_from), None
    with opened_for(chosen) as session:
        if platform == "webhook" and term and credential is None:
            secret = own_secret(session, chosen, credential := term)
        wanted = check(session, chosen, platform, kind, term, host=host, credential=credential, every=every)
        refuse_inside(wanted, settings().trusted_hosts)
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
        )
        moved = made is None and campaign is not None and set_campaign(session, chosen, wanted, whose)
        called = campaign_of(session, whose) if whose else None
        there = source_of(session, chosen, platform, kind, wanted.term) if receives(kind) else None
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
        _tell_the_sender(there, secret)
    elif made is not None:
        _print.line(
            f"Following {what}{aim}, every {wanted.every:g} s (organisation {chosen}, source {made})."
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
    from console.inbound import own_secret, receives
    from console.refusal import CannotDo

    with opened() as session:
        found = find_source(session, _options.org(), named)
        if not receives(found["kind"]):
            raise CannotDo(
                f"Nobody delivers to {found['platform']} {found['kind']} {found['term']}; it is visited."
            )
        if new_secret and found["platform"] != "webhook":
            raise CannotDo(
                f"The secret is {found['platform']}'s: earshot credentials add {found['platform']}."
            )
        secret = own_secret(session, _options.org(), found["term"], anew=True) if new_secret else None
    _tell_the_sender(found["id"], secret)


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
    """Show what a source would bring: one page, asked of the platform now and stored nowhere.

    Example: earshot sources preview mastodon hashtag acme --host mastodon.social
    """
    from console.cli import _print
    from console.database import opened
    from console.following import campaign_of, check
    from console.mentions import record
    from console.preview import preview as first_page

    with opened() as session:
        wanted = check(session, _options.org(), platform, kind, term, host=host, credential=credential)
        whose = record(session, _options.org(), "campaign", campaign or None)
        called = campaign_of(session, whose) if whose else None
    _show_page(wanted, first_page(wanted), json)
    if called and not json:
        _print.line(f"They would be those of {called}.")


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


def _show_page(wanted: Wanted, page: Page, json: bool) -> None:
    import msgspec

    from console.cli import _print
    from console.words import counted, one_line

    if json:
        _print.as_json(
            {"posts": msgspec.to_builtins(page.posts), "rejects": msgspec.to_builtins(page.rejects)}
            | {"more": page.more}
        )
        return
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
