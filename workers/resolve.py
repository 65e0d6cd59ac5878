"""Who wrote each post and what it is about: posts in, matches and their projection out.

    clues    what a post offers to find records by (workers/clues.py), as far as the organisation has such names
    look up  one question for the whole batch (workers/lookup.py)
    resolve  the rungs of the ladder, surest first: stable id, handle, thread, ticket number, e-mail, telephone,
             link domain, hashtag, UTM tag, exact name; what is only similar is suggested, and nothing is guessed

Nothing is written here, and a post never creates a Contact. What two records share is suggested for both. A handle
belongs to the identity that it was first seen with; whoever takes it later is somebody else.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import UUID

from rapidfuzz import fuzz
from uuid_utils import uuid7

from workers.clues import Clue, clues_of, stands_alone
from workers.folding import (
    KEY_WORDS,
    WORD,
    as_written,
    core_of,
    domain_of,
    folded,
    is_ordinary_phrase,
    lookalike,
    same_phone,
    ticket_numbers_in,
    words_of,
)
from workers.lookup import Known, Looked, Parent, look_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from sqlalchemy.orm import Session

    from connectors._base import Author, Post
    from workers.directory import Directory
    from workers.lookup import Entry

SURE = {
    "identity": 1.0,
    "handle": 1.0,
    "reply": 1.0,
    "ticket number": 0.95,
    "e-mail": 0.98,
    "phone": 0.95,
    "link domain": 0.95,
    "hashtag": 0.95,
    "UTM tag": 0.98,
    "alias": 0.9,
    "keyword": 0.9,
    "source": 0.9,
    # never more than suggestions
    "similar name": 0.6,
    "lookalike": 0.5,
    "recycled handle": 0.4,
}
_HOW = {
    "name": "alias",
    "domain": "link domain",
    "utm": "UTM tag",
    "email": "e-mail",
    "similar": "similar name",
}
ALIKE, APART = 90.0, 10.0
"""A similar name is suggested from this likeness on (of 100), and only if no other comes this near to it."""


@dataclass(frozen=True, slots=True)
class Matched:
    """One record that a post is about, how we know, and how sure that is, in [0, 1].

    `suggested`: for a person to decide. `author`: it is the author's own.
    """

    kind: str
    record: UUID
    how: str
    evidence: str | None
    starts: int | None = None
    ends: int | None = None
    sure: float = 1.0
    suggested: bool = False
    author: bool = False


@dataclass(slots=True)
class Resolved:
    """What resolve found out about one post."""

    post: Post
    platform: str
    author: Known | None = None
    ours: bool = False
    competitor: bool = False
    addressed: bool = False
    about_us: bool = False
    parent: Parent | None = None
    matches: list[Matched] = field(default_factory=list)
    claims: list[tuple[UUID, str]] = field(default_factory=list)
    """Handles, by their alias, that are seen for the first time, with this identity."""
    follows: bool = False
    """Was the author, whom we had heard before, linked by this post? Then the earlier ones follow."""
    contact: UUID | None = None
    account: UUID | None = None
    campaign: UUID | None = None
    ticket: UUID | None = None

    @property
    def voice(self) -> str:
        """Whose voice it is: our own, a competitor's, or earned."""
        return "own" if self.ours else "competitor" if self.competitor else "earned"

    @property
    def live(self) -> list[Matched]:
        """The matches that count."""
        return [match for match in self.matches if not match.suggested]

    @property
    def named(self) -> bool:
        """Does it name one of our accounts or campaigns?"""
        return any(match.kind in ("account", "campaign") and match.how != "identity" for match in self.live)


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
    clues = [clues_of(platform, post, directory.gate) for platform, post in posts]
    looked = look_up(session, org, posts, clues)
    found = [
        _resolve(platform, post, directory, looked, hints)
        for (platform, post), hints in zip(posts, clues, strict=True)
    ]
    for one, followed_for in zip(found, campaigns, strict=False):
        _followed(one, directory, followed_for)
    for one in found:
        _project(one)
    _answer_ours(found)
    return found


def _answer_ours(batch: Sequence[Resolved]) -> None:
    """What answers a post of ours that is in the same batch is addressed to us as well."""
    ours = {
        (one.platform, name) for one in batch if one.ours for name in (one.post.id, one.post.local_id) if name
    }
    for one in batch if ours else ():
        if one.post.reply_to and (one.platform, one.post.reply_to) in ours and not one.ours:
            one.addressed = True


