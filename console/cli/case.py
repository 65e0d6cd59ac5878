"""`earshot case`: one case as a whole, what a person says that it is, and of how many it is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cli import _options
from console.cli._options import Commands, as_json, chosen_org

if TYPE_CHECKING:
    from collections.abc import Sequence

app = Commands(
    no_args_is_help=True,
    help="One case: its posts, rules and story; what a person says it is; merging and splitting.",
)

Named = Annotated[
    str,
    typer.Argument(
        metavar="CASE",
        help="Its ticket's number, how its id begins or ends, or a post of it as explain takes one.",
    ),
]
_SAYS = {
    "complaint": "complaint",
    "not-a-complaint": "not_a_complaint",
    "wrong-record": "wrong_record",
    "spam": "spam",
}


@app.command()
def show(named: Named, org: chosen_org = None, json: as_json = False) -> None:
    """A case with its posts, the rules that they crossed, and what happened since; an Incident with all that it took in.

    Examples: earshot case show 1042
              earshot case show '#1042' --json | jq '.notes'
    """
    from console.cli import _print
    from console.database import opened
    from console.story import story, the_case

    with opened() as session:
        told = story(session, the_case(session, _options.org(), named))
    if json:
        _print.as_json(told)
        return
    for name, words in _facts(told):
        _print.fact(name, words)
    _print.table(
        ["written", ">score", "~author", "role", "~what was said"],
        [_post(post) for post in told["said"]],
        "It is about many posts, and has none of its own."
        if told["subject"].startswith("rule:")
        else "It has no posts any more.",
    )
    if told["posts"] > len(told["said"]):
        _print.said(f"The first {len(told['said']):,} of {told['posts']:,} posts; --json has no more either.")
    if told["notes"]:
        _print.table(["when", "what", "~about"], [_note(note) for note in told["notes"]], "")


@app.command()
def judge(
    named: Named,
    says: Annotated[
        str, typer.Argument(metavar="WHAT", help="complaint, not-a-complaint, wrong-record or spam.")
    ],
    by: Annotated[str | None, typer.Option(help="Who says so (default: your name on this machine).")] = None,
    note: Annotated[str | None, typer.Option(help="Why, for whoever reads the case.")] = None,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Say what a case is. Each verdict counts for the rules that opened it; the last word counts.

    A case that is closed without a verdict counts as right. A verdict on an Incident holds for all that has its ticket
    and no verdict of its own.

    A rule that is wrong too often (`earshot policy`) only suggests from then on: `earshot rules list` shows its
    precision. The case itself stays as it is: close its ticket where you work on it.

    Examples: earshot case judge 1042 not-a-complaint
              earshot case judge 1042 spam --note "sells watches"
    """
    from console.cli import _print
    from console.database import opened
    from console.story import the_case
    from console.who import who_decides
    from workers.verdict import judge as noted

    verdict = _SAYS.get(says.strip().lower().replace("_", "-").replace(" ", "-"))
    if verdict is None:
        raise typer.BadParameter(f"{says!r} is none of {', '.join(_SAYS)}")
    chosen = _options.org()
    with opened() as session:
        case = the_case(session, chosen, named)
        demoted = noted(session, chosen, case, verdict, who_decides(by), note)
    if json:
        _print.as_json(
            {
                "done": "judged",
                "case": case,
                "verdict": verdict,
                "demoted": [one._asdict() for one in demoted],
            }
        )
        return
    _print.line(f"Case {named} is noted as {says.replace('-', ' ')}.")
    for one in demoted:
        _print.said(
            f"Rule {one.name!r} only suggests from now on: {one.wrong} of {one.judged} cases were marked wrong."
        )


