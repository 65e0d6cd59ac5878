"""Rules: when to open what. Read, added, changed and taken away with care; a change is heard within 30 s.

A rule that goes leaves what it opened: cases, posts and leads stay and name it no more. The last rule stays, since
an organisation without any is given the shipped ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.people import folded_name
from console.refusal import BadInput, CannotDo
from console.rule_known import Known, called
from console.rule_values import Values, checked, held, takes_everything
from workers.decide import SPENT, SUGGESTED
from workers.verdict import Precision, precisions

_NAMED = ("sources", "campaigns", "accounts", "assignees")
_OF_TRIGGERS = ("window_hours", "rearm", "factor", "minimum", "max_age_hours", "threshold")
_LIST = text("""
    SELECT id, name, audience, threshold, rating, action, priority, words, per_day, platforms, kinds, sources, campaigns,
           accounts, languages, trigger, window_hours, rearm, factor, minimum, max_age_hours, owner_id, assign, assignees,
           to_char(quiet_from, 'HH24:MI') AS quiet_from, to_char(quiet_to, 'HH24:MI') AS quiet_to, quiet_zone,
           suggests, suggests_since, enabled, created_at
    FROM rules WHERE org_id = :org
    ORDER BY array_position(ARRAY['ticket', 'activity', 'lead', 'notify'], action), threshold, name
""")
_COUNTS = text("""
    SELECT (SELECT count(*) FROM cases WHERE rule_id = :id) AS cases,
           (SELECT count(*) FROM cases WHERE rule_id = :id AND closed_at IS NULL) AS open,
           (SELECT count(*) FROM cases WHERE opened_by = :id AND opened_at > now() - interval '24 hours')
           + (SELECT count(*) FROM cases WHERE rule_id = :id AND risen_at > now() - interval '24 hours'
                                           AND rule_id IS DISTINCT FROM opened_by)
           + (SELECT count(*) FROM case_notes WHERE rule_id = :id AND what = 'reopened'
                                                AND at > now() - interval '24 hours') AS cases_today,
           (SELECT count(*) FROM leads WHERE rule_id = :id) AS leads,
           (SELECT count(*) FROM leads
            WHERE rule_id = :id AND created_at > now() - interval '24 hours') AS leads_today,
           (SELECT count(*) FROM social_events WHERE rule_id = :id AND held_back = :suggested) AS suggested,
           (SELECT count(*) FROM social_events WHERE rule_id = :id AND held_back = :spent) AS over,
           (SELECT count(*) FROM social_events
            WHERE rule_id = :id AND held_back NOT IN (:suggested, :spent)) AS held_back,
           (SELECT count(*) FROM social_events
            WHERE rule_id = :id AND held_back IS NULL AND case_id IS NULL) AS told
""")
_ALARMS = text("""
    SELECT a.scope, a.fired_at, a.looked_at, a.n, a.value, a.baseline, a.case_id AS case,
           coalesce(c.name, k.name, 'all') AS name
    FROM alarms a LEFT JOIN campaigns c ON 'campaign:' || c.id = a.scope
                  LEFT JOIN accounts k ON 'account:' || k.id = a.scope
    WHERE a.rule_id = :id ORDER BY a.fired_at DESC NULLS LAST, name LIMIT 20
""")
_SAID = [name for name in Values.model_fields if name != "quiet"] + ["quiet_from", "quiet_to"]
_ADD = text(f"""
    INSERT INTO rules (org_id, {", ".join(_SAID)}) VALUES (:org, {", ".join(f":{name}" for name in _SAID)})
""")
_SET = text(f"""
    UPDATE rules SET {", ".join(f"{name} = :{name}" for name in _SAID)} WHERE org_id = :org AND id = :id
""")
_SWITCH = text("""
    UPDATE rules SET enabled = :enabled, suggests = suggests AND NOT :enabled,
           suggests_since = CASE WHEN suggests AND :enabled THEN now() ELSE suggests_since END
    WHERE org_id = :org AND id = :id
