"""What people write about: each word once a text.

Words that every text has say nothing and are left out, for the six languages that we know them of; so are addresses, handles and
what is shorter than three letters. A hashtag keeps its mark. Languages that are written without spaces are not taken apart.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from itertools import chain
from math import log

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


MOST_KNOWN = 50_000
"""Of how many tokens the word is kept: some megabytes."""


class _Known(dict[str, str]):
    """The word in what stands between two blanks, "" where that says nothing. Most texts are made of the same few, so each
    is looked at once."""

    def __missing__(self, token: str) -> str:
        found = None if _NO_WORD.match(token) else _WORD.search(token)
        word = found[0] if found and 3 <= len(found[0]) <= LONGEST else ""
        told = "" if word in _COMMON else word
        if len(token) <= 2 * LONGEST:
            self[token] = told
        return told


_KNOWN = _Known()


def counted_words(texts: Iterable[str]) -> Counter[str]:
    """In how many texts each word stands."""
    if len(_KNOWN) > MOST_KNOWN:
        _KNOWN.clear()
    found = Counter(
        chain.from_iterable(set(map(_KNOWN.__getitem__, words.lower().split())) for words in texts)
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


def most_frequent(texts: Iterable[str], but: Collection[str], most: int) -> list[tuple[str, int]]:
    """The words that stand in most texts, with in how many."""
    found = counted_words(texts).most_common(most + len(but))
    return [(word, n) for word, n in found if word not in but][:most]
