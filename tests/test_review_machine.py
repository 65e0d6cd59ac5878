"""Whatever people decide, in whatever order, and whatever is heard and edited in between: the doctor's invariants hold,
and a step that is taken back at once leaves everything as it was."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from connectors._base import Post
from console.refusal import CannotDo
from console.steps import Step
from tests.journey import CALM, FURIOUS, MILD, US, at, post
from tests.reviewing import Reviewing
from workers.follow import follow_waiting

AUTHORS = (
    ("mastodon", "ann"),
    ("mastodon", "bob"),
    ("bluesky", "ann"),
    ("bluesky", "bob"),
    ("reddit", "ann"),
)
TEXTS = (
    CALM,
    MILD,
    FURIOUS,
    "We stay with Velmora Hotels again.",
    "Switching from Velmora Hotels to Quimbly Bikes.",
    "Quimbly Bikes: this is terrible, I hate it.",
    "What about my ticket #{ticket}?",
    "Write to kim@velmora.com about ticket #{other}, this is the worst.",
)

_orgs = count()
some = st.integers(0, 10_000)


class Deciding(RuleBasedStateMachine):
    """An organisation of its own in the one database."""

    def __init__(self, database: str, done: dict[str, int]) -> None:
        super().__init__()
        self.done = done
        self.journey = journey = Reviewing(database, f"machine{next(_orgs)}")
        journey.own(US)
        self.accounts = [journey.account("Velmora Hotels", "velmora.com"), journey.account("Quimbly Bikes")]
        self.contacts = [journey.person("Ann", self.accounts[0]), journey.person("Bob", self.accounts[1])]
        self.contacts.append(journey.person("Cleo"))
        self.campaigns = [journey.campaign("Spring", "spring"), journey.campaign("Autumn", "autumn")]
        self.tickets = [journey.ticket(), journey.ticket()]
        self.numbers = [
            journey.value("SELECT number FROM tickets WHERE id = :id", id=one) for one in self.tickets
        ]
        self.sources = {
            platform: journey.source(platform) for platform in sorted({platform for platform, _ in AUTHORS})
        }
        self.posts: dict[str, tuple[str, Post]] = {}
        self.clock = count(1)
        for which in range(len(AUTHORS)):
            self._hear(which, which, False, False)
        self.journey.link(self._author(0), "contact", self.contacts[0])
        self.journey.merge(self._author(0), self._author(2))
        self.journey.suggest(self._event(4), "account", self.accounts[0], "Velmo 0")

    def teardown(self) -> None:
        self.journey.close()

    # --- what is heard

    def _hear(self, which: int, words: int, to_us: bool, tagged: bool, reply: str | None = None) -> None:
        platform, name = AUTHORS[which % len(AUTHORS)]
        number = str(next(self.clock))
        made = post(
            number,
            self._words(words),
            by=name,
            minutes=int(number),
            to=US if to_us else None,
            hashtags=("spring", "autumn")[: words % 3] if tagged else (),
            reply_to=reply,
            verb="comment" if reply else "post",
        )
        self.posts[number] = (platform, made)
        self.journey.hear(self.sources[platform], made)

    def _words(self, which: int) -> str:
        return TEXTS[which % len(TEXTS)].format(ticket=self.numbers[0], other=self.numbers[1])

    @rule(which=some, words=some, to_us=st.booleans(), tagged=st.booleans())
    def a_post(self, which: int, words: int, to_us: bool, tagged: bool) -> None:
        self._hear(which, words, to_us, tagged)

    @rule(which=some, words=some, to=some)
    def an_answer(self, which: int, words: int, to: int) -> None:
        platform, _ = AUTHORS[which % len(AUTHORS)]
        there = [number for number, (where, _) in self.posts.items() if where == platform]
        self._hear(which, words, False, False, there[to % len(there)])

    @rule(which=some, words=some)
    def an_edit(self, which: int, words: int) -> None:
        number = sorted(self.posts)[which % len(self.posts)]
        platform, before = self.posts[number]
        from msgspec.structs import replace

        after = replace(before, text=self._words(words), edited_at=at(1_000 + next(self.clock)))
        self.posts[number] = (platform, after)
        self.journey.hear(self.sources[platform], after)

    @rule(which=some)
    def a_repost(self, which: int) -> None:
        number = sorted(self.posts)[which % len(self.posts)]
        platform, _ = self.posts[number]
        again = post(f"r{next(self.clock)}", verb="repost", repost_of=number, by="max", minutes=500)
        self.journey.hear(self.sources[platform], again)

    # --- what the machine and the neighbour do besides

    @rule(
        which=some,
        record=some,
        kind=st.sampled_from(["account", "contact", "campaign"]),
        author=st.booleans(),
    )
    def a_suggestion(self, which: int, record: int, kind: str, author: bool) -> None:
        chosen = self._record(kind, record)
        self.journey.suggest(
            self._event(which), kind, chosen, f"Velmo {record % 2}", author=author and kind != "campaign"
        )

    @rule(whose=some, to=some)
    def a_contact_changes_company(self, whose: int, to: int) -> None:
        self.journey.execute(
            "UPDATE contacts SET account_id = :account WHERE id = :id",
            account=[*self.accounts, None][to % 3],
            id=self.contacts[whose % len(self.contacts)],
        )

    @rule(whose=some, which=some)
    def a_handle_of_a_contact_is_learned(self, whose: int, which: int) -> None:
        platform, name = AUTHORS[which % len(AUTHORS)]
        taken = self.journey.value(
            "SELECT count(*) FROM aliases WHERE org_id = :org AND platform = :platform AND value = :value",
            org=self.journey.org,
            platform=platform,
            value=f"{name}@town.example",
        )
        if not taken:
            contact = self.contacts[whose % len(self.contacts)]
            self.journey.alias(
                "handle", f"{name}@town.example", "contact", platform=platform, contact_id=contact
            )

    @rule(which=some, status=st.sampled_from(["closed", "open"]))
    def a_ticket_is_settled(self, which: int, status: str) -> None:
        tickets = self.journey.execute(
            "SELECT id FROM tickets WHERE org_id = :org ORDER BY id", org=self.journey.org
        )
        self.journey.execute(
            "UPDATE tickets SET status = :status WHERE id = :id",
            status=status,
            id=tickets[which % len(tickets)].id,
        )

    @rule(what=st.sampled_from(["account", "contact", "author", "ticket"]), which=some)
    def a_record_is_deleted(self, what: str, which: int) -> None:
        """By the neighbour, who tells nobody; another takes its place, so that there is something to decide."""
        journey = self.journey
        if what == "author":
            author = self._author_where("id IN (SELECT merged_into FROM identities)", which)
            journey.execute("DELETE FROM identities WHERE id = :id", id=author.id)
            platform = author.platform
            name = author.handle.partition("@")[0]
            made = [one for one in range(len(AUTHORS)) if AUTHORS[one] == (platform, name)]
            follow_waiting(journey.sessions, journey.org)
            self._hear(made[0], 0, False, False)
            return
        if what == "ticket":
            journey.execute(
                "DELETE FROM tickets WHERE id IN (SELECT ticket_id FROM cases WHERE org_id = :org ORDER BY id LIMIT 1)",
                org=journey.org,
            )
            return
        records = self.accounts if what == "account" else self.contacts
        at = which % len(records)
        journey.execute(f"DELETE FROM {what}s WHERE id = :id", id=records[at])
        follow_waiting(journey.sessions, journey.org)
        records[at] = journey.account("Velmora Hotels") if what == "account" else journey.person("Dee")

    # --- what people decide

    def _event(self, which: int) -> UUID:
        events = self.journey.execute(
            "SELECT id FROM social_events WHERE org_id = :org ORDER BY external_id", org=self.journey.org
        )
        found: UUID = events[which % len(events)].id
        return found

    def _record(self, kind: str, which: int) -> UUID:
        records = {
            "account": self.accounts,
            "contact": self.contacts,
            "campaign": self.campaigns,
            "ticket": self.tickets,
        }[kind]
        return records[which % len(records)]

    def _author(self, which: int) -> Any:
        platform, name = AUTHORS[which % len(AUTHORS)]
        return self.journey.who(f"{name}@town.example", platform)

    def _author_where(self, which_are: str, which: int) -> Any:
        """One of those authors; any where there is none, to see it refused."""
        found = self.journey.execute(
            f"SELECT platform, handle FROM identities WHERE org_id = :org AND ({which_are}) ORDER BY id",
            org=self.journey.org,
        )
        if not found:
            return self._author(which)
        chosen = found[which % len(found)]
        return self.journey.who(chosen.handle, chosen.platform)

    def _all(self) -> tuple[Any, Any]:
        matches = self.journey.execute(
            "SELECT e.external_id, m.kind, m.record_id::text, m.how, m.state, m.author, m.by FROM matches m"
            " JOIN social_events e ON e.id = m.event_id WHERE m.org_id = :org",
            org=self.journey.org,
        )
        return self.journey.projection(), sorted(map(str, map(tuple, matches)))

    def _decide(self, what: str, step: Callable[[], Step | list[Step]], and_back: bool) -> None:
        before = self._all()
        try:
            taken = step()
        except CannotDo:
            assert self._all() == before
            self.done[f"{what} refused"] = self.done.get(f"{what} refused", 0) + 1
            return
        self.done[what] = self.done.get(what, 0) + 1
        if and_back:
            self.holds()
            for each in reversed(taken if isinstance(taken, list) else [taken]):
                self.journey.undo(each)
            assert self._all() == before

    @rule(
        which=some,
        kind=st.sampled_from(["account", "contact", "campaign", "ticket"]),
        record=some,
        back=st.booleans(),
    )
    def link_a_post(self, which: int, kind: str, record: int, back: bool) -> None:
        event = self._event(which)
        self._decide("link post", lambda: self.journey.link(event, kind, self._record(kind, record)), back)

    @rule(which=some, back=st.booleans())
    def unlink_a_post(self, which: int, back: bool) -> None:
        ties = self.journey.execute(
            "SELECT event_id, kind, record_id FROM matches WHERE org_id = :org AND state = 'live' AND kind <> 'lead'"
            " ORDER BY id",
            org=self.journey.org,
        )
        if ties:
            tie = ties[which % len(ties)]
            self._decide(
                "unlink post", lambda: self.journey.unlink(tie.event_id, tie.kind, tie.record_id), back
            )

    @rule(which=some, kind=st.sampled_from(["account", "contact"]), record=some, back=st.booleans())
    def link_an_author(self, which: int, kind: str, record: int, back: bool) -> None:
        author = self._author(which)
        self._decide("link author", lambda: self.journey.link(author, kind, self._record(kind, record)), back)

    @rule(which=some, kind=st.sampled_from(["account", "contact", None]), back=st.booleans())
    def unlink_an_author(self, which: int, kind: str | None, back: bool) -> None:
        author = self._author_where("contact_id IS NOT NULL OR account_id IS NOT NULL", which)
        self._decide("unlink author", lambda: self.journey.unlink(author, kind), back)

    @rule(one=some, other=some, back=st.booleans())
    def merge(self, one: int, other: int, back: bool) -> None:
        first, second = self._author(one), self._author(other)
        self._decide("merge", lambda: self.journey.merge(first, second), back)

    @rule(which=some, back=st.booleans())
    def unmerge(self, which: int, back: bool) -> None:
        author = self._author_where("merged_into IS NOT NULL", which)
        self._decide("unmerge", lambda: self.journey.unmerge(author), back)

    @rule(which=some, alike=st.booleans(), accept=st.booleans(), back=st.booleans())
    def decide_a_suggestion(self, which: int, alike: bool, accept: bool, back: bool) -> None:
        waiting = self.journey.execute(
            "SELECT id FROM matches WHERE org_id = :org AND state = 'suggested' ORDER BY id",
            org=self.journey.org,
        )
        if waiting:
            one = waiting[which % len(waiting)].id
            decide = self.journey.accept if accept else self.journey.reject
            self._decide("accept" if accept else "reject", lambda: decide(one, alike=alike), back)

    @rule(which=some)
    def take_a_step_back(self, which: int) -> None:
        steps = self.journey.execute(
            "SELECT id FROM reviews WHERE org_id = :org AND undone_at IS NULL ORDER BY id DESC",
            org=self.journey.org,
        )
        if steps:
            self._decide("undo", lambda: self.journey.undo(steps[which % len(steps)].id) or [], False)

    # --- what holds

    @invariant()
    def holds(self) -> None:
        assert self.journey.broken() == []
        assert self.journey.value("SELECT count(*) FROM followings WHERE due_at <= now()") == 0
        strays = self.journey.execute(
            """
            SELECT e.external_id, m.record_id, coalesce(r.contact_id, i.contact_id) AS linked
            FROM social_events e JOIN identities i ON i.id = e.identity_id
            LEFT JOIN identities r ON r.id = i.merged_into
            LEFT JOIN matches m ON m.event_id = e.id AND m.kind = 'contact' AND m.author AND m.state = 'live'
            WHERE e.org_id = :org
              AND m.record_id IS DISTINCT FROM (CASE WHEN r.id IS NULL THEN i.contact_id ELSE r.contact_id END)
              AND NOT EXISTS (SELECT FROM matches u WHERE u.event_id = e.id AND u.kind = 'contact'
                              AND u.state = 'undone' AND u.record_id = coalesce(r.contact_id, i.contact_id))
            """,
            org=self.journey.org,
        )
        assert strays == [], (
            "a post's contact is whom its author is linked to, unless a person said otherwise"
        )


def test_whatever_people_decide_and_take_back_the_invariants_hold(database: str) -> None:
    done: dict[str, int] = {}
    run_state_machine_as_test(
        lambda: Deciding(database, done),
        settings=settings(
            max_examples=8,
            stateful_step_count=26,
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
    kinds = {
        "link post",
        "unlink post",
        "link author",
        "unlink author",
        "merge",
        "unmerge",
        "accept",
        "reject",
        "undo",
    }
    assert len(kinds & done.keys()) >= 7, f"the machine did no more than {done}"
