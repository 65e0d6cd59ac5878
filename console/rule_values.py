"""What a rule says, checked by pydantic: each field by itself and against those before it, everything at once.

A refusal names the option that people type and the reason, never in the words of the library.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator, model_validator

from connectors import connectors
from console.aliases import SAYS_NOTHING
from console.refusal import BadInput, CannotDo
from console.rule_known import Known, kinds_of
from console.rule_refused import either, many, only, problems, refuse, unsayable
from console.rule_spans import parsed_hours, parsed_quiet
from models.vocabulary import PLATFORMS, PRIORITIES, RULE_ACTIONS, RULE_ASSIGN, RULE_AUDIENCES, RULE_TRIGGERS
from workers.folding import words_of
from workers.hours import NEGATIVE

PER_DAY = 20
"""Leads in 24 hours that a rule makes unless it says otherwise."""
MOST_PER_DAY, MOST_WORDS, LONGEST = 10_000, 100, 80
MOST_WINDOW, MOST_AGE = 24 * 30, 24 * 3650
MOST_FACTOR, MOST_MINIMUM = 1_000, 1_000_000
SCORED = frozenset(("en", "und"))
"""Languages whose posts have a score; of what is too short to tell its language, `und`, as well."""

_ISO = """
    aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz
    ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik
    io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml
    mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd
    se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi
    vo wa wo xh yi yo za zh zu
