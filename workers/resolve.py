"""Who wrote each post and what it is about: posts in, matches and their projection out.

    clues    what a post offers to find records by (workers/clues.py), as far as the organisation has such names
    look up  one question for the whole batch (workers/lookup.py)
    resolve  the rungs of the ladder, surest first: stable id, handle, thread, ticket number, e-mail, telephone,
             link domain, hashtag, UTM tag, exact name; what is only similar is suggested, and nothing is guessed

Nothing is written here, and a post never creates a Contact. What two records share is suggested for both. A handle
belongs to the identity that it was first seen with; whoever takes it later is somebody else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from uuid_utils import uuid7

from workers.clues import MOST_OF_A_KIND, Clue, clues_of
from workers.folding import domain_of, evidence_key, ticket_numbers_in
from workers.lookup import Known, look_up
from workers.matching import Nameless, Names, match, suggest, sure, take, take_named
from workers.resolved import Matched, Resolved

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.orm import Session

    from connectors._base import Author, Post
    from workers.directory import Directory
    from workers.lookup import Entry

STORES = frozenset({"appstore", "googleplay"})


def resolve(
    session: Session,
    org: str,
    posts: Sequence[tuple[str, Post]],
    directory: Directory,
    campaigns: Sequence[Iterable[UUID]] = (),
) -> list[Resolved]:
    """What each (platform, post) is about, in the order given; reposts need not be sent here.

    `campaigns` are, post by post, those for which its sources are followed.
    """
    clues = clues_of(posts, directory.gate)
    looked = look_up(session, org, posts, clues)
    nobody = Nameless(looked)
    found = [
        _resolve(platform, post, directory, Names(platform, looked, post, hints) if hints else nobody, hints)
        for (platform, post), hints in zip(posts, clues, strict=True)
    ]
    for one, followed_for in zip(found, campaigns, strict=False):
        _followed(one, directory, followed_for)
    for one in found:
        if one.matches or (one.author is not None and one.author.known):
            _project(one)
    _follow_threads(found)
    _answer_ours(found)
    return found


def _follow_threads(batch: Sequence[Resolved]) -> None:
    """What answers a post about an account, and names none itself, is about that account."""
    if not any((one.matches and one.topic) or (one.parent and one.parent.account) for one in batch):
        return
    answered = {one.post.reply_to for one in batch}
    here = {
        (one.platform, name): one
        for one in batch
        for name in (one.post.id, one.post.local_id)
        if name and name in answered
    }
    for one in batch:
        if not one.post.reply_to:
            continue
        above, path = one, [one]
        # what is stored of the post above goes before what its text says: a person may have untied it
        while above.topic is None and above.post.reply_to and above.parent is None:
            parent = here.get((above.platform, above.post.reply_to))
            if parent is None or parent in path or above.account:
                break
            path.append(above := parent)
        topic = above.topic or (above.parent.account if above.parent and not above.account else None)
        for below in reversed(path):
            if topic and below.topic is None and below.account is None:
                match(below, sure("account", topic, "thread", below.post.reply_to))
                _project(below)


def _answer_ours(batch: Sequence[Resolved]) -> None:
    """What answers a post of ours that is in the same batch is addressed to us as well."""
    ours = {
        (one.platform, name) for one in batch if one.ours for name in (one.post.id, one.post.local_id) if name
    }
    for one in batch if ours else ():
        if one.post.reply_to and (one.platform, one.post.reply_to) in ours and not one.ours:
            one.addressed = True


def _resolve(
    platform: str, post: Post, directory: Directory, names: Names, clues: Sequence[Clue]
) -> Resolved:
    found, looked = Resolved(post, platform), names.looked
    # most posts have little of this, and to ask for nothing costs more than to see that there is nothing
    if post.author:
        _author(found, post.author, names)
    if post.mentions:
        _mentions(found, names)
    if post.reply_to or post.reply_to_author:
        _answered(found, names)
    if clues:
        take_named(found, clues, names)
    if looked.tickets:
        for number in ticket_numbers_in(post.text):
            if number in looked.tickets:
                match(found, sure("ticket", looked.tickets[number], "ticket number", str(number)))
    if post.place:
        _place(found, post.place, names)
    if directory.refusals:
        _respect(found, directory)
    return found


# --- people --------------------------------------------------------------------------------------------


def _author(found: Resolved, author: Author, names: Names) -> None:
    """The author's identity: the stored one, else a new one; linked by a handle that we know.

    What is linked stays as it is: a stable id goes before a handle. An identity that belongs to nobody yet is linked
    when its handle turns up among the names, be it years after its first post; unless the handle was seen with
    another stable id before, or a person decided whose it is.
    """
    entries = names.handle(author.id, author.handle)
    if not author.id:
        found.ours = any(entry.of == "ourselves" for entry in entries)
        found.competitor = any(entry.of == "competitor" for entry in entries)
        return
    platform, identities = found.platform, names.looked.identities
    known = identities.get((platform, author.id))
    if known is None:
        # the next post of the same author in this batch must meet the same identity
        known = identities[platform, author.id] = Known(
            str(uuid7()), platform, author.id, author.handle, author.name, author.bot, stored=False
        )
    found.author = known
    found.ours = known.ours
    if not (entries or names.lookalikes):
        return
    shown = f"@{author.handle or author.id}"
    meant = [entry for entry in entries if entry.claimed in (None, author.id)]
    if len({(entry.of, entry.record) for entry in meant if entry.of in ("account", "contact")}) > 1:
        for entry in meant:
            if entry.of in ("account", "contact"):
                suggest(found, entry, "handle", _handle_clue(shown), author=True)
        meant = [entry for entry in meant if entry.of not in ("account", "contact")]
    for entry in meant:
        known = _linked_by(found, known, entry, names)
        if entry.of == "campaign" and entry.record is not None:
            match(found, sure("campaign", entry.record, "handle", shown))
    for entry in entries:
        if entry.of in ("account", "contact") and entry.claimed not in (None, author.id) and not known.linked:
            suggest(found, entry, "recycled handle", _handle_clue(shown), author=True)
    identities[platform, author.id] = found.author = known
    found.ours = known.ours
    found.competitor = any(entry.of == "competitor" for entry in meant)
    if names.lookalikes and not (known.linked or entries):
        _alike(found, names, author.handle, author=True)


def _linked_by(found: Resolved, known: Known, entry: Entry, names: Names) -> Known:
    """What an entry for the author's handle makes of the identity, and the claim that goes with it."""
    if not (known.linked or known.decided):
        found.follows = known.stored and entry.of != "competitor"
        if entry.of == "contact":
            known = known._replace(contact_id=entry.record, contact_account=entry.account, stored=False)
        elif entry.of == "account":
            known = known._replace(account_id=entry.record, stored=False)
        elif entry.of == "ourselves":
            known = known._replace(ours=True, stored=False)
    belongs = {
        "contact": known.contact_id is not None and known.contact_id == entry.record,
        "account": known.account_id is not None and known.account_id == entry.record,
        "ourselves": known.ours,
        "competitor": True,
    }
    if entry.alias is not None and entry.claimed is None and belongs.get(entry.of):
        found.claims.append((entry.alias, known.id))
        # whoever comes with the same handle later in this batch is somebody else already
        for held in names.looked.names.values():
            held[:] = [one._replace(claimed=known.stable_id) if one is entry else one for one in held]
    return known


