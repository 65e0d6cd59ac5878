"""`earshot policy`: bursts, reopening, when a rule only suggests, and when tickets are due."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import typer

from console.cli import _options
from console.cli._options import Commands, as_json, chosen_org

app = Commands(
    no_args_is_help=True,
    help="Bursts, reopening, when a rule that is wrong only suggests, when tickets are due.",
)


@app.command()
def show(org: chosen_org = None, json: as_json = False) -> None:
    """What holds for all rules of the organisation.

    Example: earshot policy show
    """
    from console.cli import _print
    from console.database import opened
    from console.policy import policy

    with opened() as session:
        held = policy(session, _options.org())
    if json:
        _print.as_json({"org": _options.org(), **held})
        return
    _say(held)


@app.command("set")
def set_(
    burst_after: Annotated[
        int | None,
        typer.Option(help="Tickets of one campaign, keyword or account, before an Incident takes the rest."),
    ] = None,
    burst_all: Annotated[
        int | None, typer.Option(help="Tickets of whatever kind, before one Incident takes the rest.")
    ] = None,
    burst_window: Annotated[
        str | None, typer.Option(help="Within how long these are counted: 60min, 2h.")
    ] = None,
    reopen_within: Annotated[
        str | None, typer.Option(help="How long after its end a reply opens a case again: 14d; 0d never.")
    ] = None,
    precision_floor: Annotated[
        float | None, typer.Option(help="A rule that is right less often only suggests; 0 to 1.")
    ] = None,
    precision_least: Annotated[
        int | None, typer.Option(help="Of how many cases, closed or judged, at least.")
    ] = None,
    due_urgent: Annotated[
        str | None, typer.Option(help="How long after it was opened an urgent ticket is due: 60min, 2h, 1d.")
    ] = None,
    due_high: Annotated[str | None, typer.Option(help="The same for high priority.")] = None,
    due_normal: Annotated[str | None, typer.Option(help="The same for normal priority.")] = None,
    due_low: Annotated[
        str | None, typer.Option(help="The same for low priority, and for an activity.")
    ] = None,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Change what is given; the rest stays. It counts for what is digested from now on.

    Examples: earshot policy set --burst-after 20 --burst-all 100 --burst-window 60min
              earshot policy set --reopen-within 14d --precision-floor 0.5 --precision-least 20
              earshot policy set --due-urgent 2h --due-high 8h
    """
    from console.cli import _print
    from console.database import opened_for
    from console.policy import set_policy

    window = _span(burst_window, "--burst-window", "min h d", "60min or 2h")
    reopens = _span(reopen_within, "--reopen-within", "d w", "14d or 2w")
    given: dict[str, Any] = {
        "burst_after": burst_after,
        "burst_all": burst_all,
        "burst_minutes": None if window is None else window // timedelta(minutes=1),
        "reopen_days": None if reopens is None else reopens.days,
        "precision_floor": precision_floor,
        "precision_least": precision_least,
    }
    dues = {"due_urgent": due_urgent, "due_high": due_high, "due_normal": due_normal, "due_low": due_low}
    for name, words in dues.items():
        due = _span(words, f"--{name.replace('_', '-')}", "min h d w", "60min or 2h")
        given[name] = None if due is None else due // timedelta(minutes=1)
    values = {name: value for name, value in given.items() if value is not None}
    if not values:
        raise typer.BadParameter("nothing to change: --burst-after, --reopen-within, --precision-floor, ...")
    chosen = _options.org()
    with opened_for(chosen) as session:
        before, held = set_policy(session, chosen, values)
    if json:
        done = "same" if before == held else "changed"
        _print.as_json({"done": done, "org": chosen, "policy": held, "before": before})
        return
    _say(held)


def _span(words: str | None, option: str, units: str, like: str) -> timedelta | None:
    from console.words import parsed_span

    try:
        return None if words is None else parsed_span(words, units, like, zero=True)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong), param_hint=option) from None


def _say(held: dict[str, Any]) -> None:
    from console.cli import _print
    from console.policy import in_words
    from console.words import counted

    window = counted(held["burst_minutes"], "minute")
    _print.fact(
        "burst",
        f"after {counted(held['burst_after'], 'ticket')} of one campaign, keyword or account within {window} an"
        f" Incident takes the rest\nafter {counted(held['burst_all'], 'ticket')} of any kind one for everything",
    )
    days = held["reopen_days"]
    within = f"within {counted(days, 'day')} of its end" if days else "never; it opens a new case"
    _print.fact(
        "reopening", f"a reply by the author that crosses a threshold opens a closed case again {within}"
    )
    _print.fact(
        "precision",
        f"a rule that is right in fewer than {held['precision_floor']:.0%} of {held['precision_least']:,} cases or more"
        " only suggests from then on",
    )
    dues = [
        f"{priority} after {in_words(held[f'due_{priority}'])}" for priority in ("urgent", "high", "normal")
    ]
    _print.fact("due", f"{', '.join(dues)}, low and activities after {in_words(held['due_low'])}")