"""
CODES = frozenset(_ISO.split())
"""ISO 639-1."""

PRAISE = -NEGATIVE
"""From here on a post says something good: see workers/hours.py."""
_SCOPES = ("rating", "words", "platforms", "sources", "kinds", "campaigns", "accounts", "languages")

_COUNTED = "the hours are counted by platform, language, account and campaign, not by "


class Values(BaseModel):
    """A rule, as it is stored. Fields are checked in this order, each knowing those before it."""

    model_config = ConfigDict(extra="forbid", validate_default=True)

    name: str
    trigger: str = "post"
    action: str
    audience: str
    threshold: float
    rating: int | None = None
    words: tuple[str, ...] = ()
    priority: str = "normal"
    per_day: int | None = None
    platforms: tuple[str, ...] = ()
    sources: tuple[UUID, ...] = ()
    kinds: tuple[str, ...] = ()
    campaigns: tuple[UUID, ...] = ()
    accounts: tuple[UUID, ...] = ()
    languages: tuple[str, ...] = ()
    window_hours: int | None = None
    rearm: float | None = None
    factor: float | None = None
    minimum: int | None = None
    max_age_hours: int | None = None
    owner_id: UUID | None = None
    assignees: tuple[UUID, ...] = ()
    assign: str = "account"
    quiet: tuple[time, time] | None = None
    quiet_zone: str = "UTC"
    enabled: bool = True

    @model_validator(mode="before")
    @classmethod
    def _unsaid(cls, given: Any) -> Any:
        """What need not be said: of whom hours are counted, and the score where none is asked for."""
        said = dict(given)
        many, spike = said.get("trigger") in ("mean", "spike"), said.get("trigger") == "spike"
        if many:
            said.setdefault("audience", "named")
        single = said.get("action") in ("lead", "notify") or said.get("rating") is not None
        if spike or (single and not many):
            said.setdefault("threshold", 1.0)
        return said

    @field_validator("name")
    @classmethod
    def _named(cls, name: str) -> str:
        name = " ".join(name.split())
        if not any(c.isalnum() for c in name) or "\0" in name:
            raise ValueError("a rule needs a name that people can say")
        if len(name) > LONGEST:
            raise ValueError(f"a name of {len(name)} characters is too long; {LONGEST} are the most")
        return name

    @field_validator("trigger", "audience", "action", "priority", "assign", mode="before")
    @classmethod
    def _listed(cls, word: Any, info: ValidationInfo) -> Any:
        known = _LISTS[str(info.field_name)]
        if isinstance(word, str) and word.lower() not in known:
            raise ValueError(f"{word!r} is none of {', '.join(known)}")
        return word.lower() if isinstance(word, str) else word

    @field_validator("action")
    @classmethod
    def _what_follows(cls, action: str, info: ValidationInfo) -> str:
        if action == "lead" and many(info):
            raise ValueError("a lead is made of one author's post; a mean or a spike has no author")
        return action

    @field_validator("audience")
    @classmethod
    def _whose(cls, audience: str, info: ValidationInfo) -> str:
        if many(info) and audience != "named":
            raise ValueError("the hours count every stored post, whoever it is for; leave --audience out")
        if audience == "customer" and info.data.get("action") == "lead":
            raise ValueError("a customer is a Contact already and becomes no lead; take addressed or named")
        return audience

    @field_validator("threshold")
    @classmethod
    def _a_score(cls, threshold: float, info: ValidationInfo) -> float:
        if not -1 <= threshold <= 1:
            raise ValueError(f"{threshold:g} is no score: they go from -1 (worst) to 1 (best)")
        if info.data.get("trigger") == "spike" and threshold not in (1, NEGATIVE):
            raise ValueError(
                f"a spike is one of all posts, or with --threshold {NEGATIVE:g} one of negative posts; the hours count"
                " no other score"
            )
        return threshold

    @field_validator("rating")
    @classmethod
    def _stars(cls, rating: int | None, info: ValidationInfo) -> int | None:
        if rating is not None and not 1 <= rating <= 5:
            raise ValueError(f"{rating} is not between 1 and 5")
        if rating is not None and many(info):
            raise ValueError(f"{_COUNTED}stars")
        return rating

    @field_validator("words")
    @classmethod
    def _phrases(cls, words: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        phrases = list(dict.fromkeys(" ".join(phrase.split()) for phrase in words if phrase.strip()))
        if len(phrases) > MOST_WORDS:
            raise ValueError(f"{len(phrases)} phrases are too many; {MOST_WORDS} are the most")
        wrong = [reason for phrase in phrases if (reason := unsayable(phrase, LONGEST))]
        if phrases and many(info):
            wrong.append(f"{_COUNTED}words")
        if info.data.get("action") == "lead":
            wrong += [
                f"almost every post says {phrase!r}, so everybody would become a lead; take words that tell"
                for phrase in phrases
                if SAYS_NOTHING.issuperset(words_of(phrase))
            ]
            anybody = info.data.get("audience") == "named" and info.data.get("threshold", 0) >= 1
            if anybody and not phrases and info.data.get("rating") is None:
                wrong.append(
                    "whoever says anything about us or an account or campaign of ours would become a lead;"
                    " say which words make one (--words), or from which score on (--threshold)"
                )
        refuse(wrong)
        return tuple(phrases)

    @field_validator("per_day")
    @classmethod
    def _so_many(cls, per_day: int | None, info: ValidationInfo) -> int | None:
        action = info.data.get("action")
        if per_day is None:
            return PER_DAY if action == "lead" else None
        if not 1 <= per_day <= MOST_PER_DAY:
            raise ValueError(
                f"{per_day} is not between 1 and {MOST_PER_DAY:,}; to make none, disable the rule"
            )
        if action == "notify":
            raise ValueError("only a rule that opens something or makes leads has a number per day")
        if many(info):
            raise ValueError("a mean or a spike fires once, and again only when it was over")
        return per_day

    @field_validator("platforms")
    @classmethod
    def _places(cls, platforms: tuple[str, ...]) -> tuple[str, ...]:
        wanted = _words(platforms)
        refuse(f"{word!r} is none of {', '.join(PLATFORMS)}" for word in wanted if word not in PLATFORMS)
        if wanted and set(connectors()) <= set(wanted):
            raise ValueError(f"these are all that Earshot follows; {_SAME}")
        return wanted

    @field_validator("sources", "campaigns", "accounts", "assignees", mode="before")
    @classmethod
    def _rows(cls, named: Any, info: ValidationInfo) -> Any:
        if not isinstance(named, list | tuple):
            return named
        rows: list[Any] = []
        wrong: list[str] = []
        for one in named:
            if isinstance(one, str) and one.strip():
                try:
                    rows.append(_known(info).row(str(info.field_name), one))
                except CannotDo as cannot:
                    wrong.append(str(cannot))
            elif not isinstance(one, str):
                rows.append(one)
        refuse(wrong)
        return list(dict.fromkeys(rows))

    @field_validator("sources")
    @classmethod
    def _whence(cls, sources: tuple[UUID, ...], info: ValidationInfo) -> tuple[UUID, ...]:
        if sources and many(info):
            raise ValueError(f"{_COUNTED}source")
        wanted = info.data.get("platforms")
        if sources and wanted:
            found = set(_known(info).platforms_of(sources).values()) - set(wanted)
            if found:
                raise ValueError(
                    f"what a source of {either(found)} brings is never on {either(wanted)}; take that source or"
                    " that platform away"
                )
        return sources

    @field_validator("kinds")
    @classmethod
    def _found_by(cls, kinds: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        wanted = _words(kinds)
        if wanted and many(info):
            raise ValueError(f"{_COUNTED}kind of source")
        every = frozenset().union(*map(kinds_of, connectors()))
        refuse(f"{word!r} is none of {', '.join(sorted(every))}" for word in wanted if word not in every)
        if wanted and every <= set(wanted):
            raise ValueError(f"these are all kinds that there are; {_SAME}")
        there = info.data.get("platforms") or ()
        if not there and info.data.get("sources"):
            there = tuple(_known(info).platforms_of(info.data["sources"]).values())
        refuse(
            f"nothing of the kind {word} is followed on {either(there)}"
            for word in wanted
            if there and not any(word in kinds_of(place) for place in there)
        )
        return wanted

    @field_validator("accounts")
    @classmethod
    def _about(cls, accounts: tuple[UUID, ...], info: ValidationInfo) -> tuple[UUID, ...]:
        if accounts and info.data.get("campaigns") and many(info):
            raise ValueError("the hours are counted by account or by campaign, not by both; make two rules")
        return accounts

    @field_validator("languages")
    @classmethod
    def _tongues(cls, languages: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        wanted = tuple(dict.fromkeys(word.replace("_", "-").partition("-")[0] for word in _words(languages)))
        refuse(f"{word!r} is no code of a language, like en or de" for word in wanted if not is_code(word))
        if set(wanted) >= CODES:
            raise ValueError(f"these are all languages that there are; {_SAME}")
        scored = info.data.get("rating") is not None or info.data.get("threshold", 1) >= 1
        if wanted and SCORED.isdisjoint(wanted) and not scored:
            raise ValueError(
                f"only English is scored, so nothing in {either(wanted)} falls to a threshold; take --threshold 1 and"
                " say which words (--words)"
            )
        return wanted

    @field_validator("window_hours", "max_age_hours", mode="before")
    @classmethod
    def _span(cls, span: Any) -> Any:
        return parsed_hours(span) if isinstance(span, str) else span

    @field_validator("window_hours")
    @classmethod
    def _window(cls, hours: int | None, info: ValidationInfo) -> int | None:
        example = {"mean": "--over 24h", "spike": "--over 3h"}.get(info.data.get("trigger", ""))
        only(("mean", "spike"), hours, info, "looks at a window")
        if hours is None and example:
            raise ValueError(f"over how long? Say it like {example}")
        if hours is not None and not 1 <= hours <= MOST_WINDOW:
            reason = "has no post in it" if hours < 1 else f"is too long; {MOST_WINDOW} are the most"
            raise ValueError(f"a window of {hours} hours {reason}")
        return hours

    @field_validator("rearm")
    @classmethod
    def _back(cls, rearm: float | None, info: ValidationInfo) -> float | None:
        only(("mean",), rearm, info, "is rearmed")
        threshold = info.data.get("threshold", -1.0)
        if rearm is None and info.data.get("trigger") == "mean":
            raise ValueError("to what must the mean rise before the rule fires again? Say it with --rearm")
        if rearm is not None and not -1 <= rearm <= 1:
            raise ValueError(f"{rearm:g} is no score: they go from -1 (worst) to 1 (best)")
        if rearm is not None and rearm <= threshold:
            raise ValueError(f"{rearm:g} is not above the threshold of {threshold:g}")
        return rearm

    @field_validator("factor")
    @classmethod
    def _times(cls, factor: float | None, info: ValidationInfo) -> float | None:
        only(("spike",), factor, info, "has a factor")
        if factor is None and info.data.get("trigger") == "spike":
            raise ValueError("how many times as much as before is a spike? Say it like --factor 3")
        if factor is not None and not 1 < factor <= MOST_FACTOR:
            raise ValueError(
                f"{factor:g} times as much is no spike; it is above 1, and {MOST_FACTOR:,} at most"
            )
        return factor

    @field_validator("minimum")
    @classmethod
    def _enough(cls, minimum: int | None, info: ValidationInfo) -> int | None:
        only(("mean", "spike"), minimum, info, "asks for a number of posts")
        if minimum is None and many(info):
            raise ValueError("how many posts must there be at least? Say it like --minimum 30")
        if minimum is not None and not 1 <= minimum <= MOST_MINIMUM:
            raise ValueError(f"{minimum} is not between 1 and {MOST_MINIMUM:,}")
        return minimum

    @field_validator("max_age_hours")
    @classmethod
    def _age(cls, hours: int | None, info: ValidationInfo) -> int | None:
        only(("post",), hours, info, "asks how old one is")
        if hours is not None and not 1 <= hours <= MOST_AGE:
            raise ValueError(f"{hours} hours are not between one hour and ten years")
        return hours

    @field_validator("owner_id", mode="before")
    @classmethod
    def _owned(cls, named: Any, info: ValidationInfo) -> Any:
        if not isinstance(named, str):
            return named
        try:
            return _known(info).row("owner_id", named) if named.strip() else None
        except CannotDo as cannot:
            raise ValueError(str(cannot)) from None

    @field_validator("assign")
    @classmethod
    def _in_turn(cls, assign: str, info: ValidationInfo) -> str:
        if assign == "rotation" and info.data.get("assignees") == ():
            raise ValueError("among whom? Name users: --assign ann@acme.example,bob@acme.example")
        if assign == "rotation" and info.data.get("action") in ("lead", "notify"):
            raise ValueError("a rule that opens no ticket and no activity has nothing to give to anybody")
        return assign

    @field_validator("quiet", mode="before")
    @classmethod
    def _hours(cls, quiet: Any, info: ValidationInfo) -> Any:
        if isinstance(quiet, str):
            quiet = parsed_quiet(quiet)
        if quiet and info.data.get("action") == "lead":
            raise ValueError("a rule that makes leads tells nobody, at any hour")
        return quiet

    @field_validator("quiet_zone")
    @classmethod
    def _where(cls, zone: str, info: ValidationInfo) -> str:
        zone = zone.strip() or "UTC"
        if zone == "UTC":
            return zone
        known = info.context
        if zone not in available_timezones() or (isinstance(known, Known) and not known.has_zone(zone)):
            raise ValueError(f"{zone!r} is no time zone; say UTC, or one like Europe/Berlin")
        if "quiet" in info.data and info.data["quiet"] is None:
            raise ValueError("a time zone is for quiet hours; say them with --quiet 22:00-07:00")
        return zone

    def columns(self) -> dict[str, Any]:
        """The rule as a row: lists for arrays, and the quiet hours in two."""
        row = self.model_dump(exclude={"quiet"})
        begins, ends = self.quiet or (None, None)
        lists = {name: list(value) for name, value in row.items() if isinstance(value, tuple)}
        return row | lists | {"quiet_from": begins, "quiet_to": ends}


def is_code(word: str) -> bool:
    """Is it a code of a language: two letters of ISO 639-1, or three?"""
    return word in CODES or (len(word) == 3 and word.isascii() and word.isalpha())


def _words(given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip().lower() for word in given if word.strip()))


def _known(info: ValidationInfo) -> Known:
    assert isinstance(info.context, Known), "who is named can be asked of a database only"
    return info.context


def takes_everything(rule: Mapping[str, Any]) -> bool:
    """Does a rule open something, or tell, for praise as well, of nothing in particular?"""
    opens = rule["trigger"] == "post" and rule["action"] in ("ticket", "activity", "notify")
    return opens and rule["threshold"] >= PRAISE and not any(rule[scope] for scope in _SCOPES)


_SAME = "without it a rule takes every one, those that come later as well"
_LISTS = {
    "trigger": RULE_TRIGGERS,
    "audience": RULE_AUDIENCES,
    "action": RULE_ACTIONS,
    "priority": PRIORITIES,
    "assign": RULE_ASSIGN,
}


def checked(values: Mapping[str, Any], known: Known | None = None) -> Values:
    """The rule that these values make; `known` is asked for what they name. Raises BadInput with all that is wrong."""
    try:
        return Values.model_validate(dict(values), context=known)
    except ValidationError as wrong:
        raise BadInput(" ".join(problems(wrong))) from None


def held(row: Mapping[str, Any]) -> dict[str, Any]:
    """A stored rule as values, to be changed and checked again."""
    quiet = f"{row['quiet_from']}-{row['quiet_to']}" if row["quiet_from"] else None
    return {name: row[name] for name in Values.model_fields if name != "quiet"} | {"quiet": quiet}
