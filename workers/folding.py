"""How words are compared: handles, hosts, names, telephone numbers, each in one form for records and for posts.

What two spellings share is decided here and nowhere else, because the index of names and the posts have to agree.
Surprising: a name that is one ordinary English word is no name ("target" is mostly not Target), and a host where
everybody has a page belongs to nobody.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tldextract import TLDExtract

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_WORDS = 2_000
"""How far into a text names are looked for, in words."""
KEY_WORDS = 6
"""How many words of a name are its key; what follows is compared where the key is found."""

LONGEST_WORD = 64
LEAST_SIMILAR = 4
"""Consonants of a name that others may be like."""
MOST_CHARACTERS = 10_000

_WORD = re.compile(r"\w+")
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
"""Scripts that put no space between words (or none before a particle), as the inside of a regex's brackets."""
_unspaced = re.compile(f"[{UNSPACED}]")

# private suffixes count too: whoever has me.github.io does not own github.io
_suffixes = TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)

_SHARED = """
    facebook.com instagram.com threads.net threads.com x.com twitter.com t.co linkedin.com youtube.com youtu.be
    tiktok.com pinterest.com reddit.com snapchat.com tumblr.com medium.com substack.com bsky.app mastodon.social
    github.com gitlab.com bitbucket.org wordpress.com blogger.com blogspot.com wixsite.com squarespace.com weebly.com
    linktr.ee bit.ly tinyurl.com goo.gl google.com amazon.com ebay.com etsy.com trustpilot.com yelp.com
    tripadvisor.com wikipedia.org archive.org discord.com discord.gg telegram.me t.me whatsapp.com wa.me vimeo.com
    twitch.tv soundcloud.com spotify.com patreon.com paypal.me eventbrite.com meetup.com notion.site
    gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com yahoo.co.uk ymail.com aol.com
    icloud.com me.com mac.com gmx.com gmx.de gmx.net web.de t-online.de mail.com mail.ru yandex.ru yandex.com
    proton.me protonmail.com pm.me zoho.com fastmail.com qq.com 163.com 126.com orange.fr wanadoo.fr free.fr
    laposte.net libero.it comcast.net verizon.net att.net sbcglobal.net btinternet.com
"""
"""Domains on which everybody may have a page or a mailbox."""
_SHARED_HOSTS = frozenset(_SHARED.split())


def folded(word: str) -> str:
    """A handle, tag or address as it is compared: NFKC, casefolded, without @ or # in front."""
    if word.isascii():
        return word.strip().lstrip("@#").lower()
    return unicodedata.normalize("NFKC", word).strip().lstrip("@#").casefold()


def all_folded(words: Sequence[str]) -> list[str]:
    """Each of these, folded, in order."""
    odd: list[int] = []
    joined = "\n" + "\n".join(words).lower()
    if not joined.isascii():
        odd = [at for at, word in enumerate(words) if not word.isascii()]
        joined = "\n" + "\n".join(word if word.isascii() else "-" for word in words).lower()
    found = joined[1:].split("\n")
    # as many as there were, none empty, and white space in none, nor before its @
    if len(found) != len(words) or found != joined.split() or "\n@" in joined or "\n#" in joined:
        return [folded(word) for word in words]
    for at in odd:
        found[at] = folded(words[at])
    return found


_PLAIN_HOST = re.compile(r"(?:https?://)?([a-z0-9.-]+)(?=[/?#]|\Z)")


def domain_of(url: str) -> str | None:
    """The registrable domain of a link or a bare host, by the public suffix list; None when there is none."""
    # nearly every link; a link is seldom met twice, its host often
    if plain := _PLAIN_HOST.match(url):
        return _registrable(plain[1])
    try:
        host = urlsplit(url if "://" in url else f"//{url}").hostname
    except ValueError:
        return None
    return _registrable(host) if host else None


@lru_cache(maxsize=20_000)
def _registrable(host: str) -> str | None:
    found = _suffixes(host)
    if found.suffix and not found.domain:
        return None  # an ending such as co.uk, under which everybody may have a domain
    if found.top_domain_under_public_suffix or found.ipv4 or found.ipv6:
        return found.top_domain_under_public_suffix.lower() or host.lower()
    # a suffix that the list does not know is one label, which is the list's own last rule
    return ".".join(host.lower().rsplit(".", 2)[-2:])


def is_shared_host(domain: str) -> bool:
    """Is it a domain where everybody may have a page or a mailbox, and which therefore names nobody?"""
    return domain in _SHARED_HOSTS


# --- words and names -----------------------------------------------------------------------------------


