"""The conductor: landed pages, a batch at a time, through score, resolve, record and escalate.

    claim   a short transaction of its own: pages of one organisation, in landing order; a source with a
            page under lease is passed over, so one worker at a time digests a source
    think   decode, score, look up; nothing is written
    write   one short transaction of set-based statements, refused if a fence is stale

A page that fails is taken alone, then in ever smaller halves of the range that failed, until the one
post that fails is in quarantine and the rest is recorded; workers/_ranges.py decides that. What was tried is
written down before it is tried, so that a post that kills its process is found like one that raises.
"""

from __future__ import annotations

import logging
import time
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from workers.answers import late_answers
from workers.claims import ClaimLost, record_claims
from workers.decide import decide, subject_of
from workers.draft import Draft, Recorded
from workers.escalate import Carried, Facts, carry_out
from workers.follow import ask_to_follow, follow_waiting
from workers.gather import gather
from workers.heard import Heard
from workers.hours import record_hours
from workers.incident import adopt
from workers.land import StaleFence
from workers.leads import is_stranger, leads_of
from workers.pages import Claimed, claim, fresh, release
from workers.record import record_events, record_identities, record_matches
from workers.reposts import count_reposts, record_reposts
from workers.resolve import resolve
from workers.rule import Crossings
from workers.sift import Item, sift
from workers.standing import stand
from workers.tally import settle
from workers.threads import hand_down

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.orm import Session, sessionmaker

    from connectors._base import Post
    from workers._settings import Settings
    from workers.directory import Directories, Directory
    from workers.heard import Ref
    from workers.rule import Rules
    from workers.score import Sentiment, Unscored

    Score = Callable[[Directory, Sequence[tuple[str, str | None]]], list[Sentiment | Unscored]]

log = logging.getLogger(__name__)

RETRIES = 3
"""How often a write that met a deadlock or a serialisation failure is tried again at once."""


def digest_all(
    sessions: sessionmaker[Session],
    settings: Settings,
    directories: Directories,
    score: Score | None = None,
) -> int:
    """Digest batch after batch until little waits or the task's time is nearly up. Returns the batches."""
    until = time.monotonic() + settings.soft_limit * 0.6
    batches = 0
    while time.monotonic() < until:
        pages = claim(sessions, settings)
        if not pages:
            break
        digest(sessions, pages, directories, score or score_texts)
        batches += 1
        small = sum(len(page.part) for page in pages) < settings.digest_posts / 2
        if small and not pages[0].others_wait and all(map(fresh, pages)):
            # what lands next brings a bell of its own; to nibble at it now would make many small batches
            break
    return batches


def digest(
    sessions: sessionmaker[Session], pages: Sequence[Claimed], directories: Directories, score: Score
) -> None:
    """One batch of claimed pages: recorded as a whole, or released to be tried in smaller parts."""
    try:
        think_and_write(sessions, pages, directories, score)
    except StaleFence as stale:
        log.warning("%s", stale, extra={"action": "fence_refused"})
        release(sessions, pages, None)  # the others of the batch need not wait for their leases to end
    except Exception as failure:
        if isinstance(failure, DBAPIError) and failure.connection_invalidated:
            raise  # the database is away: nothing is wrong with the pages, and their leases end with the session
        log.exception("A batch of %d pages failed; its pages are tried in smaller parts", len(pages))
        release(sessions, pages, "".join(traceback.format_exception(failure, limit=-8)))


def score_texts(directory: Directory, texts: Sequence[tuple[str, str | None]]) -> list[Sentiment | Unscored]:
    """The organisation's scorer over (text, the platform's language)."""
    return directory.scorer.score(texts)


def think_and_write(
    sessions: sessionmaker[Session], pages: Sequence[Claimed], directories: Directories, score: Score
) -> None:
    """Take a batch through the steps. Raises StaleFence when another worker has claimed a page since."""
    org = pages[0].org
    reposts, drafts = sift(pages)
    directory = directories.of(sessions, org)
    unique = list(drafts.values())
    scores = score(directory, [(item.post.text, item.post.lang) for item in unique])
    posts = [(item.platform, item.post) for item in unique]
    campaigns = _followed_for(pages, unique)
    for attempt in range(RETRIES + 1):
        with sessions() as session, session.begin():
            resolved = resolve(session, org, posts, directory, campaigns)
        written = [
            Draft(key, found, number, list(item.sources))
            for (key, item), found, number in zip(drafts.items(), resolved, scores, strict=True)
        ]
        try:
            with sessions() as session, session.begin():
                replies, carried = _write(session, org, pages, unique, written, reposts, directory.rules)
            break
        except ClaimLost:
            if attempt == RETRIES:
                raise
        except DBAPIError as conflict:
            if attempt == RETRIES or getattr(conflict.orig, "sqlstate", None) not in ("40001", "40P01"):
                raise
    newly = {
        draft.resolved.author.id for draft in written if draft.resolved.follows and draft.resolved.author
    }
    with sessions() as session, session.begin():
        gather(session, org, replies=replies, attached=sorted(carried.attached), risen=carried.risen)
        hand_down(session, org, [one.key for one in written if one.resolved.topic])
        originals = [*(draft.key[1] for draft in written), *(of for _, _, of in reposts)]
        record_hours(session, org, (), {}, count_reposts(session, org, originals))
    if carried.burst:
        with sessions() as session, session.begin():
            adopt(session, org)
    if newly:
        follow_waiting(sessions, org, seconds=2.0)