def _resolve(
    platform: str, post: Post, directory: Directory, looked: Looked, clues: Sequence[Clue]
) -> Resolved:
    found = Resolved(post, platform)
    day = post.posted_at.date()
    names = _Names(platform, looked, day, _spaced(post.text) if _demanding(looked, clues) else "")
    if post.author:
        _author(found, post.author, names)
    if post.reply_to:
        found.parent = looked.parents.get((platform, post.reply_to))
    _mentions(found, names)
    _answered(found, names)
    for clue in clues:
        if clue.kind not in ("handle", "lookalike"):
            _named(found, clue, names)
    if looked.tickets:
        for number in ticket_numbers_in(post.text):
            if number in looked.tickets:
                _match(found, _sure("ticket", looked.tickets[number], "ticket number", str(number)))
    _place(found, names)
    if directory.refusals:
        _respect(found, directory)
    return found


# --- names ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Names:
    """The entries behind keys that count for one post: valid on its day, with a second word where one is needed."""

    platform: str
    looked: Looked
    day: date
    words: str

    def under(self, kind: str, key: str, platform: str = "") -> list[Entry]:
        entries = self.looked.names.get((kind, key, platform))
        if not entries:
            return []
        return [entry for entry in entries if entry.holds_on(self.day) and self._second(entry)]

    def _second(self, entry: Entry) -> bool:
        return not entry.needs or any(_spaced(need) in self.words for need in entry.needs)

    def handle(self, *names: str | None) -> list[Entry]:
        """Whom the first of these handles or stable ids that anybody has stands for."""
        for name in names:
            if name:
                key = folded(name)
                found = self.under("handle", key, self.platform) or self.under("handle", key)
                if found:
                    return found
        return []


def _spaced(text: str) -> str:
    return f" {' '.join(words_of(text))} "


def _demanding(looked: Looked, clues: Sequence[Clue]) -> bool:
    return any(
        entry.needs for clue in clues for entry in looked.names.get((clue.kind, clue.key, clue.platform), ())
    )


def _sure(
    kind: str,
    record: UUID,
    how: str,
    evidence: str | None,
    starts: int | None = None,
    ends: int | None = None,
) -> Matched:
    return Matched(kind, record, how, evidence, starts, ends, SURE[how])


def _match(found: Resolved, match: Matched) -> None:
    """Keep the surest way in which a record was found, of equals the first; a live one before a suggestion."""
    for at, held in enumerate(found.matches):
        if (held.kind, held.record) == (match.kind, match.record):
            kept = match if _rank(match) > _rank(held) else held
            author = any(one.author and one.suggested == kept.suggested for one in (held, match))
            found.matches[at] = kept if kept.author == author else replace(kept, author=author)
            return
    found.matches.append(match)


def _rank(match: Matched) -> tuple[bool, bool, float]:
    return not match.suggested, match.how != "identity", match.sure


def _suggest(found: Resolved, kind: str, record: UUID, how: str, clue: Clue, author: bool = False) -> None:
    sure = SURE[how] if SURE[how] < SURE["alias"] else SURE[how] / 2
    _match(
        found,
        Matched(
            kind, record, how, clue.evidence, clue.starts, clue.ends, sure, suggested=True, author=author
        ),
    )


def _take(found: Resolved, clue: Clue, entries: Sequence[Entry], how: str) -> None:
    """One key and whom it stands for: ourselves make the post about us, one record of a kind is a match, and
    several are suggested, because which of them is meant would be a guess."""
    records: dict[str, set[UUID]] = {}
    for entry in entries:
        if entry.of == "ourselves":
            found.about_us = True
        elif entry.record is not None and entry.of != "competitor":
            records.setdefault(entry.of, set()).add(entry.record)
    for kind, meant in records.items():
        if len(meant) == 1:
            (record,) = meant
            _match(found, _sure(kind, record, how, clue.evidence, clue.starts, clue.ends))
        else:
            for record in sorted(meant):
                _suggest(found, kind, record, how, clue)


def _named(found: Resolved, clue: Clue, names: _Names) -> None:
    """A tag, link, address, number or run of words, and the records that it names."""
    entries = names.under(clue.kind, clue.key)
    if not entries:
        return
    if clue.kind == "similar":
        _similar(found, clue, entries)
        return
    if clue.kind == "phone":
        entries = [entry for entry in entries if same_phone(entry.value, clue.evidence or "")]
    elif clue.kind == "name":
        _spelt(found, clue, entries)
        return
    how = _HOW.get(clue.kind, clue.kind)
    if clue.kind == "domain" and "@" in (clue.evidence or ""):
        how = "e-mail"
    _take(found, clue, entries, how)


