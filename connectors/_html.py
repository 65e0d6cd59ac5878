"""HTML of a post -> plain text and the addresses it links to, in one pass over its tags.

Not a browser: no tree is built, so an unclosed element hides nothing but itself. Text in a post is short
and there are millions of them, therefore one regular expression and no parser (a test holds it against
a real one on every recording). Documented for Mastodon at https://docs.joinmastodon.org/spec/activitypub/#sanitization;
surprising: a link's text there is in three spans, of which `invisible` ones are not shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

_TAG = re.compile(
    r"""<!--.*?(?:-->|\Z)|<!\[CDATA\[(?P<cdata>.*?)(?:\]\]>|\Z)|<[!?][^>]*>?"""
    r"""|</?(?P<name>[a-zA-Z][^\s/>]*)(?:[^<>"']|"[^"]*"|'[^']*'|["'](?=[^"']*>))*>""",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(
    r"""(?:^|[\s"'/])(href|class)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""", re.IGNORECASE
)
_NAME = re.compile(r"[a-zA-Z][^\s/>]*")
_NAMED = re.compile(r"/?[a-zA-Z]").match
_UNSEEN = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r"\n{3,}")

_PARAGRAPHS = frozenset(
    [
        "p",
        "div",
        "blockquote",
        "ul",
        "ol",
        "table",
        "pre",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "section",
        "article",
        "aside",
        "header",
        "footer",
        "hr",
        "dl",
        "figure",
        "form",
    ]
)
_LINES = frozenset(["br", "li", "tr", "dt", "dd", "figcaption", "option"])
_RAW = frozenset(
    [
        "script",
        "style",
        "template",
        "noscript",
        "iframe",
        "object",
        "svg",
        "math",
        "textarea",
        "title",
        "head",
    ]
)
_VOID = frozenset(
    ["br", "hr", "img", "input", "wbr", "meta", "link", "source", "area", "col", "embed", "track"]
)
_HIDING = re.compile(r"\b(?:invisible|quote-inline)\b")


class _Tag(NamedTuple):
    """One tag, read. `gap` is what it puts between the words around it."""

    name: str
    closing: bool
    gap: str
    hides: bool
    ellipsis: bool
    address: str | None
    classes: str


def plain(html: str) -> tuple[str, list[tuple[str, str]]]:
    """Text as a reader sees it, and `(address, classes)` of every link in it, in order.

    Paragraphs are parted by an empty line, `<br>` and list items by a line break.
    """
    if "<" not in html:
        return _tidy(unescape(html) if "&" in html else html, markup=False), []
    parts: list[str] = []
    links: list[tuple[str, str]] = []
    hidden = ""
    depth = ellipsis = 0
    for source, text in _simple(html) or _tokens(html):
        if source:
            tag = _KNOWN.get(source) or _read(source)
            name, closing, gap, hides, shortened, address, classes = tag
            if hidden:
                if name == hidden:
                    depth += -1 if closing else 1
                    if not depth:
                        hidden = ""
                        if text:
                            parts.append(text)
                continue
            if address is not None:
                links.append((address, classes))
            if hides:
                hidden, depth = name, 1
                continue
            if name == "span" and (ellipsis or shortened):
                ellipsis += -1 if closing else 1
                if not ellipsis:
                    parts.append("…")
            if gap:
                parts.append(gap)
        if text and not hidden:
            parts.append(text)
    return _tidy("".join(parts), markup=True), links


def _simple(html: str) -> list[tuple[str, str]] | None:
    """Every tag with the words after it, where a tag ends at the next `>` beyond doubt; else None."""
    if "<!" in html or "<?" in html:
        return None
    first, *rest = html.split("<")
    found = [("", _words(first))]
    for chunk in rest:
        source, end, text = chunk.partition(">")
        if not end or (
            source not in _KNOWN and ("'" in source or source.count('"') % 2 or not _NAMED(source))
        ):
            return None
        found.append((source, _words(text) if text else ""))
    return found


def _tokens(html: str) -> Iterator[tuple[str, str]]:
    """The same for any HTML: quoted `>`, comments, character data, and a `<` that is only a sign."""
    at = 0
    source = ""
    for found in _TAG.finditer(html):
        yield source, _words(html[at : found.start()])
        at = found.end()
        if found["name"] is None:
            source = ""
            if found["cdata"]:
                yield "", found["cdata"]
        else:
            source = found[0][1:-1]
    yield source, _words(html[at:])


def _read(source: str) -> _Tag:
    """A tag's inside (`/p`, `span class="invisible"`), and remembered if it is one of the many that recur."""
    if source.startswith('a href="'):
        to, _, rest = source[8:].partition('"')
        tag = _KNOWN.get(f"a {rest}") or _read(f"a {rest}")
        to = unescape(to) if "&" in to else to
        return _Tag("a", False, "", tag.hides, tag.ellipsis, to or None, tag.classes)
    closing = source.startswith("/")
    named = _NAME.match(source, 1 if closing else 0)
    name = named[0].lower() if named else ""
    classes = ""
    address = None
    if named and not closing and named.end() < len(source):
        for attribute in _ATTRIBUTE.finditer(source, named.end()):
            value = attribute[2] or attribute[3] or attribute[4] or ""
            if attribute[1].lower() == "class":
                classes = value
            elif address is None and name == "a":
                address = unescape(value) if "&" in value else value
    gap = "\n\n" if name in _PARAGRAPHS else "\n" if name in _LINES and not (closing and name == "br") else ""
    hides = not closing and (
        name in _RAW or (bool(classes) and name not in _VOID and _HIDING.search(classes) is not None)
    )
    tag = _Tag(name, closing, gap, hides, "ellipsis" in classes, address or None, classes)
    if address is None and len(source) < 160 and len(_KNOWN) < 1000:
        _KNOWN[source] = tag
    return tag


_KNOWN: dict[str, _Tag] = {}


def _words(text: str) -> str:
    """Text between two tags, where a line break is only a space."""
    if "\n" in text:
        text = text.replace("\n", " ")
    return unescape(text) if "&" in text else text


def _tidy(text: str, *, markup: bool) -> str:
    text = text.replace("\r", "")
    odd = "  " in text or "\t" in text or "\xa0" in text
    if not markup:
        return (_UNSEEN.sub(" ", text) if odd else text).strip()
    if odd:
        text = "\n".join([" ".join(line.split()) for line in text.split("\n")])
    elif "\n" in text:
        text = text.replace(" \n", "\n").replace("\n ", "\n")
    if "\n\n\n" in text:
        text = _BLANK_LINES.sub("\n\n", text)
    return text.strip()
