"""`earshot review`: what a person decides about what posts are tied to and who their authors are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cli import _options
from console.cli._options import Commands, as_json, chosen_org

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.orm import Session

    from console.identities import Identity
    from console.records import Record
    from console.steps import Step

app = Commands(
    invoke_without_command=True,
    help=(
        "What the machine would not decide: suggestions to accept or reject; ties and authors set right by hand."
        " Every step can be taken back."
    ),
)

Named = Annotated[str, typer.Argument(metavar="ID", help="The id of a suggestion, or its end.")]
What = Annotated[
    str, typer.Argument(metavar="EVENT|AUTHOR", help="A post (id, its end, address) or platform:handle.")
]
Author = Annotated[
    str,
    typer.Argument(metavar="AUTHOR", help="platform:handle, such as mastodon:kim@town.example, or an id."),
]
Kind = Annotated[str, typer.Argument(help="account, contact, campaign or ticket")]
Which = Annotated[str, typer.Argument(help="Its name, e-mail address, number or id.")]
Alike = Annotated[
    bool, typer.Option("--all-like-it", help="And every other of the same evidence and record.")
]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who decides (default: who you are).")]
Most = Annotated[int, typer.Option("--limit", "-n", min=1, max=_options.MOST, help="How many at most.")]


@app.callback()
def review(context: typer.Context, limit: Most = 50, org: chosen_org = None, json: as_json = False) -> None:
    """What waits for a decision, the newest first; the same evidence for the same record stands once."""
    from console.cli import _print
    from console.database import opened
    from console.suggestions import suggestions
    from console.words import one_line

    if context.invoked_subcommand is not None:
        return
    with opened() as session:
        found = suggestions(session, _options.org(), limit)
    if json:
        _print.as_json(found)
        return
    _print.table(
        ["id", "~evidence", "~may mean", "~sure", ">posts", "~post"],
        [
            (
                str(row["id"])[-8:],
                one_line(row["evidence"] or "", 60),
                f"{'the author is ' if row['author'] else ''}{row['kind']} {row['record']}",
                f"{row['sure']:.0%}, {row['how']}",
                row["posts"],
                f"{one_line(row['author_name'] or 'somebody', 40)} on {row['platform']}: {one_line(row['text'], 120)}",
            )
            for row in found
        ],
        "Nothing waits for a decision.",
    )


@app.command()
def show(named: Named, org: chosen_org = None, json: as_json = False) -> None:
    """One suggestion: the whole post, and everything that it is, was or may be tied to.

    Example: earshot review show 9f3c2a71
    """
    from console.cli import _print
    from console.cli.explain import match_line
    from console.database import opened
    from console.suggestions import find_suggestion, shown
    from console.words import one_line, safe

    chosen = _options.org()
    with opened() as session:
        told = shown(session, chosen, find_suggestion(session, chosen, named))
    if json:
        _print.as_json(told)
        return
    _print.fact("id", str(told["id"]))
    whom = "the author is " if told["author"] else ""
    _print.fact("may mean", f"{whom}{told['kind']} {told['record']}, {told['how']}, {told['sure']:.0%} sure")
    _print.fact("evidence", one_line(told["evidence"] or "–"))
    author = one_line(told["author_name"] or "somebody", 80)
    _print.fact("post", f"{author} on {told['platform']}, {told['occurred_at']:%Y-%m-%d %H:%M} UTC")
    _print.fact("", safe(told["text"]) or "(no text)")
    if told["url"]:
        _print.fact("address", one_line(told["url"]))
    for tie in told["ties"]:
        _print.fact("match", match_line(tie))


@app.command()
def accept(
    named: Named, alike: Alike = False, by: By = None, org: chosen_org = None, json: as_json = False
) -> None:
    """Say that a suggestion is right. One that says who an author is links the author.

    Example: earshot review accept 9f3c2a71 --all-like-it
    """
    from console.review import accept as take

    _decide(named, alike, by, take, "accepted", json)


@app.command()
def reject(
    named: Named, alike: Alike = False, by: By = None, org: chosen_org = None, json: as_json = False
) -> None:
    """Say that a suggestion is wrong. The same evidence is not taken for that record again.

    Example: earshot review reject 9f3c2a71 --all-like-it
    """
    from console.review import reject as refuse

    _decide(named, alike, by, refuse, "rejected", json)


@app.command()
def link(
    what: What, kind: Kind, record: Which, by: By = None, org: chosen_org = None, json: as_json = False
) -> None:
    """Tie a post to a record, or say whose an author is.

    A contact is always the author's: all of the author's posts follow. An account, campaign or ticket is the
    post's, unless an AUTHOR is named. What a person tied stays through later edits.

    Examples: earshot review link 9f3c2a71 campaign "Spring launch"
              earshot review link mastodon:kim@town.example contact kim@acme.com
              earshot review link 9f3c2a71 ticket 1042
    """
    from console import identities
    from console import review as decisions
    from console.identities import Identity
    from console.records import record as named

    def act(session: Session, chosen: str, whose: UUID | Identity, who: str) -> tuple[Step, Record]:
        to = named(session, chosen, kind, record)
        if isinstance(whose, Identity):
            return identities.link(session, chosen, whose.id, to, who), to
        return decisions.link(session, chosen, whose, to, who), to

    _tie(what, by, act, "linked", json)


@app.command()
def unlink(
    what: What,
    kind: Annotated[str | None, typer.Argument(help="account, contact, campaign or ticket")] = None,
    record: Annotated[str | None, typer.Argument(help="Its name, number or id.")] = None,
    by: By = None,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Take a post's tie to a record away (no edit brings it back), or an author's link.

    Examples: earshot review unlink 9f3c2a71 account "Acme Coffee"
              earshot review unlink mastodon:kim@town.example
    """
    from console import identities
    from console import review as decisions
    from console.identities import Identity
    from console.records import called
    from console.records import record as named

    def act(session: Session, chosen: str, whose: UUID | Identity, who: str) -> tuple[Step, Record]:
        if isinstance(whose, Identity):
            if record is not None:
                raise typer.BadParameter("an author has one contact and one account; leave the record out")
            step = identities.unlink(session, chosen, whose.id, who, kind)
            assert step.kind is not None
            assert step.record_id is not None
            return step, called(session, chosen, step.kind, step.record_id)
        if kind is None or record is None:
            raise typer.BadParameter("say from what: a kind and a record")
        whom = named(session, chosen, kind, record)
        return decisions.unlink(session, chosen, whose, whom, who), whom

    _tie(what, by, act, "unlinked", json)


