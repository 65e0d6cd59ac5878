"""`earshot own`: what is ours, so that Earshot knows who is spoken to and who speaks."""

from __future__ import annotations

from typing import Annotated

import typer

from console.cli import _options
from console.cli._options import Commands, as_json, chosen_org

app = Commands(no_args_is_help=True, help="Our own handles, names, domains and hashtags.")

Words = list[str]


@app.command()
def add(
    platform: Annotated[str | None, typer.Argument(help="The platform of a handle of ours.")] = None,
    handle: Annotated[str | None, typer.Argument(help="The handle, such as acme@mastodon.social.")] = None,
    name: Annotated[Words | None, typer.Option(help="A name of ours or of a product.")] = None,
    domain: Annotated[Words | None, typer.Option(help="A domain of ours, such as acme.com.")] = None,
    hashtag: Annotated[Words | None, typer.Option(help="A hashtag of ours.")] = None,
    keyword: Annotated[Words | None, typer.Option(help="Words that mean us without being a name.")] = None,
    with_: Annotated[
        Words | None,
        typer.Option(
            "--with", help="Words of which a post must have one as well, for what is an ordinary word."
        ),
    ] = None,
    org: chosen_org = None,
) -> None:
    """Say what is ours: a handle on a platform, or names, domains and hashtags.

    A post that mentions or answers a handle of ours is addressed to us; one that uses our name, domain or
    hashtag is about us. Our own posts never open a case. A name, keyword or hashtag that is an ordinary English word
    says nothing by itself and takes --with.

    Examples: earshot own add mastodon acme@mastodon.social
              earshot own add --name "Acme Coffee" --domain acme.com
              earshot own add --name Target --with store,cart,returns
    """
    from console.aliases import WORDY
    from console.cli import _print
    from console.database import opened_for
    from console.own import add_own, called_like_us
    from console.refusal import BadInput

    if platform is not None and handle is None:
        raise typer.BadParameter(f"the handle on {platform} is missing", param_hint="HANDLE")
    words = [("handle", handle, platform)] if handle else []
    for kind, given in (("name", name), ("domain", domain), ("hashtag", hashtag), ("keyword", keyword)):
        words += [(kind, word, None) for word in given or []]
    if not words:
        raise typer.BadParameter("name a PLATFORM and a HANDLE, or --name, --domain, --hashtag")
    needs = [word for given in with_ or () for word in given.split(",")]
    if needs and not (name or keyword or hashtag):
        raise typer.BadParameter("takes a --name, a --keyword or a --hashtag", param_hint="--with")
    if platform is not None:
        from models.vocabulary import PLATFORMS

        if platform not in PLATFORMS:
            raise BadInput(f"There is no platform {platform!r}; known are {', '.join(PLATFORMS)}.")
    chosen = _options.org()
    with opened_for(chosen) as session:
        told = [
            (kind, word, where, add_own(session, chosen, kind, word, where, needs if kind in WORDY else ()))
            for kind, word, where in words
        ]
        alike = called_like_us(
            session, chosen, [word for kind, word, _ in words if kind in ("name", "keyword")]
        )
    for account in alike:
        _print.said(
            f"The account {account} is called like ourselves: a post that says so is about us as well as about it."
        )
    for kind, word, where, added in told:
        on = f" on {where}" if where else ""
        _print.line(
            f"The {kind} {word}{on} is ours{' now' if added else ' already'} (organisation {chosen})."
        )


@app.command()
def remove(
    kind: Annotated[str, typer.Argument(help="handle, name, domain, hashtag or keyword")],
    word: Annotated[str, typer.Argument(metavar="WORD", help="The handle, name, ... itself.")],
    platform: Annotated[str | None, typer.Option(help="The platform of a handle.")] = None,
    org: chosen_org = None,
) -> None:
    """Take back that something is ours.

    Whoever has that handle is somebody else from now on, and so are their past posts. What they wrote and nobody was
    told of is not decided anew: it opens no case.

    Example: earshot own remove handle zoe@mastodon.social --platform mastodon
    """
    from console.again import tried
    from console.cli import _print
    from console.naming import demand_kind
    from console.own import remove_own
    from workers.follow import follow_on

    chosen, kind, where = _options.org(), demand_kind(kind), platform and platform.lower()
    _, changed, kept = tried(lambda session: remove_own(session, chosen, kind, word, where))
    while changed and tried(lambda session: follow_on(session, chosen)):
        pass
    on = f" on {where}" if where else ""
    _print.line(f"The {kind} {word}{on} is ours no longer (organisation {chosen}).")
    if changed:
        _print.line("Its past posts are no longer our own; no case is opened for them now.")
    if kept:
        _print.line("Its author stays ourselves: another handle of ours or a credential says so.")


@app.command("list")
def list_(org: chosen_org = None, json: as_json = False) -> None:
    """What is ours.

    Example: earshot own list --json
    """
    from console.cli import _print
    from console.database import opened
    from console.own import own_words

    with opened() as session:
        found = own_words(session, _options.org())
    if json:
        _print.as_json(found)
        return
    _print.table(
        ["kind", "~value", "platform", "~with one of"],
        [(row["kind"], row["value"], row["platform"] or "every", ", ".join(row["needs"])) for row in found],
        'Nothing is ours yet: earshot own add PLATFORM HANDLE, earshot own add --name "...".',
    )
