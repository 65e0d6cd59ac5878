"""Rules: when to open what. Read, added, changed and taken away with care; a change is heard within 30 s.

A rule that goes leaves what it opened: cases, posts and leads stay and name it no more. The last rule stays, since
an organisation without any is given the shipped ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator
from sqlalchemy import text
from sqlalchemy.orm import Session

from console.aliases import SAYS_NOTHING
from console.people import folded_name
from console.refusal import BadInput, CannotDo
from models.vocabulary import PRIORITIES, RULE_ACTIONS, RULE_AUDIENCES
from workers.folding import words_of

PER_DAY = 20
"""Leads in 24 hours that a rule makes unless it says otherwise."""
MOST_PER_DAY, MOST_WORDS, LONGEST = 10_000, 100, 80

_LIST = text("""
    SELECT id, name, audience, threshold, rating, action, priority, words, per_day, enabled, created_at
    FROM rules WHERE org_id = :org
    ORDER BY array_position(ARRAY['ticket', 'activity', 'lead'], action), threshold, name
""")
_COUNTS = text("""
    SELECT (SELECT count(*) FROM cases WHERE rule_id = :id) AS cases,
           (SELECT count(*) FROM cases WHERE rule_id = :id AND closed_at IS NULL) AS open,
           (SELECT count(*) FROM leads WHERE rule_id = :id) AS leads,
           (SELECT count(*) FROM leads
            WHERE rule_id = :id AND created_at > now() - interval '24 hours') AS leads_today
""")
_ADD = text("""
    INSERT INTO rules (org_id, name, audience, threshold, rating, action, priority, words, per_day, enabled)
    VALUES (:org, :name, :audience, :threshold, :rating, :action, :priority, :words, :per_day, :enabled)
""")
_SET = text("""
    UPDATE rules SET name = :name, audience = :audience, threshold = :threshold, rating = :rating, action = :action,
        priority = :priority, words = :words, per_day = :per_day, enabled = :enabled
    WHERE org_id = :org AND id = :id