def _handle_clue(shown: str) -> Clue:
    return Clue("handle", "", evidence=shown)


def _alike(found: Resolved, names: Names, handle: str | None, author: bool = False) -> None:
    """Somebody whose handle looks like one that we know: worth a look, and never a link."""
    shown = f"@{handle}"
    for clue in names.lookalikes:
        if clue.evidence == shown:
            for entry in names.under("lookalike", clue.key):
                suggest(found, entry, "lookalike", clue, author=author)


def _mentions(found: Resolved, names: Names) -> None:
    looked = names.looked
    for mention in found.post.mentions[:MOST_OF_A_KIND]:
        named: Known | None = None
        held: Sequence[Known] = ()
        if mention.id:
            named = looked.identities.get((found.platform, mention.id))
        elif mention.handle:
            held = looked.held.get((found.platform, mention.handle.lower()), held)
        if not (held or names.handles or names.lookalikes or (named and named.linked)):
            continue
        shown = f"@{mention.handle or mention.id}"
        if len(held) == 1 and held[0].linked:
            named = held[0]
        if named is not None:
            if named.ours:
                found.addressed = True
            if named.contact_id:
                match(found, sure("contact", named.contact_id, "handle", shown))
            if account := named.account_id or named.contact_account:
                match(found, sure("account", account, "handle", shown))
            if named.decided:
                continue
        # a handle that was seen with one id is not meant where it comes with another, or is another's by now
        entries = names.handle(mention.id, mention.handle)
        holders = {mention.id} if mention.id else {one.stable_id for one in held}
        # (but whoever names us by a handle that several had means us)
        meant = [
            entry
            for entry in entries
            if entry.claimed is None
            or holders <= {entry.claimed}
            or (entry.of == "ourselves" and not entry.claimed)
        ]
        if any(entry.of == "ourselves" for entry in meant):
            found.addressed = True
        if meant:
            take(found, _handle_clue(shown), meant, "handle")
        elif named is None and not entries:
            _alike(found, names, mention.handle)


