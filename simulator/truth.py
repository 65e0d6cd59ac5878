"""What was returned, and what should have come of it. The log counts completely sent answers only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simulator.answers import Answer
from simulator.lines import PLATFORMS, ExpectedCase, Line
from simulator.stage import Stage


@dataclass
class Told:
    """How often a post went out, in which versions, and through which listings."""

    times: int = 0
    versions: set[int] = field(default_factory=set)
    via: set[str] = field(default_factory=set)


class Truth:
    """The log of answers, beside the script's own expectations."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.posts: dict[str, dict[str, Told]] = {name: {} for name in PLATFORMS}
        self.reposts: dict[str, dict[str, Told]] = {name: {} for name in PLATFORMS}
        self.rejects: dict[str, dict[str, Told]] = {name: {} for name in PLATFORMS}
        self.answers = 0

    def note(self, platform: str, answer: Answer) -> None:
        """Write down what an answer told."""
        self.answers += 1
        logs = {"post": self.posts, "repost": self.reposts, "reject": self.rejects}
        for item in answer.items:
            entry = logs[item.kind][platform].setdefault(item.external_id, Told())
            entry.times += 1
            entry.versions.add(item.version)
            entry.via.add(answer.via)

    def report(self) -> dict[str, Any]:
        """Everything, as `GET /_control/truth` answers."""
        script = self.stage.script
        return {
            "seed": script.seed,
            "act": self.stage.act,
            "acts": script.acts,
            "groups": self.stage.groups,
            "mark": self.stage.mark.isoformat(),
            "answers": self.answers,
            "returned": {name: _log(log) for name, log in self.posts.items()},
            "reposts": {name: _log(log) for name, log in self.reposts.items()},
            "rejects": {name: _log(log) for name, log in self.rejects.items()},
            "posts": [self._post(line) for line in script.lines.values() if line.repost_of is None],
            "cases": [self._case(case) for case in script.cases],
            "complaints": [
                self._complaint(line) for line in script.lines.values() if self._is_complaint(line)
            ],
            "expects_nothing": sorted({subject(line) for line in script.lines.values() if line.borderline}),
        }

    def _told(self, line: Line) -> Told | None:
        return self.posts[line.platform].get(line.external_id)

    def _post(self, line: Line) -> dict[str, Any]:
        said, entry, by = self.stage.said.get(line.key), self._told(line), line.by
        version = max(entry.versions) if entry else 0
        edit = line.edits[version - 1] if version else None
        current = edit or line
        return {
            "key": line.key,
            "platform": line.platform,
            "external_id": line.external_id,
            "scenario": line.scenario,
            "subject": subject(line),
            "text": current.text,
            "compound": current.compound,
            "label": line.label,
            "rel": (edit.rel if edit else None) or line.rel,
            "lang": line.lang,
            "tongue": line.tongue,
            "about": list(line.about),
            "suggests": list(line.suggests),
            "contact": by.name if by.contact_of else None,
            "contact_account": by.contact_of,
            "reply_to": script_id(self.stage, line.reply_to),
            "before_mark": line.hours is not None and line.hours < -1,
            "borderline": line.borderline,
            "poison": line.poison,
            "fate": line.fate,
            "made": said is not None,
            "deleted": said.deleted if said else False,
            "posted_at": said.created_at.isoformat() if said else None,
            "returned": entry.times if entry else 0,
            "versions": sorted(entry.versions) if entry else [],
            "via": sorted(entry.via) if entry else [],
            "case": next((case.key for case in self.stage.script.cases if line.key in case.posts), None),
        }

    def _case(self, case: ExpectedCase) -> dict[str, Any]:
        lines = self.stage.script.lines
        opener = lines[case.opener]
        return {
            "key": case.key,
            "scenario": case.scenario,
            "subject": subject(opener),
            "subject_id": subject_id(opener),
            "platform": opener.platform,
            "level": case.level,
            "level_now": self._level_now(case),
            "opener": opener.external_id,
            "riser": lines[case.riser.partition("@")[0]].external_id if case.riser else None,
            "posts": [lines[key].external_id for key in case.posts],
            "posts_now": [lines[key].external_id for key in case.posts if self._told(lines[key])],
            "after_closing": case.after_closing,
            "because": case.because,
        }

    def _level_now(self, case: ExpectedCase) -> str | None:
        """The level that what was returned so far is enough for: as written down, or less while parts are missing."""
        lines = self.stage.script.lines
        if not self._was_told(case.opener_version or case.opener, lines):
            return None
        if case.riser is None or self._was_told(case.riser, lines):
            return case.level
        return "activity"

    def _was_told(self, name: str, lines: dict[str, Line]) -> bool:
        key, _, version = name.partition("@")
        entry = self._told(lines[key])
        return entry is not None and (not version or int(version) in entry.versions)

    def _is_complaint(self, line: Line) -> bool:
        early = line.hours is not None and line.hours < -1
        ours = line.by.own or line.by.competitor
        return line.label == "complaint" and not (early or ours or line.repost_of or line.borderline)

    def _complaint(self, line: Line) -> dict[str, Any]:
        entry = self._told(line)
        return {
            "platform": line.platform,
            "external_id": line.external_id,
            "subject": subject(line),
            "text": line.text,
            "tongue": line.tongue,
            "returned": entry.times if entry else 0,
            "expected": next(
                (case.level for case in self.stage.script.cases if line.key in case.posts), None
            ),
        }


def subject(line: Line) -> str:
    """The author's handle, as the platform qualifies it."""
    if line.platform == "mastodon":
        return line.by.mastodon
    return line.by.bluesky if line.platform == "bluesky" else line.by.forum


def subject_id(line: Line) -> str:
    """The author's stable id."""
    if line.platform == "mastodon":
        return line.by.mastodon_uri
    return line.by.did if line.platform == "bluesky" else line.by.forum_uri


def script_id(stage: Stage, key: str | None) -> str | None:
    return stage.script.lines[key].external_id if key else None


def _log(log: dict[str, Told]) -> dict[str, dict[str, Any]]:
    return {
        name: {"times": told.times, "versions": sorted(told.versions), "via": sorted(told.via)}
        for name, told in log.items()
    }