""")
_REMOVE = text("DELETE FROM rules WHERE org_id = :org AND id = :id")
_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('earshot.rules.' || :org, 0))")


class Values(BaseModel):
    """What a rule says, checked: each on its own, then all together."""

    model_config = ConfigDict(extra="forbid")

    name: str
    audience: str
    threshold: float
    rating: int | None = None
    action: str
    priority: str = "normal"
    words: tuple[str, ...] = ()
    per_day: int | None = None
    enabled: bool = True

    @field_validator("name")
    @classmethod
    def _named(cls, name: str) -> str:
        name = " ".join(name.split())
        if not any(c.isalnum() for c in name) or "\0" in name:
            raise ValueError("a rule needs a name that people can say")
        if len(name) > LONGEST:
            raise ValueError(f"a name of {len(name)} characters is too long; {LONGEST} are the most")
        return name

    @field_validator("audience", "action", "priority")
    @classmethod
    def _listed(cls, word: str, info: Any) -> str:
        known = {"audience": RULE_AUDIENCES, "action": RULE_ACTIONS, "priority": PRIORITIES}[info.field_name]
        if word.lower() not in known:
            raise ValueError(f"{word!r} is none of {', '.join(known)}")
        return word.lower()

    @field_validator("threshold")
    @classmethod
    def _a_score(cls, threshold: float) -> float:
        if not -1 <= threshold <= 1:
            raise ValueError(f"{threshold:g} is no score: they go from -1 (worst) to 1 (best)")
        return threshold

    @field_validator("rating")
    @classmethod
    def _stars(cls, rating: int | None) -> int | None:
        if rating is not None and not 1 <= rating <= 5:
            raise ValueError(f"{rating} is not between 1 and 5")
        return rating

    @field_validator("words")
    @classmethod
    def _phrases(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        phrases = list(dict.fromkeys(" ".join(phrase.split()) for phrase in words if phrase.strip()))
        if len(phrases) > MOST_WORDS:
            raise ValueError(f"{len(phrases)} phrases are too many; {MOST_WORDS} are the most")
        for phrase in phrases:
            if not any(c.isalnum() for c in phrase) or "\0" in phrase:
                raise ValueError(f"{phrase!r} has no letter to look for")
            if len(phrase) > LONGEST:
                raise ValueError(
                    f"a phrase of {len(phrase)} characters is never said; {LONGEST} are the most"
                )
        return tuple(phrases)

    @field_validator("per_day")
    @classmethod
    def _so_many(cls, per_day: int | None) -> int | None:
        if per_day is not None and not 1 <= per_day <= MOST_PER_DAY:
            raise ValueError(
                f"{per_day} is not between 1 and {MOST_PER_DAY:,}; to make none, disable the rule"
            )
        return per_day

    @model_validator(mode="after")
    def _together(self) -> Values:
        wrong: list[str] = []
        if self.action == "lead":
            if self.audience == "customer":
                wrong.append("a customer is a Contact already and becomes no lead; take addressed or named")
            wrong += [
                f"almost every post says {phrase!r}, so everybody would become a lead; take words that tell"
                for phrase in self.words
                if SAYS_NOTHING.issuperset(words_of(phrase))
            ]
            if self.audience == "named" and self.threshold >= 1 and not self.words and self.rating is None:
                wrong.append(
                    "whoever says anything about us or an account or campaign of ours would become a lead;"
                    " say which words make one (--words), or from which score on (--threshold)"
                )
            if self.per_day is None:
                self.per_day = PER_DAY
        elif self.per_day is not None:
            wrong.append("only a rule that makes leads has a number per day")
        if wrong:
            raise ValueError(". ".join(one[0].upper() + one[1:] for one in wrong))
        return self


def checked(values: Mapping[str, Any]) -> Values:
    """The rule that these values make. Raises BadInput with all that is wrong."""
    try:
        return Values(**values)
    except ValidationError as wrong:
        raise BadInput(" ".join(_problems(wrong))) from None


def _problems(wrong: ValidationError) -> list[str]:
    """Everything that is wrong, a sentence each, with its field; never in the words of the library."""
    told = []
    for one in wrong.errors(include_url=False, include_input=False, include_context=False):
        field = str(one["loc"][0]) if one["loc"] else ""
        reason = one["msg"].removeprefix("Value error, ")
        if one["type"] != "value_error":
            reason = _LACKS.get(field, "must be said") if one["type"] == "missing" else _KINDS[field]
        named = f"{_CALLED.get(field, field.replace('_', ' '))}: " if field else ""
        said = f"{named}{reason[:1].lower() if named else reason[:1].upper()}{reason[1:]}"
        told.append(f"{said[:1].upper()}{said[1:].rstrip('.')}.")
    return list(dict.fromkeys(told))


_LACKS = {"threshold": "from which score on? Say it with --threshold, like --threshold -0.4"}
_CALLED = {"rating": "stars"}
"""Where people say a field by another name than its column's."""
_TEXT = "must be a text that can be stored"
_KINDS = defaultdict(
    lambda: "no rule has that",
    name=_TEXT,
    audience=_TEXT,
    action=_TEXT,
    priority=_TEXT,
    words="no phrase is named",
    threshold="must be a number between -1 and 1",
    per_day="must be a whole number",
    rating="must be a whole number between 1 and 5",
    enabled="must be yes or no",
)
"""What a field must be, for a value of another type."""


def rules(session: Session, org: str) -> list[dict[str, Any]]:
    """Every rule: {id, name, audience, threshold, rating, action, priority, words, per_day, enabled, created_at}."""
    return [dict(row) for row in session.execute(_LIST, {"org": org}).mappings()]


def the_rule(session: Session, org: str, named: str) -> dict[str, Any]:
    """The rule of this name, or whose id begins or ends so, or the only one whose name begins so. Raises CannotDo."""
    held, wanted = rules(session, org), folded_name(named)
    fits = [rule for rule in held if folded_name(rule["name"]) == wanted]
    if not fits and len(wanted) >= 4:
        fits = [
            rule for rule in held if str(rule["id"]).startswith(wanted) or str(rule["id"]).endswith(wanted)
        ]
    if not fits and wanted:
        fits = [rule for rule in held if folded_name(rule["name"]).startswith(wanted)]
    if not fits:
        raise CannotDo(f"No rule of {org} is called {named!r}; see `earshot rules list`.")
    if len(fits) > 1:
        names = ", ".join(repr(rule["name"]) for rule in fits)
        raise CannotDo(f"{named!r} fits {len(fits)} rules ({names}); write more of the name.")
    return fits[0]