@cache
def _ordinary_words() -> frozenset[str]:
    from english_words import get_english_words_set

    return frozenset(get_english_words_set(["web2", "gcide"], lower=True))


def is_ordinary_name(name: str) -> bool:
    """Is a name one ordinary word, whatever marks stand around it ("Target!", "(Target)")?"""
    words = words_of(composed(name))
    return len(words) == 1 and is_ordinary_word(words[0])


def is_ordinary_word(name: str) -> bool:
    """Is the whole name one word that English uses for something else?"""
    word, words = name.lower(), _ordinary_words()
    return word.isalpha() and (word in words or word.removesuffix("s") in words)


@lru_cache(maxsize=20_000)
def is_ordinary_phrase(name: str) -> bool:
    """Is every word of a name an ordinary one ("Best Choice"), or all of it too short to be anything else?"""
    words = words_of(name)
    return len("".join(words)) <= 3 or all(len(word) <= 2 or is_ordinary_word(word) for word in words)


def composed(text: str) -> str:
    """The beginning of a text with each accent on its letter (NFC), as names are looked for in it; mostly itself."""
    text = text[:MOST_CHARACTERS]
    if text.isascii():
        return text
    if len(text) <= 4 * LONGEST_WORD:
        return unicodedata.normalize("NFC", text)
    # in pieces, because a run of thousands of accents takes the square of its length
    return "".join(unicodedata.normalize("NFC", piece) for piece in _PIECE.findall(text))


_PIECE = re.compile(rf"(?s).{{0,{LONGEST_WORD}}}\s|.{{1,{LONGEST_WORD}}}")


@cache
def _with_marks() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What tells a text whose words end elsewhere than \\w says, and its words: a vowel sign belongs to its
    letter, and where no spaces stand each letter is a word of its own."""
    # not beyond the basic plane, where a pattern has no bitmap and takes a microsecond a character
    marks = "".join(chr(c) for c in range(0x300, 0x10000) if unicodedata.category(chr(c)) in ("Mn", "Mc"))
    return (
        re.compile(f"[{UNSPACED}{marks}]"),
        re.compile(f"[{UNSPACED}][{marks}]*|(?:(?![{UNSPACED}])[\\w{marks}])+"),
    )


def _words(text: str) -> re.Pattern[str]:
    if text.isascii():
        return _WORD
    telling, words = _with_marks()
    return words if telling.search(text) else _WORD


def spans_of(text: str) -> list[tuple[int, int]]:
    """Where each word of a text begins and ends."""
    return [hit.span() for hit in _words(text).finditer(text)]


def goes_on(text: str, at: int) -> bool:
    """Does the word before this place go on here?"""
    if not 0 < at < len(text) or (text[at].isascii() and not text[at].isalnum()):
        return False
    if unicodedata.category(text[at])[0] == "M":
        return True
    apart = _unspaced.match(text[at]) or _unspaced.match(text[at - 1])
    return (
        not apart
        and text[at].isalnum()
        and (text[at - 1].isalnum() or unicodedata.category(text[at - 1])[0] == "M")
    )


# what is not a letter, digit or _ becomes a space; twice as fast as a pattern
_KEPT = bytes(code if chr(code).isalnum() or code == ord("_") else 32 for code in range(128)) + bytes(128)
_LOWERED = _KEPT.lower()


def words_of(text: str) -> list[str]:
    """The words of a text as they are compared, in order; what is not a letter, digit or _ parts them."""
    if text.isascii():
        return text.encode().translate(_LOWERED).decode().split()
    return both_ways(text)[1]


def both_ways(text: str) -> tuple[list[str], list[str]]:
    """The words of a text as they are written, and as they are compared."""
    if text.isascii():
        return text.encode().translate(_KEPT).decode().split(), words_of(text)
    written = _words(text).findall(text)
    # at once, since nothing folds across a line's end or into one
    lines = "\n".join([word[:LONGEST_WORD] for word in written])
    return written, unicodedata.normalize("NFKC", lines).casefold().split("\n") if written else []


def name_key(name: str) -> str:
    """What a name is found by: its first words. Empty where it has no letter."""
    words = words_of(unicodedata.normalize("NFC", name))[:KEY_WORDS]
    return " ".join(words) if any(c.isalpha() for word in words for c in word) else ""


_AND = re.compile(r"(?i)(?<=\w\w)(?:\s+(and|und|et|[&+])\s+|[&+])(?=\w\w)")
_SIGNS = (" & ", "&", " + ", "+")


@lru_cache(maxsize=20_000)
def spellings_of(name: str) -> tuple[str, ...]:
    """A name with "&", "+" and the word for it, each in the place of the other; mostly the name alone, always first.

    A sign may be said in any of three languages, a word only be written as a sign. Not beside a single letter: "AT & T"
    and "H&M" are never said so.
    """
    found = _AND.search(name)
    if found is None:
        return (name,)
    others = _SIGNS if (found[1] or "&").isalpha() else (*_SIGNS, " and ", " und ", " et ")
    return tuple(dict.fromkeys([name, *(_AND.sub(other, name) for other in others)]))


_APOSTROPHES = dict.fromkeys(map(ord, "’‘ʼ′´`"), "'")
_DASHES = dict.fromkeys(map(ord, "-‐‑‒–—"), " ")


@lru_cache(maxsize=20_000)
def as_written(name: str) -> str:
    """A name with its capitals, in one spelling of spaces, dashes and apostrophes, without marks at its ends."""
    if name.isascii():
        name = name.replace("`", "'").replace("-", " ")
        if name[:1].isalnum() and name[-1:].isalnum():
            return " ".join(name.split())
    else:
        name = unicodedata.normalize("NFKC", name).translate(_APOSTROPHES).translate(_DASHES)
    ends = spans_of(name)
    return " ".join(name[ends[0][0] : ends[-1][1]].split()) if ends else ""


VOWELS = "aeiouy"
_VOWELS = re.compile(rf"(?<=.)[{VOWELS}]+")
_DOUBLED = re.compile(r"(.)\1+")


@lru_cache(maxsize=60_000)
def consonants(word: str) -> str:
    """A word's consonants, each once, without a plural s: what most typing errors leave as it was."""
    plain = lookalike(word) if not word.isascii() else word
    return _VOWELS.sub("", _DOUBLED.sub(r"\1", plain.removesuffix("s") if len(plain) > 3 else plain))


