"""The words of one paragraph of markdown, where there is no doubt about them.

https://spec.commonmark.org/0.31.2/#inlines. Escapes, entities and code are put aside first, one private character for
each, so that nothing in them is taken for markup; then links and emphasis that nothing else can change are taken away. What
is left either cannot be markup (an underscore within a word, a star between spaces, a bracket without an address) or is
a doubt, and then this says nothing.
"""

from __future__ import annotations

import re
from html.entities import html5

_SIGNS = re.compile(r"[\\`*_\[<&]|~~")
_ASIDE = re.compile(
    r"\\([!-/:-@\[-`{-~])|(`+)(?!`)(.*?[^`])\2(?!`)|`+"
    r"|&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});",
    re.DOTALL,
)
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_FIRST, _MOST = 0xE000, 6_000
_DOUBT = "\uf8ff"
_NAMED = r"[^][\n!*_~^<]*(?:(?:(?<=\w)_(?=\w)|\[[^][()\n!*_~^<]*\](?!\())[^][\n!*_~^<]*)*"
_LINK = re.compile(
    rf"\[(?<![!*_]\[)({_NAMED})\]\(((?:https?://|/)(?:[A-Za-z0-9._~:/?#@!$&'*+,;=-]|%[0-9A-Fa-f]{{2}})+)\)(?![*_])"
)
_WITHIN = r"([^\s*_[\]](?:[^*_[\]\n]*(?:(?<=\w)_(?=\w)[^*_[\]\n]*)*(?<![\s_]))?)"
_STARS = re.compile(rf"\*(?<![^\s(]\*)(\*{{0,2}}){_WITHIN}\*\1(?![^\s.,;:!?)])")
_BARS = re.compile(rf"_(?<![^\s(]_)(_{{0,2}}){_WITHIN}_\1(?![^\s.,;:!?)])")
_STRUCK = re.compile(r"~~(?<![^\s(]~~)([^\s~*_](?:[^~*_[\]\n]*[^\s~*_[\]])?)~~(?![^\s.,;:!?)])")
_RUNS = {sign: re.compile(rf"\{sign}+") for sign in "*_"}
_AUTOLINK = re.compile(r"<[a-zA-Z][^<>\s]*[:@][^<>\s]*>")


def joined(paragraph: str) -> str:
    """Its lines as one."""
    if "\n" not in paragraph:
        return paragraph.strip()
    return " ".join([line.strip(" \t") for line in paragraph.split("\n")]).strip()


def words(paragraph: str, links: list[str]) -> str | None:
    """The words as a reader sees them, the addresses of named links go to `links`; None where there is a doubt."""
    if not _SIGNS.search(paragraph) and "  \n" not in paragraph:
        return joined(paragraph)
    aside: dict[str, str] = {}
    text = paragraph.strip()
    if "\\" in text or "`" in text or "&" in text:
        if _PRIVATE.search(text):
            return None

        def put(found: re.Match[str]) -> str:
            if len(aside) >= _MOST or (shown := _shown(found)) is None:
                return found[0] if "\n" not in found[0] else _DOUBT
            sign = chr(_FIRST + len(aside))
            aside[sign] = shown
            return sign

        text = _ASIDE.sub(put, text)
        if "\\\n" in text or "\\ " in text or _DOUBT in text or len(aside) >= _MOST:
            return None
    found: list[str] = []
    if "](" in text:

        def named(link: re.Match[str]) -> str:
            found.append(link[2])
            return link[1]

        text = _LINK.sub(named, text)
    if "*" in text:
        text = _STARS.sub(r"\2", text)
    if "_" in text:
        text = _BARS.sub(r"\2", text)
    if "~~" in text:
        text = _STRUCK.sub(r"\1", text)
    if _is_doubtful(text):
        return None
    links += found
    if "  \n" in text:
        text = re.sub(r" {2,}\n[ \t]*", chr(_FIRST + _MOST), text)
        text = joined(text).replace(chr(_FIRST + _MOST), "\n")
    else:
        text = joined(text)
    return _PRIVATE.sub(lambda sign: aside[sign[0]], text).strip() if aside else text


def _shown(found: re.Match[str]) -> str | None:
    """What an escape, code or an entity shows; None for one that is none."""
    if found[1]:
        return found[1]
    if code := found[3]:
        if "\n" in code:
            return None
        return code[1:-1] if code[0] == code[-1] == " " and code.strip(" ") else code
    if not (entity := found[4]):
        return None
    if entity[0] != "#":
        return html5.get(f"{entity};")
    number = int(entity[2:], 16) if entity[1] in "xX" else int(entity[1:])
    return chr(number) if 32 <= number < 0xD800 else None


def _is_doubtful(text: str) -> bool:
    """Whether what is left may be markup all the same."""
    return (
        "](" in text
        or "~~" in text
        or ("*" in text and _pairs(text, "*"))
        or ("_" in text and _pairs(text, "_"))
        or ("<" in text and _AUTOLINK.search(text) is not None)
    )


def _pairs(text: str, sign: str) -> bool:
    """Whether one of these may begin what a later one ends: within a word an underscore does neither."""
    opened = False
    for run in _RUNS[sign].finditer(text):
        before, after = text[run.start() - 1 : run.start()], text[run.end() : run.end() + 1]
        joins = sign == "_"
        if opened and before.strip() and not (joins and after.isalnum()):
            return True
        if after.strip() and not (joins and before.isalnum()):
            opened = True
    return False