@app.command()
def merge(
    first: Author, second: Author, by: By = None, org: chosen_org = None, json: as_json = False
) -> None:
    """Say that two authors on different platforms are one person; the one that is linked counts for both.

    Their open cases stay two cases. Two authors of one platform, or of different contacts or accounts, are refused.

    Example: earshot review merge mastodon:kim@town.example bluesky:kim.example
    """
    from console import identities
    from console.again import tried
    from console.who import who_decides

    chosen, who = _options.org(), who_decides(by)

    def work(session: Session) -> tuple[Step, Identity, Identity]:
        one, two = (identities.identity(session, chosen, name) for name in (first, second))
        step = identities.merge(session, chosen, one.id, two.id, who)
        return step, *_both(session, chosen, step)

    step, child, root = tried(work)
    _follow(chosen)
    words = f"{child} is one person with {root} now, and belongs to whom {root} belongs to."
    _told("merged", chosen, [step], words, json)


@app.command()
def unmerge(author: Author, by: By = None, org: chosen_org = None, json: as_json = False) -> None:
    """Take an author out of the person whom it was merged into; each of its posts is what it was before.

    Example: earshot review unmerge bluesky:kim.example
    """
    from console import identities
    from console.again import tried
    from console.who import who_decides

    chosen, who = _options.org(), who_decides(by)

    def work(session: Session) -> tuple[Step, Identity, Identity]:
        step = identities.unmerge(session, chosen, identities.identity(session, chosen, author).id, who)
        return step, *_both(session, chosen, step)

    step, child, root = tried(work)
    _follow(chosen)
    _told("unmerged", chosen, [step], f"{child} is somebody else than {root} again.", json)


@app.command()
def log(limit: Most = 50, org: chosen_org = None, json: as_json = False) -> None:
    """The steps that people took, the newest first, and which of them were taken back.

    Example: earshot review log --limit 200
    """
    from console.cli import _print
    from console.database import opened
    from console.records import called
    from console.steps import steps
    from console.words import one_line

    with opened() as session:
        found = steps(session, _options.org(), limit)
        for row in found:
            row["record"] = (
                called(session, _options.org(), row["kind"], row["record_id"]).name
                if row["record_id"]
                else None
            )
    if json:
        _print.as_json(found)
        return
    _print.table(
        ["id", "when", "by", "~step", "~what", "~to"],
        [
            (
                str(row["id"])[-8:],
                row["created_at"],
                one_line(row["by"] or "", 30),
                row["action"]
                + (f", taken back {row['undone_at']:%Y-%m-%d %H:%M}" if row["undone_at"] else ""),
                one_line(row["identity"] or f"{row['platform']}: {row['text'] or ''}", 100)
                + (f" and {row['matches'] - 1:,} like it" if row["matches"] > 1 else ""),
                one_line(row["into"] or (f"{row['kind']} {row['record']}" if row["record"] else ""), 80),
            )
            for row in found
        ],
        "Nobody has decided anything yet.",
    )