@app.command()
def merge(
    named: Named,
    into: Annotated[
        str, typer.Argument(metavar="INTO", help="The case that takes it in, named as the first.")
    ],
    by: Annotated[str | None, typer.Option(help="Who says so (default: your name on this machine).")] = None,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Say that two open cases are one matter. The first one's ticket is closed, and its author's next post joins the other.

    `earshot case split` takes it out again, with its ticket.

    Examples: earshot case merge 1042 1040
              earshot case merge 9f3c2a71 1040
    """
    from console import audit
    from console.cli import _print
    from console.database import opened
    from console.merging import merge as merged
    from console.story import the_case
    from console.who import who_decides

    chosen, who = _options.org(), who_decides(by)
    with opened() as session:
        to, said = merged(
            session, chosen, the_case(session, chosen, named), the_case(session, chosen, into), who
        )
        audit.note(session, chosen, who, "took in", said, of="case", of_id=to)
    if json:
        _print.as_json({"done": "merged", "case": to, "said": said})
        return
    _print.line(said)


@app.command()
def split(
    named: Named,
    post: Annotated[
        str | None, typer.Option(metavar="EVENT", help="Split out only this post, with our answers to it.")
    ] = None,
    author: Annotated[
        str | None,
        typer.Option(metavar="EVENT", help="Split out all that the author of this post said in the case."),
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who says so (default: your name on this machine).")] = None,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Take a merged case out of the other one again, or a post, or an author's posts, into a case of their own.

    An author's posts go into the case that the author has open, if there is one.

    Examples: earshot case split 1042
              earshot case split 1040 --post 9f3c2a71
              earshot case split 1040 --author 9f3c2a71
    """
    from console.cli import _print
    from console.database import opened
    from console.explain import find
    from console.merging import merged_as, take_out
    from console.splitting import split as split_out
    from console.story import the_case
    from console.who import who_decides

    if post and author:
        raise typer.BadParameter("choose one of --post and --author")
    chosen, who = _options.org(), who_decides(by)
    with opened() as session:
        if event := post or author:
            case = the_case(session, chosen, named)
            done = split_out(
                session, chosen, case, find(session, chosen, event), "post" if post else "author", who
            )
            case, said = done.case, done.said
        else:
            case = merged_as(session, chosen, named) or the_case(session, chosen, named)
            said = take_out(session, chosen, case, who)
    if json:
        _print.as_json({"done": "split", "case": case, "said": said})
        return
    _print.line(said)


@app.command("open")
def open_(
    event: Annotated[str, typer.Argument(metavar="EVENT", help="An id, its end, an external id or address.")],
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Open what a rule only suggests, or what it had no room for in 24 hours.

    The rule goes on as before: `earshot rules enable` lets one that only suggests open by itself again, `earshot rules
    set --per-day` changes its number.

    Examples: earshot cases --suggested
              earshot cases --held
              earshot case open 9f3c2a71
    """
    from console.cli import _print
    from console.database import opened
    from console.explain import find
    from console.opening import open_alarm, open_held, settle_opened, suggested_alarm

    chosen = _options.org()
    with opened() as session:
        if alarm := suggested_alarm(session, chosen, event):
            post, made = None, open_alarm(session, chosen, alarm)
        else:
            post = find(session, chosen, event)
            made = open_held(session, chosen, post)
    if post is not None:
        with opened() as session:
            settle_opened(session, chosen, post, made)
    if json:
        done = {
            "done": made.role,
            "case": made.case,
            "level": made.level,
            "ticket": made.ticket,
            "event": post,
        }
        _print.as_json(done)
        return
    what = f"ticket #{made.ticket}" if made.ticket else "an activity"
    _print.line(f"The {'alarm' if alarm else 'post'} {made.role} a case: {what}.")


def _facts(told: dict[str, Any]) -> Sequence[tuple[str, str]]:
    from console.words import counted, one_line, score

    number = f"#{told['ticket']}" if told["ticket"] else "an activity"
    state = "closed" if told["closed_at"] else f"open ({(told['status'] or '–').replace('_', ' ')})"
    found = [
        ("case", f"{told['case']}: {number}, {state}, {counted(told['posts'], 'post')}"),
        ("about", one_line(told["about"] or "")),
        (
            "why",
            f"{score(told['score'])} under “{told['rule'] or 'a rule that is gone'}” ({score(told['threshold'])})",
        ),
    ]
    whose = ", ".join(filter(None, (told["account"], told["contact"])))
    found += [("whose", whose)] if whose else []
    found += [("owner", told["owner"])] if told["owner"] else []
    found += [("incident", f"taken in by #{told['incident']}")] if told["incident"] else []
    found += [("merged", f"into #{told['merged']}")] if told["merged"] else []
    took = "incident" if told["subject"].startswith("burst:") else "merged"
    found += [(took, f"took in {counted(told['children'], 'case')}")] if told["children"] else []
    found += [("before", f"#{told['previous']}")] if told["previous"] else []
    if told["verdict"]:
        found.append(("verdict", f"{told['verdict'].replace('_', ' ')}, says {told['verdict_by']}"))
    return found


def _post(post: dict[str, Any]) -> tuple[object, ...]:
    from console.words import one_line, score

    role = "ours" if post["voice"] == "own" else post["role"]
    gone = " (gone)" if post["gone_at"] else " (edited)" if post["edited_at"] else ""
    author = f"{one_line(post['author'] or 'somebody', 40)} on {post['platform']}"
    return post["occurred_at"], score(post["sentiment"]), author, role, one_line(post["text"], 160) + gone


_TOLD = {
    "rule": "crossed too",
    "reply": "answered when it was closed",
    "reopened": "opened again",
    "gone": "a post is gone",
    "edited": "a post was edited",
    "verdict": "verdict",
    "summary": "summary",
    "note": "note",
}


def _note(note: dict[str, Any]) -> tuple[object, ...]:
    from console.words import one_line, score

    about = note["said"] or (note["rule"] and f"“{note['rule']}”") or ""
    if note["what"] == "rule":
        about += f" ({score(note['score'])}, threshold {score(note['threshold'])})"
    return note["at"], _TOLD[note["what"]], one_line(about + (f" by {note['by']}" if note["by"] else ""))
