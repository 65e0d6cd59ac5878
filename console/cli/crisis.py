"""`earshot crisis`: hold escalation back for a while, see what waits, and release it in one go."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer

from console.cli import _options
from console.cli._options import Commands, as_json, chosen_org

app = Commands(
    no_args_is_help=True,
    help="Hold back what would open, for a campaign, a platform or a rule; nothing is lost meanwhile.",
)

Named = Annotated[
    str,
    typer.Argument(
        metavar="SWITCH", help="A part of its id, or the platform, campaign or rule that it is for."
    ),
]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who decides (default: who you are).")]

SHOWN = 50
"""Lines that are said of what opened nothing."""


@app.command()
def on(
    reason: Annotated[str, typer.Option("--because", help="Why; everybody sees it.")],
    for_: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long, like 90min, 6h or 2d.")
    ] = "6h",
    campaign: Annotated[str | None, typer.Option(help="A campaign, by name.")] = None,
    platform: Annotated[str | None, typer.Option(help="A platform, like x.")] = None,
    rule: Annotated[str | None, typer.Option(help="A rule, by name.")] = None,
    prolong: Annotated[
        bool, typer.Option("--prolong", help="Move the end of the switch that is on for it.")
    ] = False,
    by: By = None,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Open nothing for a campaign, on a platform or by a rule, until a time. Posts are stored and scored as always.

    What crosses a threshold meanwhile is listed (`earshot crisis show`) and released in one go (`earshot crisis
    release`). Cases that are open already go on. It counts within seconds. A rule over many posts waits where its rule,
    its campaign or every one of its platforms does.

    Examples: earshot crisis on --campaign "Spring sale" --for 6h --because "the outage is known"
              earshot crisis on --platform x --for 90min --because "a bot attack"
    """
    from console.cli import _print
    from console.crisis import switch_on
    from console.database import opened
    from console.fleet import now
    from console.keys import known_platform
    from console.records import record
    from console.rules import the_rule
    from console.who import who_decides
    from console.words import parsed_span

    if sum(one is not None for one in (campaign, platform, rule)) != 1:
        raise typer.BadParameter("say one of --campaign, --platform and --rule")
    if not reason.strip():
        raise typer.BadParameter("say why, for everybody who wonders: --because WORDS")
    try:
        length = parsed_span(for_)
    except ValueError as wrong:
        raise typer.BadParameter(f"--for: {wrong}") from None
    chosen = _options.org()
    with opened() as session:
        until = now(session) + length
        target: dict[str, Any] = {"of": "platform", "platform": platform}
        if platform is not None:
            known_platform(platform)
        if campaign is not None:
            target = {"of": "campaign", "campaign": record(session, chosen, "campaign", campaign).id}
        if rule is not None:
            target = {"of": "rule", "rule": the_rule(session, chosen, rule)["id"]}
        who = who_decides(by)
        words = " ".join(reason.split())
        made = switch_on(session, chosen, until=until, reason=words, by=who, prolong=prolong, **target)
    what = campaign or platform or rule
    if json:
        _print.as_json({"done": "on", "id": made, "what": what, "until": until, "by": who})
        return
    _print.line(
        f"Nothing opens for {what} until {until:%Y-%m-%d %H:%M} UTC; what would is kept: earshot crisis show {str(made)[-8:]}"
    )


@app.command("list")
def list_(org: chosen_org = None, json: as_json = False) -> None:
    """Every switch with who turned it and why, and how many posts wait.

    Example: earshot crisis list
    """
    from console.cli import _print
    from console.crisis import switches
    from console.database import opened

    with opened() as session:
        found = switches(session, _options.org())
    if json:
        _print.as_json(found)
        return
    _print.table(
        ["id", "~for", "state", "until", ">held", "by", "~because"],
        [
            (
                str(one["id"])[-8:],
                f"{one['of']} {one['what'] or '(removed)'}",
                "on" if one["active"] else "released" if one["released_at"] else "off",
                one["until"],
                one["held"],
                one["by"],
                one["reason"],
            )
            for one in found
        ],
        "No crisis switch was ever turned on.",
    )


