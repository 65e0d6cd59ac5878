"""The other side of the curtain: `/_control/...`, for the demo, the tests and the bench.

GET  status                       act, acts, groups, requests, answers on their way, whether all is quiet
GET  crm, crm/{table}.csv         what the CRM should contain before the run, and what to follow
GET  truth                        what was returned, and what should have come of it
GET  texts                        every post of the script, one JSON object a line
POST act      {"n": 2}            play the acts up to and including 2
POST release  {"group": "storm"}  bring in a group: storm, poison
GET  told                         ids told by platform, those that are there, limits that were overstepped, what X billed
POST say      {"lines": [...]}    bring in posts that are no part of the story: key, platform, feed, text, reply_to
POST expire                       end every access token there is
GET  faults
POST faults   {"add": [...], "clear": true}
POST limits   {"platform": "mastodon", "limit": 5, "seconds": 10}
POST tokens   {"do": "expire" | "revoke"}   {"seconds": 5}
POST delete   {"key": "..."}      take a post away
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from starlette.requests import Request

from simulator import crm
from simulator.answers import Answer, told
from simulator.limits import Window
from simulator.lines import PLATFORMS, Line, external_id
from simulator.people import passer_by
from simulator.x import X

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.faults import Faults
    from simulator.playing import Counters, Plays
    from simulator.sessions import Sessions
    from simulator.stage import Stage
    from simulator.truth import Truth


class Played(Protocol):
    """What is controlled: `simulator.app.Simulator`. `requests` and `sending` count those that came and those under way."""

    stage: Stage
    faults: Faults
    truth: Truth
    sessions: Sessions
    windows: dict[str, Window]
    counters: Counters
    requests: int
    sending: int

    @property
    def played(self) -> Mapping[str, Plays]:
        """By the platform's name."""

    def expire(self, platform: str) -> None:
        """End every access token of the platform."""


class Control:
    """Answers the control requests of one simulator."""

    def __init__(self, simulator: Played) -> None:
        self.simulator = simulator
        self.quiet = False

    async def answer(self, request: Request, path: str) -> Answer:
        """The answer to a control request; 400 with a sentence when it makes no sense."""
        if request.method == "GET":
            base = f"{request.url.scheme}://{request.url.netloc}"
            return self._shown(path, base)
        try:
            body = json.loads(await request.body() or b"{}")
            if not isinstance(body, dict):
                raise TypeError("an object is wanted")
            return told(self._done(path, body))
        except (KeyError, TypeError, ValueError) as error:
            return told({"error": f"{type(error).__name__}: {error}"}, status=400)

    def _shown(self, path: str, base: str) -> Answer:
        sim = self.simulator
        stage = sim.stage
        table = path.removeprefix("crm/").removesuffix(".csv")
        if path == "status":
            return told(self._status())
        if path == "crm":
            return told(crm.setup(stage, base))
        if path.startswith("crm/") and table in crm.COLUMNS:
            text = crm.as_csv(table, crm.tables(stage)[table])
            return Answer(body=text.encode(), media_type="text/csv; charset=utf-8")
        if path == "truth":
            return told(sim.truth.report())
        if path == "told":
            return told(self._told())
        if path == "faults":
            return told(sim.faults.listed())
        if path == "texts":
            rows = (
                json.dumps({"key": line.key, "platform": line.platform, "text": line.text})
                for line in stage.script.lines.values()
                if line.repost_of is None
            )
            return Answer(body="\n".join(rows).encode() + b"\n", media_type="application/x-ndjson")
        return told({"error": "Not Found"}, status=404)

    def _line(self, row: dict[str, Any]) -> Line:
        """A line as it is brought in: somebody whom we do not know says it."""
        seed = self.simulator.stage.script.seed
        by = passer_by(seed, str(row.get("by", row["key"])))
        platform, feed, answers = row["platform"], str(row.get("feed", "")), row.get("reply_to")
        return Line(
            key=str(row["key"]),
            platform=platform,
            feed=feed,
            by=by,
            text=str(row["text"]),
            title=str(row.get("title", "")),
            rating=row.get("rating"),
            label="chatter",
            compound=None,
            reply_to=answers,
            external_id=external_id(seed, platform, feed, str(row["key"]), by, answers),
        )

    def _status(self) -> dict[str, Any]:
        sim = self.simulator
        return {
            "act": sim.stage.act,
            "acts": sim.stage.script.acts,
            "groups": sim.stage.groups,
            "posts": len(sim.stage.said),
            "requests": sim.requests,
            "sending": sim.sending,
            "refreshes": sim.sessions.refreshes,
            "quiet": self.quiet,
        }

    def _told(self) -> dict[str, Any]:
        sim = self.simulator
        x = sim.played.get("x")
        return {
            "returned": {
                name: {one: log.times for one, log in logs.items()} for name, logs in sim.truth.posts.items()
            },
            "there": {
                name: sorted(said.line.key for said in sim.stage.on(name) if said.line.repost_of is None)
                for name in PLATFORMS
            },
            "exceeded": sim.counters.exceeded,
            "late": sim.counters.late,
            "billed": sum(x.bill.charged.values()) if isinstance(x, X) else 0,
        }

    def _done(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        sim = self.simulator
        if path == "act":
            return {"new": sim.stage.release(int(body["n"])), "act": sim.stage.act}
        if path == "say":
            lines = [self._line(row) for row in body["lines"]]
            sim.stage.add(*lines)
            return {"new": len(lines)}
        if path == "expire":
            for platform in body.get("platforms") or PLATFORMS:
                sim.expire(platform)
            return {"ok": True}
        if path == "release":
            return {"new": sim.stage.release_group(str(body["group"]))}
        if path == "faults":
            if body.get("clear"):
                sim.faults.waiting.clear()
            for row in body.get("add", []):
                sim.faults.add(row)
            return sim.faults.listed()
        if path == "limits":
            limit, seconds = int(body["limit"]), int(body["seconds"])
            if body["platform"] in sim.played:
                sim.counters.set(body["platform"], limit, seconds)
            else:
                sim.windows[body["platform"]] = Window(limit, seconds)
            return {"ok": True}
        if path == "tokens":
            if body.get("do") == "revoke":
                sim.sessions.revoke()
            elif body.get("do") == "expire":
                sim.sessions.expire()
            sim.sessions.seconds = float(body.get("seconds", sim.sessions.seconds))
            return {"ok": True}
        if path == "delete":
            said = sim.stage.said[str(body["key"])]
            said.deleted = True
            sim.stage.changed += 1
            return {"ok": True}
        raise KeyError(f"no control is called {path!r}")