def _spelt(found: Resolved, clue: Clue, entries: Sequence[Entry]) -> None:
    """The entries that are spelt like the run of words; of overlapping names in a text the longest counts."""
    spelt: dict[tuple[int, str], list[Entry]] = {}
    for entry in entries:
        ends = _as_long(found.post.text, clue, entry)
        if ends is not None:
            spelt.setdefault((ends, "keyword" if entry.how == "keyword" else "alias"), []).append(entry)
    for (ends, how), meant in sorted(spelt.items(), key=lambda item: item[0]):
        assert clue.starts is not None
        shown = clue._replace(ends=ends, evidence=found.post.text[clue.starts : ends])
        longer = any(
            held.how in ("alias", "keyword")
            and held.starts is not None
            and held.ends is not None
            and (held.starts, -held.ends) < (clue.starts, -ends)
            and ends <= held.ends
            for held in found.matches
        )
        if longer:
            continue
        found.matches[:] = [held for held in found.matches if not _within(held, shown)]
        _take(found, shown, meant, how)


def _within(held: Matched, clue: Clue) -> bool:
    """Was it found by a shorter name inside a longer one?"""
    return (
        held.how in ("alias", "keyword", "similar name")
        and held.starts is not None
        and held.ends is not None
        and clue.starts is not None
        and clue.ends is not None
        and clue.starts <= held.starts
        and held.ends <= clue.ends
        and held.ends - held.starts < clue.ends - clue.starts
    )


def _as_long(text: str, clue: Clue, entry: Entry) -> int | None:
    """Where the name ends in the text, if it stands there: also beyond its key's words, and with its own capitals
    where it consists of ordinary words ("Best Choice" is a company, "best choice" is none)."""
    if clue.starts is None or clue.ends is None:
        return None
    name, ends = as_written(entry.value), clue.ends
    more = len(WORD.findall(name)) - KEY_WORDS
    if more > 0:
        for _, word in zip(range(more), WORD.finditer(text, ends), strict=False):
            ends = word.end()
        if not stands_alone(text, clue.starts, ends):
            return None
    written = as_written(text[clue.starts : ends])
    if written.casefold() != name.casefold():
        return None
    if entry.how != "keyword" and is_ordinary_phrase(name) and (written != name or name.islower()):
        return None
    return ends


def _similar(found: Resolved, clue: Clue, entries: Sequence[Entry]) -> None:
    """The one record whose name is much like the run of words; none where two are about as near."""
    if any(_within(held, clue) or _covers(held, clue) for held in found.live if held.kind == "account"):
        return
    run = " ".join(words_of(clue.evidence or ""))
    nearest: dict[tuple[str, UUID], float] = {}
    for entry in entries:
        if entry.record is not None and entry.of not in ("competitor", "ourselves"):
            key = (entry.of, entry.record)
            like = max(
                fuzz.ratio(run, " ".join(words_of(name))) for name in (core_of(entry.value), entry.value)
            )
            nearest[key] = max(like, nearest.get(key, 0.0))
    ranked = sorted(nearest.items(), key=lambda item: -item[1])
    if not ranked or ranked[0][1] < ALIKE or (len(ranked) > 1 and ranked[0][1] - ranked[1][1] < APART):
        return
    (kind, record), _ = ranked[0]
    if not any((held.kind, held.record) == (kind, record) for held in found.matches):
        _suggest(found, kind, record, "similar name", clue)


def _covers(held: Matched, clue: Clue) -> bool:
    return (
        held.starts is not None
        and held.ends is not None
        and clue.starts is not None
        and clue.ends is not None
        and held.starts <= clue.starts
        and clue.ends <= held.ends
    )


# --- people --------------------------------------------------------------------------------------------


def _author(found: Resolved, author: Author, names: _Names) -> None:
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
    known = identities.get((platform, author.id)) or Known(
        str(uuid7()), platform, author.id, author.handle, author.name, author.bot, stored=False
    )
    shown = f"@{author.handle or author.id}"
    meant = [entry for entry in entries if entry.claimed in (None, author.id)]
    if len({(entry.of, entry.record) for entry in meant if entry.of in ("account", "contact")}) > 1:
        for entry in meant:
            if entry.record is not None and entry.of in ("account", "contact"):
                _suggest(found, entry.of, entry.record, "handle", _handle_clue(shown), author=True)
        meant = [entry for entry in meant if entry.of not in ("account", "contact")]
    for entry in meant:
        known = _linked_by(found, known, entry, names)
    for entry in entries:
        recycled = entry.claimed not in (None, author.id) and entry.of in ("account", "contact")
        if recycled and entry.record is not None and not known.linked:
            _suggest(found, entry.of, entry.record, "recycled handle", _handle_clue(shown), author=True)
    # the next post of the same author in this batch must meet the same identity
    identities[platform, author.id] = known
    found.author = known
    found.ours = known.ours
    found.competitor = any(entry.of == "competitor" for entry in meant)
    if not (known.linked or entries):
        _alike(found, names, author.handle, shown, author=True)


