"""HTML of a post -> plain text and the addresses it links to, in one pass over its tags.

Not a browser: no tree is built, so an unclosed element hides nothing but itself. Text in a post is short
and there are millions of them, therefore one regular expression and no parser (a test holds it against
a real one on every recording). Documented for Mastodon at https://docs.joinmastodon.org/spec/activitypub/#sanitization;
surprising: a link's text there is in three spans, of which `invisible` ones are not shown.
"""

from __future__ import annotations

import re
from html import unescape

_TAG = re.compile(
    r"""<!--.*?(?:-->|\Z)|<!\[CDATA\[(?P<cdata>.*?)(?:\]\]>|\Z)|<[!?][^>]*>?"""
    r"""|<(?P<end>/?)(?P<name>[a-zA-Z][^\s/>]*)(?P<attributes>(?:[^<>"']|"[^"]*"|'[^']*'|["'](?=[^"']*>))*)>""",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(
    r"""(?:^|[\s"'/])(href|class)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""", re.IGNORECASE
)
_UNSEEN = re.compile(r"[^\S\n]+")
_EDGES = re.compile(r" ?\n ?")
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


def plain(html: str) -> tuple[str, list[tuple[str, str]]]:
    """Text as a reader sees it, and `(address, classes)` of every link in it, in order.

    Paragraphs are parted by an empty line, `<br>` and list items by a line break.
    """
    if "<" not in html:
        return _tidy(unescape(html) if "&" in html else html, markup=False), []
    parts: list[str] = []
    links: list[tuple[str, str]] = []
    hidden = ""
    depth = at = 0
    ellipsis = 0
    for found in _TAG.finditer(html):
        start = found.start()
        if start > at and not hidden:
            parts.append(_words(html[at:start]))
        at = found.end()
        tag = found["name"]
        if tag is None:
            if found["cdata"] and not hidden:
                parts.append(found["cdata"])
            continue
        tag = tag.lower()
        closing = bool(found["end"])
        if hidden:
            if tag == hidden:
                depth += -1 if closing else 1
                if not depth:
                    hidden = ""
            continue
        if closing:
            if ellipsis and tag == "span":
                ellipsis -= 1
                if not ellipsis:
                    parts.append("…")
        elif tag in _RAW:
            hidden, depth = tag, 1
            continue
        elif found["attributes"]:
            classes = ""
            address = None
            for attribute in _ATTRIBUTE.finditer(found["attributes"]):
                value = attribute[2] or attribute[3] or attribute[4] or ""
                if attribute[1].lower() == "class":
                    classes = value
                elif address is None:
                    address = unescape(value) if "&" in value else value
            if tag == "a" and address:
                links.append((address, classes))
            if classes and tag not in _VOID and _HIDING.search(classes):
                hidden, depth = tag, 1
                continue
            if tag == "span":
                if ellipsis:
                    ellipsis += 1
                elif "ellipsis" in classes:
                    ellipsis = 1
        elif ellipsis and tag == "span":
            ellipsis += 1
        if tag in _PARAGRAPHS:
            parts.append("\n\n")
        elif tag in _LINES and not (closing and tag == "br"):
            parts.append("\n")
    if at < len(html) and not hidden:
        parts.append(_words(html[at:]))
    return _tidy("".join(parts), markup=True), links


def _words(text: str) -> str:
    """Text between two tags, where a line break is only a space."""
    if "\n" in text:
        text = text.replace("\n", " ")
    return unescape(text) if "&" in text else text


def _tidy(text: str, *, markup: bool) -> str:
    text = text.replace("\r", "")
    if "  " in text or "\t" in text or "\xa0" in text:
        text = _UNSEEN.sub(" ", text)
    if markup and "\n" in text:
        text = _EDGES.sub("\n", text)
        text = _BLANK_LINES.sub("\n\n", text)
    return text.strip()