def counted(session: Session, rule: Mapping[str, Any]) -> dict[str, int]:
    """What a rule has done: {cases, open, leads, leads_today}; today is the last 24 hours."""
    return dict(session.execute(_COUNTS, {"id": rule["id"]}).mappings().one())


def add_rule(session: Session, org: str, values: Mapping[str, Any]) -> Values:
    """Add a rule. Raises CannotDo with all that is wrong with it."""
    made = _made(session, org, values, None)
    session.execute(_ADD, {"org": org, **made.model_dump(), "words": list(made.words)})
    return made


def set_rule(
    session: Session, org: str, named: str, values: Mapping[str, Any]
) -> tuple[dict[str, Any], Values]:
    """Change what `values` has; the rule as it was and as it is. Raises CannotDo."""
    session.execute(_ALONE, {"org": org})
    before = the_rule(session, org, named)
    held = {name: before[name] for name in Values.model_fields} | dict(values)
    if held["action"] != "lead" and "per_day" not in values:
        held["per_day"] = None
    made = _made(session, org, held, before["id"])
    session.execute(_SET, {"org": org, "id": before["id"], **made.model_dump(), "words": list(made.words)})
    return before, made


def remove_rule(session: Session, org: str, named: str) -> dict[str, Any]:
    """Take a rule away; what it opened stays. The rule as it was. Raises CannotDo, also for the last one."""
    session.execute(_ALONE, {"org": org})
    before = the_rule(session, org, named)
    if len(rules(session, org)) == 1:
        raise CannotDo(
            f"{before['name']!r} is the last rule, and an organisation without any is given the shipped ones again;"
            " disable it instead."
        )
    session.execute(_REMOVE, {"org": org, "id": before["id"]})
    return before


def _made(session: Session, org: str, values: Mapping[str, Any], but: object) -> Values:
    """The rule, if nothing is wrong with its values and no other one (`but` itself) has its name."""
    session.execute(_ALONE, {"org": org})
    wanted = folded_name(str(values.get("name", "")))
    taken = [
        f"There is a rule called {rule['name']!r} already; `earshot rules set` changes it."
        for rule in rules(session, org)
        if folded_name(rule["name"]) == wanted and rule["id"] != but
    ]
    try:
        made = checked(values)
    except BadInput as wrong:
        raise BadInput(" ".join([*taken, str(wrong)])) from None
    if taken:
        raise CannotDo(taken[0])
    return made


_WHO = {
    "addressed": "a post addressed to us",
    "customer": "a customer's post to us or about us",
    "named": "a post about us, or one of our accounts or campaigns,",
}
_REVIEWED = {
    "addressed": "a review of us",
    "customer": "a customer's review of us",
    "named": "a review that is about us, or one of our accounts or campaigns,",
}
_DOES = {
    "ticket": "opens a ticket of {priority} priority",
    "activity": "opens an activity",
    "lead": "makes its author a lead, {per_day}",
}


def at_most(stars: int) -> str:
    """So many stars or fewer, in words."""
    return "1 star" if stars == 1 else f"at most {stars} stars"


def told(rule: Mapping[str, Any]) -> str:
    """A rule as a sentence."""
    most = rule["per_day"]
    cap = f"at most {most:,} in 24 hours" if most else "without a limit"
    does = _DOES[rule["action"]].format(priority=rule["priority"], per_day=cap)
    any_score = rule["threshold"] >= 1
    phrases = " or ".join(f'"{phrase}"' for phrase in rule["words"])
    if rule["rating"] is not None:
        asks = [] if any_score else [f"scores {rule['threshold']:+.2f} or less"]
        asks += [f"says {phrases}"] if phrases else []
        more = f" that {' and '.join(asks)}" if asks else ""
        return f"{_REVIEWED[rule['audience']]} with {at_most(rule['rating'])}{more} {does}"
    score = "has any score, or none" if any_score and rule["action"] == "lead" else "has any score"
    score = score if any_score else f"scores {rule['threshold']:+.2f} or less"
    return f"{_WHO[rule['audience']]} that {score}{f' and says {phrases}' if phrases else ''} {does}"
