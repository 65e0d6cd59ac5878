"""What people write about, and who writes most: over the newest posts of a filter, each word once a post.

Words that every text has say nothing and are left out, for the six languages that we know them of; so are addresses, handles and
what is shorter than three letters. A hashtag keeps its mark. Languages that are written without spaces are not taken apart.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import chain
from math import log
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.stream import Filter, reached

MOST = 12
LONGEST = 30
"""Characters of a word at most."""

_WORD = re.compile(r"#?[^\W\d_][\w'’]*[^\W_]")
_NO_WORD = re.compile(r"\W*(https?://|www\.|@\w)")
_SAY_NOTHING = """
about after again all also always and another any anyone are aren't around because been before being but came can can't
cannot come could couldn't day did didn't does doesn't doing don't done each either else even ever every everyone first for
from get gets getting give given goes going gone good got had has hasn't have haven't having her here hers him his how
however i'll i'm i've into isn't it's its itself just keep know last less let like long look made make makes many
maybe might more most much must myself need never new next nobody none not nothing now off often one only other our ours
out over own people please put rather really same say says see she should shouldn't since some someone something still
such take than thank thanks that that's the their them then there there's these they they're thing things think this those
though through time today too took two under until upon use used very want wants was wasn't way we're well went were
weren't what what's when where which while who whom whose why will with within without won't would wouldn't yes yet
you you'd you'll you're you've your yours
aber alle alles als also auch auf aus bei bin bis bist das dass dein dem den denn der des die dies diese dieser dieses doch
dort drei durch ein eine einem einen einer eines einfach ein er erst etwas euch euer für ganz gar gegen gibt habe haben
hat hatte hatten hier ich ihm ihn ihnen ihr ihre immer ist jede jeder jetzt kann kein keine können mal man mehr mein
meine mich mir mit muss nach nicht nichts noch nun nur oder ohne schon sehr sein seine seit sich sie sind sogar soll
sondern über uns und unser unter viel vom von vor war waren warum was weil wenn wer werde werden wie wieder wir wird
wurde zum zur zwei
ainsi alors après aussi autre aux avant avec avez avoir avons bien car ces cet cette ceux chez comme dans des deux donc
elle elles encore est et était être eux faire fait ici ils jamais leur leurs lui mais même mes moi moins mon nos notre
nous ont par pas peu peut plus pour pourquoi quand que quel quelle qui rien sans ses soit son sont sous suis sur toujours tous
tout toute très une votre vous
algo aquí así como con contra cual cuando del desde donde dos ella ellos entre era eran eres esa ese eso esta está
están estas este esto estos fue ha han hasta hay las les los más me mi mis mucho muy nada nos nosotros para pero poco por
porque pues que qué quien ser si sí sido sin sobre solo son soy su sus también tan tanto te tengo tiene todo todos una
uno unos usted ya
alla anche ancora avere che chi ci come con cosa così da dal dalla dei del della delle dello di dove e gli hanno ho il
loro ma mai mi mia mio molto nei nel nella noi non nostro ogni per perché più poi può qua quando quanto quella quello
questa questi questo qui se sei senza sia siamo solo sono sta stato su sua sul suo tra tutti tutto un una voi
aan alleen als altijd andere bij dan dat deze die dit doch door dus een eens en er geen geweest goed haar had heb hebben
heeft hem het hier hij hoe hun iets ik kan maar meer met mij mijn moet naar niet niets nog nu of om omdat onder ons onze
ook op over te tegen toch toen tot uit van veel voor waar waarom want waren was wat weer wel werd wie wij wil worden
wordt zal zei zelf zich zij zijn zo zonder zou
"""
_COMMON = frozenset(_SAY_NOTHING.split())

_AUTHORS = """
    SELECT x.identity_id AS id, i.platform, i.handle, i.name, x.n, x.mean, x.negative FROM (
        SELECT e.identity_id, count(*) AS n, avg(e.sentiment) AS mean,
               count(*) FILTER (WHERE e.sentiment <= -0.05) AS negative
        FROM ({some}) e WHERE e.identity_id IS NOT NULL AND {second} GROUP BY 1 ORDER BY n DESC, 1 LIMIT {most}
    ) x JOIN identities i ON i.id = x.identity_id ORDER BY x.n DESC, x.identity_id
"""


class _Known(dict[str, str]):
    """The word in what stands between two blanks, "" where that says nothing. Most texts are made of the same few, so each
    is looked at once."""

    def __missing__(self, token: str) -> str:
        found = None if _NO_WORD.match(token) else _WORD.search(token)
        word = found[0] if found and 3 <= len(found[0]) <= LONGEST else ""
        self[token] = told = "" if word in _COMMON else word
        return told


def counted_words(texts: Iterable[str]) -> Counter[str]:
    """In how many texts each word stands."""
    known = _Known()
    found = Counter(
        chain.from_iterable(set(map(known.__getitem__, words.lower().split())) for words in texts)
    )
    del found[""]
    return found


def telling(
    here: Counter[str], n: int, elsewhere: Counter[str], m: int, most: int = 4
) -> list[tuple[str, int]]:
    """The words that stand in many of `n` texts and in few of `m` others, with in how many of the `n`."""
    least = max(2, n // 20)
    weighed = []
    for word, times in here.items():
        often, else_ = times / n, (elsewhere[word] + 0.5) / (m + 1)
        if times >= least and often > else_:
            weighed.append((times * log(often / else_), word, times))
    return [(word, times) for _, word, times in sorted(weighed, key=lambda one: (-one[0], one[1]))[:most]]


def top_words(session: Session, of: Filter, most: int = MOST) -> tuple[list[tuple[str, int]], int]:
    """The words of a filter's newest SAMPLE posts with in how many of them they stand, and how many posts that were."""
    of = reached(session, of)
    some = of.examined("e.text, e.sentiment, e.identity_id")
    texts = list(session.scalars(text(f"SELECT e.text FROM ({some}) e WHERE {of.second()}"), of.values()))
    asked = {word.lower() for word in of.words}
    found = counted_words(texts).most_common(most + len(asked))
    return [(word, n) for word, n in found if word not in asked][:most], len(texts)


def top_authors(session: Session, of: Filter, most: int = MOST) -> list[dict[str, Any]]:
    """Who wrote most of a filter's newest SAMPLE posts: {id, platform, handle, name, n, mean, negative}."""
    of = reached(session, of)
    some = of.examined("e.identity_id, e.sentiment, e.text")
    found = session.execute(text(_AUTHORS.format(some=some, second=of.second(), most=most)), of.values())
    return [dict(row) for row in found.mappings()]
