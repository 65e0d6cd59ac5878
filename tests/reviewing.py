"""Short cuts for tests of what people decide: a Journey with steps, and its projection as one value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from console import identities, review
from console.identities import Identity, identity
from console.invariants import broken
from console.records import Record
from console.steps import Step
from tests.journey import Journey
from workers.follow import follow_waiting

COLUMNS = "account_id, contact_id, ticket_id, campaign_id, voice, direction"


class Reviewing(Journey):
    """A Journey in which Sam decides."""

    by = "sam"

    @contextmanager
    def session(self) -> Iterator[Session]:
        with self.sessions() as session, session.begin():
            yield session

    def who(self, handle: str, platform: str = "mastodon") -> Identity:
        with self.session() as session:
            return identity(session, self.org, f"{platform}:{handle}")

    def campaign(self, name: str, hashtag: str | None = None) -> UUID:
        made: UUID = self.value(
            "INSERT INTO campaigns (org_id, name, status) VALUES (:org, :name, 'active') RETURNING id",
            org=self.org,
            name=name,
        )
        if hashtag:
            self.alias("hashtag", hashtag, "campaign", campaign_id=made)
        return made

    def person(self, name: str, account: UUID | None = None) -> UUID:
        """A Contact without a handle."""
        made: UUID = self.value(
            "INSERT INTO contacts (org_id, first_name, account_id) VALUES (:org, :name, :account) RETURNING id",
            org=self.org,
            name=name,
            account=account,
        )
        return made

    def ticket(self) -> UUID:
        made: UUID = self.value("INSERT INTO tickets (org_id) VALUES (:org) RETURNING id", org=self.org)
        return made

    def suggest(self, event: UUID, kind: str, record: UUID, evidence: str, *, author: bool = False) -> UUID:
        """A suggestion as resolve makes it; its id."""
        made: UUID = self.value(
            "INSERT INTO matches (org_id, event_id, kind, record_id, how, sure, evidence, state, author)"
            " VALUES (:org, :event, :kind, :record, 'similar name', 0.7, :evidence, 'suggested', :author)"
            " ON CONFLICT (org_id, event_id, kind, record_id) DO UPDATE SET how = matches.how RETURNING id",
            org=self.org,
            event=event,
            kind=kind,
            record=record,
            evidence=evidence,
            author=author,
        )
        return made

    def _done(self, step: Step) -> Step:
        follow_waiting(self.sessions, self.org)
        return step

    def link(self, what: UUID | Identity, kind: str, record: UUID) -> Step:
        with self.session() as session:
            to = Record(kind, record, f"of this {kind}")
            if isinstance(what, Identity):
                step = identities.link(session, self.org, what.id, to, self.by)
            else:
                step = review.link(session, self.org, what, to, self.by)
        return self._done(step)

    def unlink(self, what: UUID | Identity, kind: str | None = None, record: UUID | None = None) -> Step:
        with self.session() as session:
            if isinstance(what, Identity):
                step = identities.unlink(session, self.org, what.id, self.by, kind)
            else:
                assert kind
                assert record
                step = review.unlink(session, self.org, what, Record(kind, record, "it"), self.by)
        return self._done(step)

    def merge(self, one: Identity, other: Identity) -> Step:
        with self.session() as session:
            step = identities.merge(session, self.org, one.id, other.id, self.by)
        return self._done(step)

    def unmerge(self, one: Identity) -> Step:
        with self.session() as session:
            step = identities.unmerge(session, self.org, one.id, self.by)
        return self._done(step)

    def accept(self, suggestion: UUID, *, alike: bool = False) -> list[Step]:
        with self.session() as session:
            steps = review.accept(session, self.org, suggestion, self.by, alike=alike)
        follow_waiting(self.sessions, self.org)
        return steps

    def reject(self, suggestion: UUID, *, alike: bool = False) -> list[Step]:
        with self.session() as session:
            return review.reject(session, self.org, suggestion, self.by, alike=alike)

    def undo(self, step: Step | UUID) -> None:
        with self.session() as session:
            review.undo(session, self.org, step.id if isinstance(step, Step) else step)
        follow_waiting(self.sessions, self.org)

    def projection(self) -> dict[str, Any]:
        """What every event is tied to and every match, by what they are and not by their rows' ids."""
        rows = self.execute(
            f"SELECT external_id, {COLUMNS} FROM social_events WHERE org_id = :org", org=self.org
        )
        return {row[0]: tuple(row[1:]) for row in rows}

    def matches(self, external_id: str) -> set[tuple[Any, ...]]:
        """(kind, record, how, state, author, by) of an event."""
        rows = self.execute(
            "SELECT m.kind, m.record_id, m.how, m.state, m.author, m.by FROM matches m"
            " JOIN social_events e ON e.id = m.event_id WHERE e.external_id = :id AND e.org_id = :org",
            id=external_id,
            org=self.org,
        )
        return {tuple(row) for row in rows}

    def hours(self, scope: str) -> int:
        """How many events are counted for a scope."""
        n: int = self.value(
            "SELECT coalesce(sum(n), 0) FROM hours WHERE org_id = :org AND scope = :scope",
            org=self.org,
            scope=scope,
        )
        return n

    def broken(self) -> list[tuple[str, int]]:
        """The doctor's invariants that do not hold."""
        with self.session() as session:
            return list(broken(session, self.org))