""")
_WAIT = text("""
    SELECT count(*) FROM social_events e JOIN holds h ON h.id = e.hold_id
    WHERE e.org_id = :org AND :id IN (e.rule_id, h.rule_id)
""")
_REMOVE = text("DELETE FROM rules WHERE org_id = :org AND id = :id")
_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('earshot.rules.' || :org, 0))")
# a verdict and what it does to the rule are one transaction, whose moment both have
_LAST_WORD = text("SELECT verdict_by FROM cases WHERE rule_id = :id AND verdict_at = :at LIMIT 1")
_HEARS = text("""
    SELECT EXISTS (SELECT FROM receivers WHERE org_id = :org AND state <> 'paused'
                                           AND (tells = '{}' OR 'post.noticed' = ANY (tells)))
""")


def rules(session: Session, org: str) -> list[dict[str, Any]]:
    """Every rule: its columns, and `names` of the sources, records and people that it names, by their ids."""
    found = [dict(row) for row in session.execute(_LIST, {"org": org}).mappings()]
    named = {row for rule in found for field in _NAMED for row in rule[field]}
    names = called(session, org, [*named, *(rule["owner_id"] for rule in found if rule["owner_id"])])
    for rule in found:
        meant = [row for field in _NAMED for row in rule[field]] + [rule["owner_id"]]
        rule["names"] = {str(row): names[row] for row in meant if row in names}
    return found


def the_rule(session: Session, org: str, named: str) -> dict[str, Any]:
    """The rule of this name, or whose id begins or ends so, or the only one whose name begins so. Raises CannotDo."""
    found, wanted = rules(session, org), folded_name(named)
    fits = [rule for rule in found if folded_name(rule["name"]) == wanted]
    if not fits and len(wanted) >= 4:
        fits = [
            rule for rule in found if str(rule["id"]).startswith(wanted) or str(rule["id"]).endswith(wanted)
        ]
    if not fits and wanted:
        fits = [rule for rule in found if folded_name(rule["name"]).startswith(wanted)]
    if not fits:
        raise CannotDo(f"No rule of {org} is called {named!r}; see `earshot rules list`.")
    if len(fits) > 1:
        names = ", ".join(repr(rule["name"]) for rule in fits)
        raise CannotDo(f"{named!r} fits {len(fits)} rules ({names}); write more of the name.")
    return fits[0]


def judged(
    session: Session, org: str, found: Sequence[dict[str, Any]], counted: Sequence[Precision] | None = None
) -> None:
    """Add to each rule its `precision`, {cases, judged, wrong, share}; None for one that opens nothing. `counted` are all of them,
    if somebody has counted them already."""
    if counted is None:
        counted = precisions(session, org, [rule["id"] for rule in found])
    known = {one.rule: one for one in counted}
    for rule in found:
        one = known.get(rule["id"])
        rule["precision"] = one and {
            "cases": one.cases,
            "judged": one.judged,
            "wrong": one.wrong,
            "share": one.share,
        }


def counted(session: Session, rule: Mapping[str, Any]) -> dict[str, Any]:
    """What a rule has done: {cases, open, cases_today, leads, leads_today, told, over, held_back, suggested, alarms}.

    today is the last 24 hours; over are posts that came after its number in them, for which it did nothing; told are posts of which receivers were told and that opened nothing; alarms is where a
    rule over many posts stands, by what it looks at.
    """
    done = dict(
        session.execute(_COUNTS, {"id": rule["id"], "suggested": SUGGESTED, "spent": SPENT}).mappings().one()
    )
    alarms = [dict(row) for row in session.execute(_ALARMS, {"id": rule["id"]}).mappings()]
    return done | {"alarms": alarms}


def demoted_by(session: Session, rule: Mapping[str, Any]) -> str | None:
    """Who said the word after which a rule only suggests; None where it does not, or that is not known."""
    if not rule["suggests"]:
        return None
    by: str | None = session.scalar(_LAST_WORD, {"id": rule["id"], "at": rule["suggests_since"]})
    return by


def anybody_hears(session: Session, org: str) -> bool:
    """Is there a receiver of what a rule that only tells has to tell?"""
    return bool(session.scalar(_HEARS, {"org": org}))


def add_rule(session: Session, org: str, values: Mapping[str, Any], *, broad: bool = False) -> dict[str, Any]:
    """Add a rule; it as it is stored. Raises CannotDo with all that is wrong with it, `broad` allows it to match
    everything."""
    made = _made(session, org, values, None)
    _demand_scope(made, broad)
    session.execute(_ADD, {"org": org, **made.columns()})
    return the_rule(session, org, made.name)


def set_rule(
    session: Session, org: str, named: str, values: Mapping[str, Any], *, broad: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Change what `values` has; the rule as it was and as it is. Raises CannotDo. One that matched everything may go on
    so, another only with `broad`."""
    session.execute(_ALONE, {"org": org})
    before = the_rule(session, org, named)
    made = _made(session, org, _changed(held(before), values), before["id"])
    _demand_scope(made, broad or takes_everything(before))
    session.execute(_SET, {"org": org, "id": before["id"], **made.columns()})
    return before, the_rule(session, org, str(before["id"]))


