"""`earshot rules test`: what a rule, or a change of it, would have opened on stored history."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cli import _options
from console.cli import _rule_options as of
from console.cli._options import as_json, chosen_org

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.orm import Session

    from console.backtest import Differs, Firing, Stood, Tested, Testing
    from console.backtest_hours import HoursTesting

CHANGES = (
    "audience",
    "threshold",
    "stars",
    "words",
    "max_age",
    "platforms",
    "kinds",
    "sources",
    "campaigns",
    "accounts",
    "languages",
    "priority",
    "per_day",
    "over",
    "rearm",
    "factor",
    "minimum",
)
"""What may be tried with another value, beside the action: what decides which posts a rule takes, and what becomes of
them."""


@of.takes(*CHANGES)
def backtest(
    named: Annotated[
        str | None, typer.Argument(metavar="RULE", help="Its name, how that begins, or its id. Without: all.")
    ] = None,
    since: Annotated[
        str, typer.Option(metavar="WHEN", help="Posts recorded from then on: 30d, 12h, 2026-11-01.")
    ] = "30d",
    until: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Posts recorded before then (default: now).")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every rule, as they stand.")] = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the thresholds into a .png or .svg.")
    ] = None,
    action: Annotated[str | None, typer.Option(help="ticket or activity.")] = None,
    *,
    given: of.Given,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, max=_options.MOST)] = 20,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """What a rule, or a change of it, would have opened on stored history, and how many of those people marked wrong.

    Everything is decided as it was then: by the other rules as they are now, with what was open, held back or bursting
    at each moment, and cases that close when the real ones did. Nothing is written.

    A rule over many posts (a mean, a spike) is asked of the stored hours, as each began and ended: what would have fired.

    A case is marked wrong by `earshot case judge`; precision counts those that are closed or judged.

    Examples: earshot rules test "A complaint to us" --since 30d --threshold -0.5
              earshot rules test "A complaint to us" --threshold -0.5 --plot complaints.png
              earshot rules test --all --since 7d
    """
    from console.backtest import Testing, changed, first_heard, looking
    from console.backtest_hours import testing as testing_of
    from console.backtest_told import nothing
    from console.cli import _print
    from console.cli.rescore import _moment, _now
    from console.evaluate.picture import demand_place
    from console.refusal import CannotDo
    from workers.history import Stretch

    values = of.values(given | {"action": action})
    if named is not None and all_:
        raise typer.BadParameter("name one rule, or take --all")
    if named is None and (values or plot):
        raise typer.BadParameter("of which rule? Only one can be tried with other values, or drawn")
    if plot is not None:
        demand_place(plot)
    with looking() as session:
        now = _now(session)
        chosen = _options.org()
        stretch = Stretch(
            chosen, _moment(since, now, "--since"), _moment(until, now, "--until") if until else now
        )
        if stretch.since >= stretch.until:
            raise typer.BadParameter("it must lie before --until", param_hint="--since")
        both = None if named is None else changed(session, chosen, named, values)
        testing = testing_of(session, stretch, both[1], both[0]) if both else Testing(session, stretch)
        for _ in _bar(testing.batches()):
            pass
        if testing.known.first is None:
            first = first_heard(session, chosen)
            told = f"; the first is of {first:%Y-%m-%d %H:%M} UTC" if first else ": none ever was"
            raise CannotDo(f"{nothing(testing.stood)}{told}.")
        if isinstance(testing, Testing) and both is None:
            _all(session, testing, limit, json)
        elif both is not None:
            _one(session, testing, both, limit, json, plot)
    if plot is not None:
        _print.said(f"The picture is in {plot}.")


def _one(
    session: Session,
    testing: Testing | HoursTesting,
    both: tuple[dict[str, Any], dict[str, Any]],
    limit: int,
    json: bool,
    plot: Path | None,
) -> None:
    from console.backtest import told
    from console.backtest_told import headline, how, remarks, row
    from console.cli import _print

    before, after = both
    tested, stood = testing.of_rule(), testing.stood
    if plot is not None:
        from console.backtest_picture import draw

        draw(plot, tested, stood.days, tested.stands(before))
    if json:
        told_of = {"rule": before, "tested": after, **_about(stood), **_figures(tested)}
        alarm = {"fired": [asdict(one) for one in tested.fired], "recorded_late": stood.late}
        _print.as_json(told_of | (alarm if tested.alarm else {"differs": told(session, tested.differs)}))
        return
    _print.wrapped(headline(tested, stood, how(before, after, tested)))
    for remark in remarks(stood, tested, before):
        _print.wrapped(remark)
    if tested.alarm is not None:
        _fired(tested.fired, limit)
        what = "told" if tested.rule.action == "notify" else "cases"
        rows = [row(tested, at, before) for at in tested.at]
        columns = [f">{tested.axis}", f">{what}", ">a day", ">wrong", ">precision"]
        _print.table(columns, [[*one[:3], *one[4:]] for one in rows], "")
        return
    columns = [
        tested.axis if tested.axis == "stars" else f">{tested.axis}",
        ">cases",
        ">a day",
        ">in Incidents",
    ]
    _print.table([*columns, ">wrong", ">precision"], [row(tested, at, before) for at in tested.at], "")
    _differs(session, tested.differs, limit)


def _fired(fired: Sequence[Firing], limit: int) -> None:
    """When it would have fired and what follows, beside what it opened that it would not have."""
    from console.backtest_told import fired_row
    from console.cli import _print

    columns = ["when (UTC)", "~of", ">value", ">usual", ">posts", "~what follows"]
    _print.table(columns, [fired_row(one) for one in fired[:limit]], "Nothing would have fired.")
    if len(fired) > limit:
        _print.said(f"{len(fired) - limit:,} more: --limit {len(fired)}, or --json")


def _all(session: Session, testing: Testing, limit: int, json: bool) -> None:
    from console.backtest import told
    from console.backtest_hours import of_all
    from console.backtest_told import remarks, said_at
    from console.cli import _print
    from console.words import counted

    found, stood = [*testing.of_all(), *of_all(session, testing.stood.stretch)], testing.stood
    differs = [one for tested in found if tested.alarm is None for one in tested.differs]
    if json:
        rules = [
            {"rule": tested.rule.name, **_figures(tested), "fired": [asdict(one) for one in tested.fired]}
            for tested in found
        ]
        _print.as_json({**_about(stood), "rules": rules, "differs": told(session, differs)})
        return
    would, was = sum(tested.would.cases for tested in found), sum(tested.opened for tested in found)
    over = counted(round(stood.days), "day")
    _print.wrapped(
        f"All rules as they stand would have opened {counted(would, 'case')} in {over} ({would / stood.days:.1f} a day);"
        f" they opened {was:,}."
    )
    for remark in remarks(stood):
        _print.wrapped(remark)
    _print.table(
        ["~rule", ">at", ">would open", ">a day", ">opened", ">wrong", ">still"],
        [
            (
                tested.rule.name,
                said_at(tested, tested.would.value),
                tested.would.cases,
                f"{tested.would.per_day:.1f}",
                tested.opened,
                tested.wrong,
                tested.still,
            )
            for tested in found
        ],
        "No rule opens anything.",
    )
    _differs(session, differs, limit)
    for tested in found:
        if tested.alarm is not None and tested.differs:
            many = counted(len(tested.differs), "case")
            _print.said(f"{many} of {tested.rule.name} would differ: earshot rules test {tested.rule.name!r}")


def _differs(session: Session, differs: Sequence[Differs], limit: int) -> None:
    from console.backtest import told
    from console.cli import _print
    from console.words import one_line, score

    new = sum(one.what == "new" for one in differs)
    if not differs:
        _print.line("Nothing would be new and nothing missing.")
        return
    _print.line(f"{new:,} would be new, {len(differs) - new:,} would be missing:")
    shown = differs[:limit]
    _print.table(
        ["case", "written", ">score", "~author", "~what was said", "~instead"],
        [
            (
                post["what"],
                post["occurred_at"] and f"{post['occurred_at']:%Y-%m-%d}",
                score(post["sentiment"]),
                one_line(post["author"] or "somebody", 24),
                one_line(post["text"] or "(gone)", 70),
                _instead(post),
            )
            for post in told(session, shown)
        ],
        "",
    )
    if len(differs) > limit:
        _print.said(f"{len(differs) - limit:,} more: --limit {len(differs)}, or --json")


def _instead(post: dict[str, Any]) -> str:
    """What was opened for it, or what would be."""
    if post["what"] == "missing":
        return (
            f"would be an {post['was']}" if (post["was"] or "").startswith("a") else post["was"] or "nothing"
        )
    if post["was"]:
        return f"is {post['was']}"
    return f"held back: {post['held_back']}" if post["held_back"] else "nothing"


def _about(stood: Stood) -> dict[str, Any]:
    return {
        "org": stood.stretch.org,
        "since": stood.stretch.since,
        "until": stood.stretch.until,
        "days": stood.days,
        "posts": stood.known.posts,
        "edited_since": stood.known.edited,
        "cases_rescored_since": stood.known.rescored,
        "cases_of_changed_rules": stood.known.ruled,
        "cases_never_closed_by_anybody": stood.never,
        "taken_to_last_seconds": stood.lasts.total_seconds() if stood.lasts else None,
    }


def _figures(tested: Tested) -> dict[str, Any]:
    return {
        "would": asdict(tested.would) | {"precision": tested.would.precision},
        "opened": tested.opened,
        "wrong": tested.wrong,
        "still_wrong": tested.still,
        "at": [asdict(at) | {"precision": at.precision} for at in tested.at],
    }


def _bar(batches: Iterable[float]) -> Iterable[float]:
    """The batches, with a bar and an estimate on standard error where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("replaying"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("replaying", total=1.0)
        for done in batches:
            progress.update(task, completed=done)
            yield done