def similar_key(words: list[str]) -> str:
    """What two similar names share; empty where too little is left to compare."""
    key = "".join(map(consonants, words))
    return key if len(key) >= LEAST_SIMILAR else ""


@cache
def _legal_forms() -> dict[str, list[tuple[int, tuple[int, list[str]]]]]:
    """cleanco's terms, numbered in its order, by their last word."""
    from cleanco import prepare_default_terms

    found: dict[str, list[tuple[int, tuple[int, list[str]]]]] = {}
    for number, term in enumerate(prepare_default_terms()):
        found.setdefault(term[1][-1], []).append((number, term))
    return found


@lru_cache(maxsize=20_000)
def core_of(name: str) -> str:
    """A company's name without its legal form, by cleanco: "Northwind Coffee GmbH" is "Northwind Coffee"."""
    from cleanco.clean import custom_basename, normalized, strip_punct, strip_tail

    forms = _legal_forms()
    for _ in range(3):
        # cleanco tries each of its terms on each name, so it is given those alone that may end this one
        plain = name.lower() if name.isascii() else normalized(name)
        ends = {strip_punct(word) for word in strip_tail(plain).split()}
        terms = [term for _, term in sorted(form for word in ends for form in forms.get(word, ()))]
        shorter = custom_basename(name, terms) if terms else strip_tail(" ".join(strip_tail(name).split()))
        shorter = shorter.rstrip(" .,&+-")
        if not shorter or shorter == name:
            break
        name = shorter
    return name


# --- handles that look alike ---------------------------------------------------------------------------


@cache
def _prototypes() -> dict[int, str]:
    """Characters that look like an ASCII letter, by Unicode's table of confusables (UTS #39)."""
    from confusable_homoglyphs import confusables

    found: dict[int, str] = {}
    for char, alike in confusables.confusables_data.items():
        if len(char) == 1 and not char.isascii():
            letter = next((one["c"] for one in alike if one["c"].isascii() and one["c"].isalnum()), None)
            if letter:
                found[ord(char)] = letter.lower()
    return found


_LEET = str.maketrans({"0": "o", "1": "l", "i": "l", "3": "e", "4": "a", "5": "s", "7": "t", "|": "l"})
_PARTS = re.compile(r"[\W_]+")
_ADDED = """
    support help helpdesk helps care cares customercare customer service services official real the team hq cs
    app get my ask inc ltd corp news online global uk us usa eu de
"""
_AFFIXES = frozenset(_ADDED.split())
_GLUED = ("support", "official", "helpdesk", "customercare", "care", "help")
# nearly every handle, of many in lines: letters and digits and nothing added to them, perhaps before a host
_PLAIN_PARTS = re.compile(
    rf"(?m)^(?:(?!{'|'.join(_GLUED)})([a-z0-9]{{4,}}){''.join(f'(?<!{end})' for end in _GLUED)}(?:[.@].*)?|.*)$"
)


