"""What support changes about a case. Each form brings what its reader saw; whoever was quicker is told, not written over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from starlette.responses import Response

from console import audit, casework
from console.casework import Matter, Stale
from console.refusal import CannotDo
from console.web.asked import Ask, NotThere
from console.web.cases.one import SURE, rules_of, shown
from models.vocabulary import VERDICTS
from workers.verdict import Precision, judge, precisions

MOST_AT_ONCE = 100
Change = Callable[[Matter], tuple[str, str, dict[str, Any]]]
"""What is done to a held case: a word for it, the sentence that says it, what it was and is."""


def assign(ask: Ask) -> Response:
    """Give it to somebody, to whoever asks, or to nobody."""
    return changed(ask, "owner", lambda one: _assigned(ask, one, ask.fields.get("owner", "")))


def _assigned(ask: Ask, one: Matter, told: str) -> tuple[str, str, dict[str, Any]]:
    user = _person(ask, told)
    said = casework.assign(ask.session, ask.who.org, one, user)
    return "assigned", said, {"was": _text(one.owner_id), "now": _text(user)}


def _person(ask: Ask, told: str) -> UUID | None:
    if told == "me":
        if (user := casework.me(ask.session, ask.who.org, ask.who.email)) is None:
            raise CannotDo("You are no user of this organisation any more.")
        return user
    try:
        return UUID(told) if told else None
    except ValueError:
        raise CannotDo("Choose somebody from the list.") from None


def status(ask: Ask) -> Response:
    """Move it on."""

    def moved(one: Matter) -> tuple[str, str, dict[str, Any]]:
        said = casework.set_status(ask.session, one, ask.fields.get("status", ""))
        return "moved", said, {"was": one.status, "now": ask.fields.get("status")}

    return changed(ask, "status", moved)


def priority(ask: Ask) -> Response:
    """Say how much it presses."""

    def weighed(one: Matter) -> tuple[str, str, dict[str, Any]]:
        said = casework.set_priority(ask.session, one, ask.fields.get("priority", ""))
        return "prioritised", said, {"was": one.priority, "now": ask.fields.get("priority")}

    return changed(ask, "priority", weighed)


def verdict(ask: Ask) -> Response:
    """Say what it is; what that does to the rules is said with it."""
    return changed(ask, "verdict", lambda one: _judged(ask, one))


def _judged(ask: Ask, one: Matter) -> tuple[str, str, dict[str, Any]]:
    told, why = ask.fields.get("verdict", ""), " ".join(ask.fields.get("why", "").split())[:1_000]
    if told not in VERDICTS:
        raise CannotDo("Choose what it is.")
    _heard(one)
    session, org = ask.session, ask.who.org
    concerned = rules_of(session, one.id)
    before = {rule.rule: rule for rule in precisions(session, org, concerned)}
    demoted = judge(session, org, one.id, told, ask.who.email, why.replace("\0", "") or None)
    said = f"{one.name} is noted as {SURE[told]}."
    if ask.fields.get("close") and not one.closed and one.of != "nothing":
        casework.finish(session, one)
        said = f"{one.name} is noted as {SURE[told]}, and closed."
    moved = [rule for rule in precisions(session, org, concerned) if rule != before.get(rule.rule)]
    said += "".join(f" {_precision(rule, before.get(rule.rule))}" for rule in moved)
    said += "".join(f" {rule.name} only suggests from now on." for rule in demoted)
    return "judged", said, {"was": one.verdict, "now": told}


def _heard(one: Matter) -> None:
    if not one.heard:
        raise CannotDo(
            f"{one.name} was opened in the CRM and has no post: nothing was heard that could be judged or noted."
        )


def _precision(now: Precision, was: Precision | None) -> str:
    right = f"“{now.name}” was right in {now.judged - now.wrong} of {now.judged}"
    return right + (f", before in {was.judged - was.wrong} of {was.judged}." if was else ".")


def note(ask: Ask) -> Response:
    """Write something to it. A note collides with nothing: it is taken from an old page, too."""

    def noted(one: Matter) -> tuple[str, str, dict[str, Any]]:
        _heard(one)
        casework.add_note(ask.session, ask.who.org, one.id, ask.who.email, ask.fields.get("note", ""))
        return "noted", f"Your note stands on {one.name[0].lower()}{one.name[1:]}.", {}

    return changed(ask, "note", noted, any_version=True)


def changed(ask: Ask, field: str, change: Change, *, any_version: bool = False) -> Response:
    """Do it to the case of the address, or say on its page what is wrong (422) or has changed meanwhile (409)."""
    case, org = ask.name("case"), ask.who.org
    try:
        there = casework.matter(ask.session, org, case)
    except CannotDo:
        raise NotThere("There is no such case. /cases lists those there are.") from None
    version = there.version if any_version else ask.fields.get("version", "")
    try:
        with ask.session.begin_nested():
            what, said, detail = change(casework.held(ask.session, org, case, version))
    except Stale as stale:
        return shown(ask, status=409, stale=stale)
    except CannotDo as refused:
        return shown(ask, status=422, wrong={field: str(refused)})
    return ask.done(
        f"/cases/{case}", what, said, of="case" if there.heard else "ticket", of_id=case, **detail
    )


def bulk(ask: Ask) -> Response:
    """Take, give away or close all that are ticked. What has changed since the list was shown is left alone and named."""
    doing = ask.fields.get("do", "")
    if doing not in ("take", "give", "close"):
        raise CannotDo("Choose what to do with them.")
    wanted = ask.fields.getlist("case")[:MOST_AT_ONCE]
    if not wanted:
        raise CannotDo("Tick what it is about first.")
    done, left = list[str](), list[str]()
    for told in sorted(
        wanted
    ):  # one order, so that two people who do this at once wait for each other, not for ever
        name, _, version = told.partition(" ")
        try:
            with ask.session.begin_nested():
                one = casework.held(ask.session, ask.who.org, UUID(name), version)
                what, said, detail = _to_one(ask, one, doing)
                audit.note(
                    ask.session,
                    ask.who.org,
                    ask.who.email,
                    what,
                    said,
                    of="case" if one.heard else "ticket",
                    of_id=one.id,
                    **detail,
                )
                done.append(one.name)
        except Stale as stale:
            changes = ", ".join(f"{title.lower()} {now}" for title, _, now in stale.told)
            left.append(f"{stale.matter.name} ({changes})")
        except (CannotDo, ValueError) as refused:
            left.append(str(refused))
    words = {"take": "yours", "give": "given away", "close": "closed"}[doing]
    said = f"{_listed(done)} {'is' if len(done) == 1 else 'are'} {words}." if done else "Nothing was changed."
    said += f" Left alone, since changed meanwhile: {_listed(left)}." if left else ""
    to = ask.fields.get("to", "")
    return ask.done(to if to.startswith("/cases") and to.isprintable() else "/cases", doing, said, of="cases")


def _to_one(ask: Ask, one: Matter, doing: str) -> tuple[str, str, dict[str, Any]]:
    if doing == "close":
        return "moved", casework.finish(ask.session, one), {"was": one.status}
    return _assigned(ask, one, "me" if doing == "take" else ask.fields.get("owner", ""))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _text(value: object) -> str | None:
    return None if value is None else str(value)