@app.command()
def show(
    named: Named,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=_options.MOST)] = 50,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """What a switch holds back, the worst first.

    Example: earshot crisis show "Spring sale"
    """
    from console.cli import _print
    from console.crisis import held, the_switch
    from console.database import opened
    from console.words import one_line, score

    with opened() as session:
        switch = the_switch(session, _options.org(), named)
        posts = held(session, switch["id"], limit)
    if json:
        _print.as_json({**switch, "posts": posts})
        return
    _print.table(
        ["written", ">score", "~author", "~rule", "~what was said"],
        [
            (
                post["occurred_at"],
                score(post["sentiment"]),
                f"{one_line(post['author'] or 'somebody', 40)} on {post['platform']}",
                post["rule"],
                one_line(post["text"], 160),
            )
            for post in posts
        ],
        "It holds nothing back.",
    )


@app.command()
def off(named: Named, by: By = None, org: chosen_org = None, json: as_json = False) -> None:
    """Let escalation go on, for what is said from now on; what was held stays held until it is released.

    Example: earshot crisis off "Spring sale"
    """
    from console.cli import _print
    from console.crisis import switch_off, the_switch
    from console.database import opened
    from console.who import who_decides

    with opened() as session:
        switch = the_switch(session, _options.org(), named)
        changed = switch_off(session, switch["id"], who_decides(by))
    if json:
        _print.as_json({"done": "off" if changed else "same", "id": switch["id"], "held": switch["held"]})
        return
    _print.line(f"Off for {switch['what']}{'' if changed else ', as before'}.")
    if switch["held"]:
        _print.said(f"{switch['held']:,} posts wait: earshot crisis release {str(switch['id'])[-8:]}")


@app.command("release")
def release_(named: Named, by: By = None, org: chosen_org = None, json: as_json = False) -> None:
    """Turn a switch off and decide about everything that it held, by the rules of now; what opens nothing is listed.

    Example: earshot crisis release "Spring sale"
    """
    from sqlalchemy.orm import sessionmaker

    from console.cli import _print
    from console.crisis import noted_released, opened_nothing, switch_off, the_switch
    from console.database import engine, opened
    from console.who import who_decides
    from console.words import counted, one_line
    from workers.release import release

    chosen, who = _options.org(), who_decides(by)
    with opened() as session:
        switch = the_switch(session, chosen, named)
        switch_off(session, switch["id"], who)
    posts = attached = still = 0
    nothing: dict[UUID, str] = {}
    for batch in release(sessionmaker(engine()), chosen, switch["id"]):
        posts, attached, still = posts + batch.posts, attached + batch.cases, still + batch.still_held
        nothing |= dict(batch.nothing)
        if posts > batch.posts:
            _print.said(f"{posts:,} posts decided")
    with opened() as session:
        noted_released(session, switch["id"], who)
        listed = opened_nothing(session, nothing)
    before = switch["released_at"]
    if json:
        _print.as_json(
            {
                "done": "same" if before and not posts else "released",
                "id": switch["id"],
                "posts": posts,
                "attached": attached,
                "still_held": still,
                "opened_nothing": listed,
            }
        )
        return
    if before:
        _print.said(f"It was released {before:%Y-%m-%d %H:%M} UTC by {switch['released_by']} already.")
    held = f"; {still:,} are held by another switch" if still else ""
    _print.line(f"Released {counted(posts, 'post')}: {attached:,} belong to a case now{held}.")
    for post in listed[:SHOWN]:
        who_said = f"{one_line(post['author'] or 'somebody', 40)} on {post['platform']}"
        _print.said(f"Opened nothing ({post['why']}): {who_said}: {one_line(post['text'], 100)}")
    if len(listed) > SHOWN:
        _print.said(f"... and {len(listed) - SHOWN:,} more; --json lists all.")
