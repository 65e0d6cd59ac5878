"""`earshot budget`: what may be spent on a platform, by the day or the month, and when it runs out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cli import _options
from console.cli._options import Commands, as_json, chosen_org

if TYPE_CHECKING:
    from datetime import datetime

    from console.spending import Budget

app = Commands(no_args_is_help=True, help="What may be spent on a platform: money, units, requests.")

the_account = Annotated[
    str | None,
    typer.Option("--account", help="One credential's; without it all of the organisation's share it."),
]
the_period = Annotated[
    str | None, typer.Option("--per", metavar="day|month", help="By the day or the month.")
]


@app.command("list")
def list_(org: chosen_org = None, json: as_json = False) -> None:
    """What is limited, what has been taken of it, and when it runs out if it goes on like this.

    What is uncertain was set aside for requests under way, or for some that were cut off and may have been paid.

    Example: earshot budget list
    """
    from console import fleet
    from console.cli import _print
    from console.database import opened
    from console.spending import budgets

    with opened() as session:
        moment = fleet.now(session)
        found = budgets(session, _options.org(), moment)
    if json:
        _print.as_json([as_row(one) for one in found])
        return
    _print.table(
        ["platform", "account", "per", ">taken", ">uncertain", ">of", "~runs out"],
        [
            (
                one.platform,
                one.account or "all",
                one.period,
                _said(one, one.spent),
                _said(one, one.uncertain) if one.uncertain else "–",
                _said(one, one.amount),
                forecast(one, moment),
            )
            for one in found
        ],
        "Nothing is limited, and nothing that is counted was taken: earshot budget set PLATFORM AMOUNT UNIT.",
    )


@app.command("set")
def set_(
    platform: Annotated[str, typer.Argument(help="x, youtube, ...")],
    amount: Annotated[str, typer.Argument(help="How much: 20, or 2.50.")],
    unit: Annotated[str, typer.Argument(help="usd, units or requests.")] = "usd",
    per: the_period = None,
    account: the_account = None,
    zone: Annotated[str | None, typer.Option(help="Whose days: UTC, or such as America/Los_Angeles.")] = None,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Say what may be spent on a platform. It is a hard limit: a request that could go beyond it is not made.

    Sources wait then, which is no failure, and go on when the next day or month begins, or when more is allowed. A tenth
    is kept for sources that are urgent or of a campaign, where there are such. Nothing is spent on a platform that
    takes money before this was said.

    Examples: earshot budget set x 20 usd
              earshot budget set youtube 5000 units --per day
              earshot budget set x 1.50 usd --per day --account @acme
    """
    from console.cli import _print
    from console.database import opened_for
    from console.spending import parsed_amount, set_budget
    from workers.quotas import said

    chosen = _options.org()
    of, much = parsed_amount(amount, unit)
    with opened_for(chosen) as session:
        period, where, woken = set_budget(session, chosen, platform, of, much, per, account, zone)
    if json:
        _print.as_json(
            {"platform": platform, "of": of, "amount": much, "period": period, "zone": where, "woken": woken}
        )
        return
    whose = f"{account} on {platform}" if account else platform
    _print.line(f"{whose}: {said(of, much)} a {period} ({where}; organisation {chosen}).")
    if woken:
        _print.line(f"Sources that waited for it and look again now: {woken}.")


@app.command()
def remove(
    platform: Annotated[str, typer.Argument(help="x, youtube, ...")],
    unit: Annotated[str, typer.Argument(help="usd, units or requests.")] = "usd",
    per: the_period = None,
    account: the_account = None,
    org: chosen_org = None,
) -> None:
    """Take back a limit that was set. The platform's own holds then; without one for money nothing is spent.

    Example: earshot budget remove youtube units
    """
    from console.cli import _print
    from console.database import opened_for
    from console.spending import parsed_amount, remove_budget

    chosen = _options.org()
    of, _ = parsed_amount("0", unit)
    with opened_for(chosen) as session:
        remove_budget(session, chosen, platform, of, per, account)
    _print.line(f"The limit of {platform} for {of} is gone (organisation {chosen}).")


def as_row(one: Budget) -> dict[str, Any]:
    """A budget for programs; money in millionths of a US dollar."""
    from dataclasses import asdict

    return {**asdict(one), "left": one.left}


def forecast(one: Budget, now: datetime) -> str:
    """When it runs out, in words: "at 16:40 UTC", "not before it ends, at 08:00 UTC"."""
    from console.words import span

    def at(moment: datetime) -> str:
        shown = f"{moment:%H:%M}" if abs((moment - now).total_seconds()) < 72_000 else f"{moment:%d %b %H:%M}"
        return f"{shown} UTC"

    if one.runs_out is None:
        return f"not before it begins anew, in {span((one.ends - now).total_seconds())}"
    if one.runs_out <= now:
        return f"used up; begins anew at {at(one.ends)}"
    return f"runs out at {at(one.runs_out)}"


def _said(one: Budget, amount: int) -> str:
    from workers.quotas import said

    return said(one.of, amount)