def _followed_for(pages: Sequence[Claimed], items: Sequence[Item]) -> list[set[UUID]]:
    """Post by post the campaigns that its sources are followed for; empty where no source of the batch is for one."""
    if not any(page.campaign for page in pages):
        return []
    return [{page.campaign for page in item.places if page.campaign} for item in items]


def _write(
    session: Session,
    org: str,
    pages: Sequence[Claimed],
    items: Sequence[Item],
    drafts: Sequence[Draft],
    reposts: Sequence[tuple[str, str, str]],
    rules: Rules,
) -> tuple[list[UUID], Carried]:
    """The one transaction: identities, events, matches, cases, tickets, activities, pages, hours.

    Returns the events that answer something and are attached to nothing, and what came of the decisions.
    """
    record_identities(session, org, drafts)
    record_claims(session, drafts)
    ask_to_follow(
        session, org, [UUID(d.resolved.author.id) for d in drafts if d.resolved.follows and d.resolved.author]
    )
    recorded = record_events(session, org, drafts)
    record_reposts(session, org, reposts)
    record_matches(session, org, drafts, recorded)
    carried = _escalate(session, org, items, drafts, recorded, rules)
    settle(session, org, pages, items, {draft.key: recorded[draft.key].fate for draft in drafts})
    record_hours(session, org, drafts, recorded)
    replies = [
        recorded[draft.key].event
        for draft in drafts
        if draft.resolved.post.reply_to and recorded[draft.key].event not in carried.attached
    ]
    return replies, carried


def _escalate(
    session: Session,
    org: str,
    items: Sequence[Item],
    drafts: Sequence[Draft],
    recorded: dict[Ref, Recorded],
    rules: Rules,
) -> Carried:
    """Decide over the new and the edited, and do it."""
    local = {
        (draft.resolved.platform, draft.resolved.post.local_id): draft.resolved.post.id
        for draft in drafts
        if draft.resolved.post.local_id
    }
    heard: list[Heard] = []
    facts: dict[Ref, Facts] = {}
    tickets: dict[UUID, UUID] = {}
    for item, draft in zip(items, drafts, strict=True):
        outcome, found = recorded[draft.key], draft.resolved
        post, author, parent = found.post, found.author, found.parent
        if outcome.fate == "duplicate" or not (
            post.reply_to or found.addressed or found.about_us or found.matches or found.ours
        ):
            continue  # a second sighting decides nothing, and neither does what concerns nobody here
        answered = post.reply_to
        if answered is not None:
            answered = parent.external_id if parent else local.get((found.platform, answered), answered)
        now = Heard(
            ref=draft.key,
            subject=subject_of(found.platform, author.person if author else None, post.thread, post.id),
            text=post.text,
            sentiment=draft.sentiment,
            occurred_at=post.posted_at,
            addressed=found.addressed,
            about_us=found.about_us,
            named=found.named,
            customer=found.contact is not None,
            ours=found.ours or bool(author and author.ours),
            bot=bool(author and author.bot),
            stranger=is_stranger(found),
            start_mark=item.page.start_mark,
            reply_to=answered,
            parent_case=parent.case if parent and parent.case_open else None,
            attached=outcome.case is not None,
            rating=post.rating,
            closed_case=parent.case if parent and not parent.case_open else None,
            lang=draft.score.lang,
            kinds=frozenset(page.kind for page in item.places),
            sources=frozenset(item.sources),
            about=frozenset(match.record for match in found.live if match.kind in ("account", "campaign")),
            account=found.account,
            campaign=found.campaign,
        )
        heard.append(_as_edited(now, outcome, rules) if outcome.before else now)
        facts[draft.key] = Facts(
            event=outcome.event,
            identity=author.id if author else None,
            author=_called(post),
            platform=found.platform,
            text=post.text,
            account=found.account,
            contact=found.contact,
            campaign=found.campaign,
            source=item.page.source,
            sentiment=draft.sentiment,
            name=post.author.name if post.author else None,
            rating=post.rating,
        )
        if found.ticket is not None and outcome.fate == "new":
            tickets[outcome.event] = found.ticket
    ours = [
        recorded[draft.key].event
        for draft in drafts
        if draft.resolved.ours and recorded[draft.key].fate == "new"
    ]
    for late, fact in late_answers(session, org, ours):
        if late.ref not in facts:
            heard.append(late)
            facts[late.ref] = fact
    crossings = Crossings(rules, heard)
    standing = stand(session, org, heard, crossings)
    decisions = decide(heard, crossings, standing)
    carried = carry_out(session, org, decisions, facts, tickets, standing.policy)
    leads_of(session, org, heard, facts, rules, decisions)
    return carried


def _as_edited(post: Heard, outcome: Recorded, rules: Rules) -> Heard:
    """A post that was edited, with the rules that told of it before, and what it crossed, where it belongs to a case."""
    was = outcome.before
    if was is None:
        return post
    before = replace(
        post,
        text=was.text,
        sentiment=was.sentiment,
        rating=was.rating,
        lang=was.lang,
        addressed=was.addressed,
        about_us=was.about_us,
    )
    crossed = rules.crossed_by(before)
    untold = {was.held_rule} if was.held_rule else {rule.id for rule in crossed if was.held}
    told = frozenset(rule.id for rule in crossed if rule.action == "notify") - untold
    if outcome.case is None:
        return replace(post, told=told)
    known = frozenset(rule.id for rule in crossed)
    return replace(post, closed_case=outcome.case, crossed=known, told=told, alone=was.alone)


def _called(post: Post) -> str:
    author = post.author
    if author is None:
        return "Somebody"
    return f"@{author.handle}" if author.handle else author.name or "Somebody"
