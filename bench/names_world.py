"""An organisation of any size in a database, and posts about it: names of words from one vocabulary, the same for a seed.

Half of the vocabulary's words are English, half are coined, and each is equally frequent, in names and in posts:
real texts repeat their words more, which caches like.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from english_words import get_english_words_set
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from connectors._base import Author, Mention, Post
from simulator import words as english

ORG = "main"
VOCABULARY = 50_000
FORMS = ("Ltd", "Inc.", "GmbH", "LLC", "Co.", "S.A.", "Group", "PLC")
PLATFORMS = ("mastodon", "bluesky")
TELL = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is of everything. `one_word`: the share of names of a single word, of which a post of words that
    are all in the vocabulary then meets one in three; real posts meet far fewer."""

    accounts: int = 1_000_000
    identities: int = 5_000_000
    posts: int = 20_000
    one_word: float = 0.002
    seed: int = 1

    @property
    def contacts(self) -> int:
        return self.accounts // 5

    @property
    def handles(self) -> int:
        return self.accounts // 10

    @property
    def campaigns(self) -> int:
        return 50


def vocabulary(seed: int) -> list[str]:
    """The words, lower case."""
    dice = random.Random(f"words {seed}")
    known = sorted(
        word
        for word in get_english_words_set(["web2", "gcide"], lower=True)
        if word.isascii() and word.isalpha() and 3 <= len(word) <= 11
    )
    chosen = set(dice.sample(known, VOCABULARY // 2))
    consonants = "b c d f g h j k l m n p r s t v w z br cl dr fl gr kr pl st tr"
    heads, tails = consonants.split(" "), "aeiou"
    while len(chosen) < VOCABULARY:
        word = "".join(dice.choice(heads) + dice.choice(tails) for _ in range(dice.choice((2, 3, 3, 4))))
        chosen.add(word + dice.choice("lmnrstx"))
    return dice.sample(sorted(chosen), VOCABULARY)


def names(size: Size, words: list[str]) -> Iterator[str]:
    """The accounts' names, one after the other."""
    dice = random.Random(f"names {size.seed}")
    one = size.one_word
    several = ((2, one + (1 - one) * 0.55), (3, one + (1 - one) * 0.9), (4, 1.0))
    for _ in range(size.accounts):
        drawn = dice.random()
        length = 1 if drawn < one else next(length for length, upto in several if drawn < upto)
        name = " ".join(dice.choice(words).capitalize() for _ in range(length))
        yield f"{name} {dice.choice(FORMS)}" if length > 1 and dice.random() < 0.3 else name


# --- into the database ---------------------------------------------------------------------------------

_STAGE = """
    CREATE UNLOGGED TABLE bench_accounts (id uuid DEFAULT uuidv7(), n int, name text, website text, phone text)
"""
_ACCOUNTS = """
    INSERT INTO accounts (id, org_id, name, website, phone) SELECT id, %s, name, website, phone FROM bench_accounts
"""
_CONTACTS = """
    INSERT INTO contacts (org_id, account_id, first_name, last_name, email, phone)
    SELECT %(org)s, id, 'First' || n, 'Last' || n, 'person' || n || '@mail' || n %% 1000 || '.example',
           CASE WHEN n %% 3 = 0 THEN '+44 20 7' || lpad((n %% 10000000)::text, 7, '0') END
    FROM bench_accounts WHERE n %% 5 = 0
"""
_HANDLES = """
    INSERT INTO aliases (org_id, kind, value, platform, of, account_id, contact_id)
    SELECT %(org)s, 'handle', CASE WHEN n %% 20 = 0 THEN 'brand' ELSE 'helper' END || n || '.social.example',
           CASE WHEN n %% 40 < 20 THEN 'mastodon' ELSE 'bluesky' END,
           CASE WHEN k.id IS NULL THEN 'account' ELSE 'contact' END,
           CASE WHEN k.id IS NULL THEN b.id END, k.id
    FROM bench_accounts b
    LEFT JOIN contacts k ON k.account_id = b.id AND n %% 20 = 0
    WHERE n %% 10 = 0
"""
_CAMPAIGNS = """
    WITH made AS (
        INSERT INTO campaigns (org_id, name) SELECT %(org)s, 'Campaign ' || n FROM generate_series(1, 50) n
        RETURNING id, name)
    INSERT INTO aliases (org_id, kind, value, of, campaign_id)
    SELECT %(org)s, kind, lower(replace(name, ' ', '')), 'campaign', id
    FROM made, (VALUES ('hashtag'), ('utm')) AS k(kind)
"""
_OURS = """
    INSERT INTO aliases (org_id, kind, value, platform, of) VALUES
    (%(org)s, 'name', 'Earshot Works', NULL, 'ourselves'), (%(org)s, 'handle', 'works.social.example', 'mastodon', 'ourselves'),
    (%(org)s, 'handle', 'works.social.example', 'bluesky', 'ourselves')
"""
# a twentieth belongs to somebody
_IDENTITIES = """
    INSERT INTO identities (org_id, platform, stable_id, handle, name, account_id)
    SELECT %(org)s, CASE WHEN s.n %% 2 = 0 THEN 'mastodon' ELSE 'bluesky' END, 'did:bench:' || lpad(s.n::text, 24, '0'),
           'author' || s.n || '.town.example', 'Author ' || s.n, b.id
    FROM generate_series(%(low)s::int, %(high)s::int) AS s(n)
    LEFT JOIN bench_accounts b ON s.n %% 20 = 0 AND b.n = s.n / 20 %% %(accounts)s
"""


def stage(owner: str, fleet: str, size: Size, words: list[str]) -> None:
    """The accounts in a table beside the real one, from where both kinds of import are measured."""
    dice = random.Random(f"sites {size.seed}")
    with psycopg.connect(owner, autocommit=True) as db:
        db.execute(_STAGE)
        role = sql.Identifier(str(conninfo_to_dict(fleet)["user"]))
        db.execute(sql.SQL("GRANT SELECT ON bench_accounts TO {}").format(role))
        with db.cursor().copy("COPY bench_accounts (n, name, website, phone) FROM STDIN") as copy:
            for n, name in enumerate(names(size, words)):
                slug = "".join(name.lower().split()).replace(".", "")
                site = f"https://www.{slug}{n % 97}.example/" if dice.random() < 0.7 else None
                phone = f"+49 30 {n:08d}" if dice.random() < 0.3 else None
                copy.write_row((n, name, site, phone))
        db.execute("CREATE INDEX ON bench_accounts (n)")
        db.execute("ANALYZE bench_accounts")


def import_accounts(owner: str, fleet: str, triggers: bool) -> float:
    """Seconds that the database takes for all accounts in one statement; without triggers they are taken back."""
    with psycopg.connect(owner) as db:
        if not triggers:
            db.execute("ALTER TABLE accounts DISABLE TRIGGER USER")
            took = _timed(db, _ACCOUNTS, (ORG,))
            db.execute("TRUNCATE accounts CASCADE")
            db.execute("ALTER TABLE accounts ENABLE TRIGGER USER")
            return took
    with psycopg.connect(fleet) as db:
        return _timed(db, _ACCOUNTS, (ORG,))


def _timed(db: psycopg.Connection[Any], statement: str, values: Any) -> float:
    started = datetime.now(UTC)
    db.execute(statement, values)
    return (datetime.now(UTC) - started).total_seconds()


def fill(fleet: str, size: Size, tell: TELL) -> None:
    """Everything but the accounts."""
    given = {"org": ORG, "accounts": size.accounts}
    with psycopg.connect(fleet, autocommit=True) as db:
        for statement in (_CONTACTS, _HANDLES, _CAMPAIGNS, _OURS):
            db.execute(statement, given)
        step = 500_000
        for low in range(0, size.identities, step):
            high = min(low + step, size.identities) - 1
            db.execute(_IDENTITIES, given | {"low": low, "high": high})
            tell(f"{high + 1:,} of {size.identities:,} identities")


def finish(owner: str) -> None:
    """What autovacuum would have done by the time that such an organisation is at work."""
    with psycopg.connect(owner, autocommit=True) as db:
        db.execute("DROP TABLE bench_accounts")
        db.execute("VACUUM ANALYZE")


# --- posts ---------------------------------------------------------------------------------------------


def posts(size: Size, words: list[str], some: list[str], ordinary: bool = False) -> list[tuple[str, Post]]:
    """(platform, post)s of 8 to 25 words of the vocabulary, or, `ordinary`, in everyday English; in one of ten an
    account's name out of `some`."""
    dice = random.Random(f"posts {size.seed} {ordinary}")
    plain = english.corpus(size.seed, size.posts) if ordinary else []
    start = datetime(2026, 6, 1, tzinfo=UTC)
    found = []
    for n in range(size.posts):
        said = plain[n].split() if ordinary else [dice.choice(words) for _ in range(dice.randint(8, 25))]
        if dice.random() < 0.1:
            said.insert(dice.randrange(len(said)), dice.choice(some))
        found.append(_post(dice, size, n, " ".join(said), start + timedelta(seconds=n)))
    return found


def _post(dice: random.Random, size: Size, n: int, text: str, at: datetime) -> tuple[str, Post]:
    who = dice.randrange(size.identities)
    platform = PLATFORMS[who % 2]
    tags: tuple[str, ...] = ("bench",)
    links: tuple[str, ...] = ()
    mentions: tuple[Mention, ...] = ()
    if dice.random() < 0.05:
        tags += (f"Campaign{dice.randint(1, 2 * size.campaigns)}",)
    if dice.random() < 0.2:
        links = (f"https://news{dice.randrange(5_000)}.example/story/{n}?utm_campaign=other{n % 50}",)
    if dice.random() < 0.15:
        other = 2 * dice.randrange(size.identities // 2) + who % 2
        mentions = (Mention(id=f"did:bench:{other:024d}", handle=f"author{other}.town.example"),)
    elif dice.random() < 0.06:
        mentions = (Mention(handle=f"helper{dice.randrange(size.accounts)}.social.example"),)
    post = Post(
        id=f"https://town.example/{n}",
        posted_at=at,
        verb="post",
        text=text[0].upper() + text[1:] + " #bench",
        author=Author(id=f"did:bench:{who:024d}", handle=f"author{who}.town.example", name=f"Author {who}"),
        reply_to=f"https://town.example/{dice.randrange(size.posts)}" if dice.random() < 0.1 else None,
        mentions=mentions,
        hashtags=tags,
        links=links,
    )
    return platform, post


def hostile(some: list[str]) -> list[Post]:
    """Texts that name as many accounts as they can."""
    at = datetime(2026, 6, 1, tzinfo=UTC)
    longest = " ".join(some[:800])
    single = " ".join(name for name in some if " " not in name)[:60_000]
    return [
        Post(id=str(UUID(int=n)), posted_at=at, verb="post", text=text)
        for n, text in enumerate(
            (longest, longest.lower(), single, ", ".join(some[:800]), (some[0] + " ") * 1000)
        )
    ]