def _answered(found: Resolved, names: Names) -> None:
    post = found.post
    parent = names.looked.parents.get((found.platform, post.reply_to)) if post.reply_to else None
    if parent is not None:
        found.parent = parent
        if parent.ours:
            found.addressed = True
        if parent.ticket is not None:
            match(found, sure("ticket", parent.ticket, "reply", parent.external_id))
    if post.reply_to_author:
        answered = names.looked.identities.get((found.platform, post.reply_to_author))
        entries = names.handle(post.reply_to_author)
        if (answered and answered.ours) or any(entry.of == "ourselves" for entry in entries):
            found.addressed = True


def _place(found: Resolved, place: str, names: Names) -> None:
    """Posted on our page, or a review of us: the place is an identity of ours, or lies in our domain.

    A store's place is an app: the name of a package reads like a host (com.acme.shop) and is none.
    """
    page = names.looked.identities.get((found.platform, place))
    entries = names.handle(place)
    if found.platform not in STORES and (domain := domain_of(place)):
        entries = entries + names.under("domain", domain)
    if (page and page.ours) or any(entry.of == "ourselves" for entry in entries):
        found.addressed = True


# --- what follows from it ------------------------------------------------------------------------------


def _followed(found: Resolved, directory: Directory, campaigns: Iterable[UUID]) -> None:
    """A source that is followed for a campaign brings posts of it, within its dates."""
    for campaign in campaigns:
        dates = directory.campaigns.get(campaign)
        if dates is not None and dates.hold(found.post.posted_at.date()):
            match(found, sure("campaign", campaign, "source", None))


def _respect(found: Resolved, directory: Directory) -> None:
    """What a person rejected before is not suggested again."""
    found.matches[:] = [
        made
        for made in found.matches
        if not made.suggested
        or (made.kind, made.record, evidence_key(made.evidence)) not in directory.refusals
    ]


def _project(found: Resolved) -> None:
    """contact, account, campaign and ticket of the event, from its live matches; for what is new, here only.

    The contact is the author's. The account is the one that the post names if it names exactly one, else
    the author's own or its contact's. Campaign and ticket: the one, if there is exactly one. What changes later is
    projected by the same rules in workers/project.py.
    """
    author = found.author
    if author is not None and author.known:
        shown = author.handle and f"@{author.handle}"
        if author.contact_id:
            match(found, _own("contact", author.contact_id, shown))
        if account := author.account_id or author.contact_account:
            match(found, _own("account", account, shown))
        if author.lead_id:
            match(found, _own("lead", author.lead_id, shown))
    if not found.matches:
        return
    own: dict[str, UUID] = {}
    named: dict[str, list[UUID]] = {"account": [], "campaign": [], "ticket": []}
    for made in found.live:
        if made.author:
            own[made.kind] = made.record
        if made.kind in named and made.how != "identity":
            named[made.kind].append(made.record)
    account, campaign, ticket = (one[0] if len(one) == 1 else None for one in named.values())
    found.contact = own.get("contact")
    found.account = account or own.get("account")
    found.campaign, found.ticket = campaign, ticket


def _own(kind: str, record: UUID, shown: str | None) -> Matched:
    return Matched(kind, record, "identity", shown, author=True)