def _changed(before: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A rule with other values, and without what says nothing beside them."""
    after = before | dict(values)
    gone: set[str] = set()
    if after["trigger"] != before["trigger"]:
        gone.update(_OF_TRIGGERS, ("audience",) if after["trigger"] != "post" else ())
    if after["action"] != before["action"]:
        gone.update(["per_day"] if "lead" in (before["action"], after["action"]) else [])
        gone.update({"lead": ("assign", "assignees", "quiet", "quiet_zone"), "notify": ("assign", "assignees", "per_day")}.get(
            after["action"], ()
        ))  # fmt: skip
    if values.get("quiet") == "":
        gone.add("quiet_zone")
    if values.get("per_day") == 0 and after["action"] in ("ticket", "activity"):
        after["per_day"] = None
    return {name: value for name, value in after.items() if name in values or name not in gone}


def switch_rule(
    session: Session, org: str, named: str, enabled: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let a rule count or not, whatever it says; one that only suggests opens again. The rule as it was and as it is."""
    session.execute(_ALONE, {"org": org})
    before = the_rule(session, org, named)
    session.execute(_SWITCH, {"org": org, "id": before["id"], "enabled": enabled})
    return before, the_rule(session, org, str(before["id"]))


def remove_rule(session: Session, org: str, named: str) -> tuple[dict[str, Any], int]:
    """Take a rule away; what it opened stays. The rule as it was, and how many posts of it wait for a crisis switch:
    by the rules that are left they may open nothing. Raises CannotDo, also for the last one."""
    session.execute(_ALONE, {"org": org})
    before = the_rule(session, org, named)
    if len(rules(session, org)) == 1:
        raise CannotDo(
            f"{before['name']!r} is the last rule, and an organisation without any is given the shipped ones again;"
            " disable it instead."
        )
    held = waiting(session, org, before)
    session.execute(_REMOVE, {"org": org, "id": before["id"]})
    return before, held


def waiting(session: Session, org: str, rule: Mapping[str, Any]) -> int:
    """How many posts that crossed it, or that its own switch holds, wait for a crisis switch."""
    held: int = session.execute(_WAIT, {"org": org, "id": rule["id"]}).scalar_one()
    return held


def _demand_scope(made: Values, broad: bool) -> None:
    if takes_everything(made.model_dump()) and not broad:
        raise BadInput(
            f"Threshold: at {made.threshold:+.2f} this matches everything, praise as well; take a lower one, name what it"
            " is about (--words, --campaign, --platform, ...), or say --broad if every post shall open something."
        )


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
        made = checked(values, Known(session, org))
    except BadInput as wrong:
        raise BadInput(" ".join([*taken, str(wrong)])) from None
    if taken:
        raise CannotDo(taken[0])
    return made
