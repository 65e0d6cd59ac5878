"""The words that columns may hold, each list once. The database checks them (`ck_<table>_<column>`)."""

from __future__ import annotations

from sqlalchemy import CheckConstraint

PLATFORMS = (
    "appstore",
    "bluesky",
    "discourse",
    "facebook",
    "feeds",
    "file",
    "googleplay",
    "hackernews",
    "instagram",
    "lemmy",
    "mastodon",
    "other",
    "reddit",
    "stackexchange",
    "telegram",
    "threads",
    "webhook",
    "x",
    "youtube",
)
EVENT_CHANNELS = ("social", "forum", "news", "review", "message", "other")
VERBS = ("post", "comment", "repost", "quote", "like", "review", "message", "other")
DIRECTIONS = ("inbound", "outbound")
VOICES = ("own", "earned", "competitor")

TICKET_STATUS = ("open", "in_progress", "waiting", "resolved", "closed")
TICKET_CLOSED = ("resolved", "closed")
ACTIVITY_STATUS = ("planned", "in_progress", "done", "cancelled")
ACTIVITY_CLOSED = ("done", "cancelled")
PRIORITIES = ("low", "normal", "high", "urgent")
RECORD_SOURCES = ("crm", "social", "web", "email", "phone", "import", "partner", "campaign", "other")
ACTIVITY_CHANNELS = ("social", "email", "phone", "meeting", "web", "other")
ACTIVITY_TYPES = ("follow_up", "call", "email", "meeting", "task", "note", "other")
LEAD_STATUS = ("new", "open", "contacted", "qualified", "unqualified", "converted", "lost")
CAMPAIGN_STATUS = ("planned", "active", "paused", "completed", "cancelled")
CAMPAIGN_TYPES = ("social", "email", "event", "advertisement", "launch", "referral", "webinar", "other")
OPPORTUNITY_STAGES = ("prospecting", "qualification", "proposal", "negotiation", "won", "lost")

ALIAS_KINDS = ("handle", "name", "domain", "hashtag", "keyword", "utm", "email", "phone")
ALIAS_OF = ("ourselves", "account", "contact", "campaign", "competitor")
NAME_KINDS = (
    "handle",
    "name",
    "domain",
    "hashtag",
    "utm",
    "email",
    "phone",
    "lookalike",
    "similar",
)
NAME_OWNERS = ("alias", "account", "contact")
MATCH_KINDS = ("account", "contact", "campaign", "ticket", "lead")
MATCH_STATES = ("live", "undone", "suggested")
NEVER_VISITED = ("file", "inbound")
"""Kinds of sources whose posts come by themselves: from a file that somebody imports, from a platform that delivers."""
ROLES = ("ops", "marketing", "support", "admin")
SOURCE_STATES = ("active", "paused", "needs_reauth", "off")
PAGE_STATES = ("landed", "digested")
CASE_LEVELS = ("activity", "ticket")
CASE_ROLES = ("opened", "raised", "joined", "noted")
RULE_AUDIENCES = ("addressed", "customer", "named")
RULE_ACTIONS = (*CASE_LEVELS, "lead", "notify")
RULE_TRIGGERS = ("post", "mean", "spike")
RULE_ASSIGN = ("account", "rotation")
CASE_NOTES = ("rule", "reply", "reopened", "gone", "edited", "verdict", "summary", "note")
VERDICTS = ("complaint", "not_a_complaint", "wrong_record", "spam")
HOLD_OF = ("campaign", "platform", "rule")
RECEIVER_KINDS = ("webhook", "email")
RECEIVER_STATES = ("active", "paused", "failing")
NEWS = (
    "case.opened",
    "case.raised",
    "case.reopened",
    "case.closed",
    "case.merged",
    "case.split",
    "incident.opened",
    "incident.reopened",
    "incident.closed",
    "post.noticed",
    "rule.demoted",
    "digest",
)
OWED_STATES = ("owed", "delivered", "failed", "folded")
SENTIMENTS = ("negative", "neutral", "positive")
LEXICON_PROFILES = ("support", "none")
REVIEW_ACTIONS = ("accept", "reject", "link", "unlink", "merge", "unmerge")
QUARANTINE_STAGES = ("reject", "digest")
QUARANTINE_STATES = ("held", "replayed", "dropped")
CREDENTIAL_STATES = ("ok", "needs_reauth")
QUOTA_OF = ("requests", "units", "money")
QUOTA_PERIODS = ("day", "month")


def one_of(column: str, words: tuple[str, ...]) -> CheckConstraint:
    """The check that holds a column to its vocabulary. NULL passes where the column allows it."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