@app.command()
def undo(
    named: Annotated[str, typer.Argument(metavar="ID", help="The id of a step in the log, or its end.")],
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Take a step back: what it changed is what it was before. Refused where a later step builds on it.

    Example: earshot review undo 4be0d1c2
    """
    from console.again import tried
    from console.review import undo as take_back
    from console.steps import find_step

    chosen = _options.org()
    step = tried(lambda session: take_back(session, chosen, find_step(session, chosen, named).id))
    _follow(chosen)
    _told(
        "taken back",
        chosen,
        [step],
        f"The {step.action} {str(step.id)[-8:]} is taken back.",
        json,
        undo=False,
    )


def _decide(named: str, alike: bool, by: str | None, decide: Any, done: str, json: bool) -> None:
    from console.again import tried
    from console.refusal import CannotDo
    from console.review import AT_ONCE
    from console.suggestions import find_suggestion, next_like, shown
    from console.who import who_decides
    from console.words import counted

    chosen, who = _options.org(), who_decides(by)

    def asked(session: Session) -> dict[str, Any]:
        return shown(session, chosen, find_suggestion(session, chosen, named))

    meant = tried(asked)
    suggestion = meant["id"]
    taken: list[Step] = tried(lambda session: decide(session, chosen, suggestion, who, alike=alike))

    def more(session: Session) -> list[Step]:
        following = next_like(session, chosen, suggestion)
        return [] if following is None else decide(session, chosen, following, who, alike=True)

    last = taken
    while alike and last and len(last[-1].matches) >= AT_ONCE:
        last = tried(more)
        taken += last
    if not taken:
        raise CannotDo("The post has no author whom one could link.")
    _follow(chosen)
    authors = sum("identities" in step.before for step in taken)
    posts = sum(len(step.matches) for step in taken)
    what = counted(authors, "author") if authors else counted(posts, "suggestion")
    hint = _always(meant) if done == "accepted" else None
    _told(done, chosen, taken, f"{what} {done}.", json, more={"hint": hint} if hint else None)


def _always(suggestion: dict[str, Any]) -> str | None:
    """The line that makes of a similar name, once accepted, one that is known; None for other evidence."""
    from shlex import quote

    from console.words import one_line
    from workers.folding import is_ordinary_name

    name = one_line(suggestion["evidence"] or "")
    if suggestion["how"] != "similar name" or suggestion["author"] or not name:
        return None
    beside = " --with WORD" if is_ordinary_name(name) else ""
    return (
        f"earshot aliases add name {quote(name)} --{suggestion['kind']} {quote(suggestion['record'])}{beside}"
    )


def _tie(what: str, by: str | None, act: Any, done: str, json: bool) -> None:
    from console.again import tried
    from console.identities import Identity, one
    from console.records import called
    from console.suggestions import event_or_identity
    from console.who import who_decides

    chosen, who = _options.org(), who_decides(by)

    def work(session: Session) -> tuple[Step, Record, UUID | Identity, Record | None]:
        whose = event_or_identity(session, chosen, what)
        step, record = act(session, chosen, whose, who)
        if step.identity_id is None:
            return step, record, whose, None
        was = step.before["identities"][str(step.identity_id)].get(f"{record.kind}_id")
        before = called(session, chosen, record.kind, was) if was and str(was) != str(record.id) else None
        return step, record, one(session, chosen, step.identity_id), before

    step, record, whose, before = tried(work)
    _follow(chosen)
    verb = "is tied to" if done == "linked" else "is no longer tied to"
    words = f"The post {str(whose)[-8:]} {verb} {record}."
    if isinstance(whose, Identity):
        instead = f" instead of {before.name}" if before else ""
        words = f"{whose} {verb} {record}{instead}, and so are its posts."
    more: dict[str, Any] = {"record": {"kind": record.kind, "id": record.id, "name": record.name}}
    if before:
        more["instead_of"] = {"kind": before.kind, "id": before.id, "name": before.name}
    _told(done, chosen, [step], words, json, more=more)


def _both(session: Session, chosen: str, step: Step) -> tuple[Identity, Identity]:
    from console.identities import one

    assert step.identity_id is not None
    assert step.into_id is not None
    return one(session, chosen, step.identity_id), one(session, chosen, step.into_id)


def _told(
    done: str,
    org: str,
    taken: list[Step],
    words: str,
    json: bool,
    *,
    undo: bool = True,
    more: dict[str, Any] | None = None,
) -> None:
    """Say what was done, and how it is taken back. As JSON: {done, org, steps, ...}."""
    from console.cli import _print

    if json:
        names = ("id", "action", "event_id", "identity_id", "into_id", "kind", "record_id", "by")
        steps = [
            {**{name: getattr(step, name) for name in names}, "matches": len(step.matches)} for step in taken
        ]
        _print.as_json({"done": done, "org": org, "steps": steps, **(more or {})})
        return
    back = "; ".join(f"earshot review undo {str(step.id)[-8:]}" for step in taken[:5])
    _print.line(f"{words} Take it back with: {back}" if undo else words)
    if more and "hint" in more:
        _print.line(f"To know that name from now on: {more['hint']}")


def _follow(org: str) -> None:
    """Carry the posts of the authors along, a transaction a batch, what others left behind included."""
    from console.again import tried
    from workers.follow import follow_on

    while tried(lambda session: follow_on(session, org)):
        pass