def _linked_by(found: Resolved, known: Known, entry: Entry, names: _Names) -> Known:
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


def _alike(found: Resolved, names: _Names, handle: str | None, shown: str, author: bool = False) -> None:
    """Somebody whose handle looks like one that we know: worth a look, and never a link."""
    key = lookalike(folded(handle)) if handle else ""
    for entry in names.under("lookalike", key) if key else ():
        if entry.record is not None and entry.of in ("account", "contact"):
            _suggest(found, entry.of, entry.record, "lookalike", _handle_clue(shown), author=author)


def _mentions(found: Resolved, names: _Names) -> None:
    looked = names.looked
    for mention in found.post.mentions:
        named = looked.identities.get((found.platform, mention.id)) if mention.id else None
        if named is None and not mention.id and mention.handle:
            held = looked.held.get((found.platform, mention.handle.lower()), ())
            linked = [one for one in held if one.linked]
            named = linked[0] if len(held) == 1 and linked else None
        shown = f"@{mention.handle or mention.id}"
        if named is not None:
            if named.ours:
                found.addressed = True
            if named.contact_id:
                _match(found, _sure("contact", named.contact_id, "handle", shown))
            if account := named.account_id or named.contact_account:
                _match(found, _sure("account", account, "handle", shown))
        if named is not None and named.decided:
            continue
        entries = names.handle(mention.id, mention.handle)
        meant = [entry for entry in entries if not mention.id or entry.claimed in (None, mention.id)]
        if any(entry.of == "ourselves" for entry in meant):
            found.addressed = True
        if meant:
            _take(found, _handle_clue(shown), meant, "handle")
        elif named is None and not entries:
            _alike(found, names, mention.handle, shown)


def _answered(found: Resolved, names: _Names) -> None:
    post, parent = found.post, found.parent
    if parent is not None:
        if parent.ours:
            found.addressed = True
        if parent.ticket is not None:
            _match(found, _sure("ticket", parent.ticket, "reply", parent.external_id))
    if post.reply_to_author:
        answered = names.looked.identities.get((found.platform, post.reply_to_author))
        entries = names.handle(post.reply_to_author)
        if (answered and answered.ours) or any(entry.of == "ourselves" for entry in entries):
            found.addressed = True


def _place(found: Resolved, names: _Names) -> None:
    """Posted on our page, or a review of us: the place is an identity of ours, or lies in our domain."""
    place = found.post.place
    if not place:
        return
    page = names.looked.identities.get((found.platform, place))
    entries = names.handle(place)
    if domain := domain_of(place):
        entries = entries + names.under("domain", domain)
    if (page and page.ours) or any(entry.of == "ourselves" for entry in entries):
        found.addressed = True


# --- what follows from it ------------------------------------------------------------------------------


def _followed(found: Resolved, directory: Directory, campaigns: Iterable[UUID]) -> None:
    """A source that is followed for a campaign brings posts of it, within its dates."""
    for campaign in campaigns:
        dates = directory.campaigns.get(campaign)
        if dates is not None and dates.hold(found.post.posted_at.date()):
            _match(found, _sure("campaign", campaign, "source", None))


def _respect(found: Resolved, directory: Directory) -> None:
    """What a person rejected before is not suggested again."""
    found.matches[:] = [
        match
        for match in found.matches
        if not match.suggested
        or (match.kind, match.record, folded(match.evidence or "")) not in directory.refusals
    ]


def _project(found: Resolved) -> None:
    """contact, account, campaign and ticket of the event, from its live matches; for what is new, here only.

    The contact is the author's. The account is the one that the post names if it names exactly one, else
    the author's own or its contact's. Campaign and ticket: the one, if there is exactly one. What changes later is
    projected by the same rules in workers/project.py.
    """
    author = found.author
    if author is not None:
        shown = author.handle and f"@{author.handle}"
        if author.contact_id:
            _match(found, _own("contact", author.contact_id, shown))
        if account := author.account_id or author.contact_account:
            _match(found, _own("account", account, shown))
        if author.lead_id:
            _match(found, _own("lead", author.lead_id, shown))
    live = found.live
    named = [match.record for match in live if match.kind == "account" and match.how != "identity"]
    own = {match.kind: match.record for match in live if match.author}
    found.contact = own.get("contact")
    found.account = named[0] if len(named) == 1 else own.get("account")
    campaigns = [match.record for match in live if match.kind == "campaign"]
    found.campaign = campaigns[0] if len(campaigns) == 1 else None
    tickets = [match.record for match in live if match.kind == "ticket"]
    found.ticket = tickets[0] if len(tickets) == 1 else None


def _own(kind: str, record: UUID, shown: str | None) -> Matched:
    return Matched(kind, record, "identity", shown, author=True)
