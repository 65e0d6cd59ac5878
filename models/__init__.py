"""Who, and what we know: the CRM's nine entities and Earshot's own state, one entity a file.

The nine (`user` to `social_event`) keep the names and types of docs/ERD.md; the rest is ours. Imports
nothing of ours. Defaults, vocabularies and keys live in the database, so that a neighbour's INSERT
with the diagram's columns alone works.
"""

from models._base import Base
from models.account import Account
from models.activity import Activity
from models.alarm import Alarm
from models.alias import Alias
from models.beat_lease import BeatLease
from models.campaign import Campaign
from models.case import Case
from models.case_note import CaseNote
from models.contact import Contact
from models.correction import Correction
from models.credential import Credential
from models.delivery import Delivered
from models.hold import Hold
from models.hour import Hour
from models.identity import Identity
from models.lead import Lead
from models.lexicon import Lexicon, LexiconWord
from models.match import Match
from models.name import Name, Renamed
from models.opportunity import Opportunity
from models.page import Page
from models.policy import Policy
from models.poll import Poll
from models.quarantine import Quarantined
from models.quota import Quota, Spending
from models.receiver import Owed, Receiver
from models.recheck import Recheck
from models.repost import Repost
from models.review import Following, Refusal, Review, ReviewedEvent
from models.rule import Rule
from models.social_event import SocialEvent
from models.source import Source
from models.ticket import Ticket
from models.user import User
from models.web import Audit, Change, SignIn, SignInAttempt, WebSession

__all__ = [
    "Account",
    "Activity",
    "Alarm",
    "Alias",
    "Audit",
    "Base",
    "BeatLease",
    "Campaign",
    "Case",
    "CaseNote",
    "Change",
    "Contact",
    "Correction",
    "Credential",
    "Delivered",
    "Following",
    "Hold",
    "Hour",
    "Identity",
    "Lead",
    "Lexicon",
    "LexiconWord",
    "Match",
    "Name",
    "Opportunity",
    "Owed",
    "Page",
    "Policy",
    "Poll",
    "Quarantined",
    "Quota",
    "Receiver",
    "Recheck",
    "Refusal",
    "Renamed",
    "Repost",
    "Review",
    "ReviewedEvent",
    "Rule",
    "SignIn",
    "SignInAttempt",
    "SocialEvent",
    "Source",
    "Spending",
    "Ticket",
    "User",
    "WebSession",
]