def lookalike(handle: str) -> str:
    """What a folded handle looks like at a glance: its own part, in ASCII, without separators and words like support.

    Two handles that share it may be one a copy of the other; that never shows that they belong together.
    """
    return _at_a_glance(_own_part(handle))


def _at_a_glance(own: str) -> str:
    return own.replace("rn", "m").replace("vv", "w").translate(_LEET)


def all_lookalikes(handles: Sequence[str]) -> list[str]:
    """What each of these folded handles looks like."""
    owned = _PLAIN_PARTS.findall("\n".join(handles))
    if len(owned) != len(handles):
        return [lookalike(handle) for handle in handles]
    for at, own in enumerate(owned):
        if not own:
            owned[at] = _own_part(handles[at])
    alike = _at_a_glance("\n".join(owned)).split("\n")
    return alike if len(alike) == len(handles) else [lookalike(handle) for handle in handles]


def is_telling(handle: str) -> bool:
    """Does it mean anybody to look like this handle? Not where it is short or an ordinary word, which many have."""
    own = _own_part(handle)
    return len(own) >= 4 and not is_ordinary_word(own)


def _own_part(handle: str) -> str:
    own = handle.partition("@")[0]
    if "." in own:
        first = own.partition(".")[0]
        own = first if len(first) > 3 else own.rpartition(".")[0]
    if not own.isascii():
        own = unicodedata.normalize("NFKD", own).casefold().translate(_prototypes())
        own = "".join(char for char in own if not unicodedata.combining(char))
    if not own.isalnum():
        parts = [part for part in _PARTS.split(own) if part]
        own = "".join([part for part in parts if part not in _AFFIXES] or parts)
    if len(own) > 8 and (own.startswith(_GLUED) or own.endswith(_GLUED)):
        for affix in _GLUED:
            bare = own.removeprefix(affix).removesuffix(affix)
            own = bare if len(bare) > 3 else own
    return own


def evidence_key(words: str | None) -> str:
    """Evidence as rejections compare it: folded, white space as one space."""
    return " ".join(folded(words or "").split())


# --- addresses, numbers --------------------------------------------------------------------------------

# bounded, so that no text makes them try for long
_ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_TICKET = re.compile(r"(?i)\bticket\s{0,3}(?:(?:no\.?|nr\.?|number)\s{0,3})?#?\s{0,3}(\d{4,12})\b")
_PHONE = re.compile(r"(?<![\w.,/])(?:\+|\(\+?)?\d(?:[ ().\-/\u00a0\u2011]{0,3}\d){8,16}(?![\w])")
_DIGIT = re.compile(r"[0-9]")
_SIGNIFICANT = 9


def addresses_in(words: str) -> list[re.Match[str]]:
    """E-mail addresses in a text; a fediverse handle (@user@host) is none."""
    if "@" not in words:
        return []
    return [m for m in _ADDRESS.finditer(words) if m.start() == 0 or words[m.start() - 1] != "@"]


def ticket_numbers_in(words: str) -> list[int]:
    """The numbers that a text gives after the word ticket."""
    if "icket" not in words and "ICKET" not in words:
        return []
    return [int(m[1]) for m in _TICKET.finditer(words)]


def phones_in(words: str) -> list[re.Match[str]]:
    """What may be a telephone number: nine digits or more, written like one. A bare run of digits is none."""
    # most posts have no digit at all, and looking for one is far cheaper than the pattern
    if _DIGIT.search(words) is None:
        return []
    return [m for m in _PHONE.finditer(words) if m[0][0] in "+(0" or not m[0].isdigit()]


def phone_key(number: str) -> str:
    """The last digits of a telephone number, which every way of writing it ends with; empty where too few."""
    digits = _national(number)
    return digits[-_SIGNIFICANT:] if len(digits) >= _SIGNIFICANT else ""


def same_phone(one: str, other: str) -> bool:
    """Is it one number, be it written with the country's code or without?"""
    a, b = sorted((_national(one), _national(other)), key=len)
    return len(a) >= _SIGNIFICANT and b.endswith(a)


@lru_cache(maxsize=20_000)
def _national(number: str) -> str:
    """The digits without what one dials before them: +, 00, a trunk 0, also the one written (0)."""
    number = number.replace("(0)", "")
    return re.sub(r"\D", "", number).lstrip("0")
