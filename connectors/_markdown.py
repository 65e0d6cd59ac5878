"""Markdown of a post -> plain text and the addresses it links to.

https://spec.commonmark.org/, with what Reddit adds (https://www.reddit.com/wiki/markdown): tables, `~~struck~~`,
`>!spoilers!<`, `^raised`. Most posts hold no markup at all: those never meet the parser (a test holds both ways
against each other on every recording). Surprising: a line break is only a space, unless two spaces stand before it;
quoted lines keep their `> `, because they are somebody else's words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from markdown_it import MarkdownIt
from markdown_it.token import Token

MAX_BRACKETS = 2_000
"""More opening brackets than this are no links but an attack: the parser tries each against all that follow."""

_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"])
_SUSPECT = re.compile(r"[\\`*\[|~><_&^#+=\t]|\A *[-\d]|  ")
_AT_A_LINE = re.compile(r"\n *[-\d]")
_MARKUP = re.compile(
    r"""[\\`*\[|]|~~|>!|!<|(?<!\w)_|_(?!\w)|<[a-zA-Z/!?]|&[#a-zA-Z]|(?<!\S)\^|\ \ $"""
    r"""|^[ \t]*(?:[#>+=-]|\d+[.)])|^(?:\ {4}|\ *\t)""",
    re.MULTILINE,
)
_BEYOND_DOUBT = re.compile(
    r"\[([^][()\n!*_~^]+)\]\((https?://[^\s()]+)\)"
    r"|(?<![^\s(])(\*{1,3})(\w(?:[^*_\[\n]*\w)?)\3(?![^\s.,;:!?)])"
)
_SPOILER = re.compile(r">!(.*?)!<", re.DOTALL)
_RAISED = re.compile(r"(?<!\S)\^+(?:\(([^()]*)\)|(?=[A-Za-z0-9]))")
_PARAGRAPHS = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
_ADDRESS = re.compile(r"""https?://[^\s<>()\[\]{}"'`\\^|]+(?:\([^\s<>()]*\)[^\s<>()\[\]]*)*""")


def plain(markdown: str) -> tuple[str, list[str]]:
    """Text as a reader sees it, and the address of every link in it: named ones first, then bare ones.

    Paragraphs are parted by an empty line, list items and table rows by a line break.
    """
    text = markdown.replace("\r\n", "\n").replace("\r", "\n") if "\r" in markdown else markdown
    links: list[str] = []
    if not is_marked(text) or text.count("[") > MAX_BRACKETS:
        text = unmarked(text)
    else:
        text = _lightly(text, links) or parsed(text, links)
    if "http" in text:
        links += (found.rstrip(".,;:!?*_~") for found in _ADDRESS.findall(text))
    return text, links


def is_marked(text: str) -> bool:
    """Whether there may be markup in it; most texts hold no sign of any."""
    if not _SUSPECT.search(text) and not ("\n" in text and _AT_A_LINE.search(text)):
        return False
    return _MARKUP.search(text) is not None


def unmarked(text: str) -> str:
    """The same for text without any markup."""
    text = text.strip()
    if "\n" not in text:
        return text
    return "\n\n".join(
        " ".join(line.strip(" \t") for line in paragraph.split("\n")) for paragraph in _PARAGRAPHS.split(text)
    )


def _lightly(text: str, links: list[str]) -> str | None:
    """The same where all markup is plain links and emphasis that nothing else can change; None elsewhere."""
    addresses: list[str] = []

    def shown(found: re.Match[str]) -> str:
        if found[2]:
            addresses.append(found[2])
        return found[1] or found[4]

    light = _BEYOND_DOUBT.sub(shown, text)
    if is_marked(light):
        return None
    links += addresses
    return unmarked(light)


def parsed(text: str, links: list[str]) -> str:
    """The same for any text; addresses of named links go to `links`."""
    if ">!" in text:
        text = _SPOILER.sub(r"\1", text)
    if "^" in text:
        text = _RAISED.sub(r"\1", text)
    out: list[str] = []
    row: list[str] | None = None
    quotes = 0
    gap = ""
    for token in _PARSER.parse(text):
        kind = token.type
        if kind == "inline":
            words = _words(token.children or (), links)
            if row is not None:
                row.append(words)
                continue
        elif kind == "fence" or kind == "code_block":
            words = token.content.rstrip("\n")
        elif kind == "tr_open":
            row = []
            continue
        elif kind == "tr_close":
            words, row = " ".join(row or ()).strip(), None
        else:
            if kind.startswith("blockquote_"):
                quotes += token.nesting
                gap = "\n\n"
            elif (kind == "paragraph_open" and not token.hidden) or (kind in _APART and not token.level):
                gap = "\n\n"
            continue
        if words:
            if quotes:
                words = "\n".join(f"> {line}" for line in words.split("\n"))
            out.append(gap if out else "")
            out.append(words)
            gap = "\n"
    return "".join(out).strip()


_APART = frozenset(
    [
        "heading_open",
        "heading_close",
        "hr",
        "table_close",
        "bullet_list_open",
        "bullet_list_close",
        "ordered_list_open",
        "ordered_list_close",
    ]
)
"""Before and after these stands an empty line, unless they are within something else."""


def _words(children: Iterable[Token], links: list[str]) -> str:
    parts: list[str] = []
    for token in children:
        kind = token.type
        if kind == "text" or kind == "code_inline":
            parts.append(token.content)
        elif kind == "softbreak":
            parts.append(" ")
        elif kind == "hardbreak":
            parts.append("\n")
        elif kind == "link_open":
            links.append(str(token.attrs.get("href", "")))
        elif kind == "image":
            links.append(str(token.attrs.get("src", "")))
            parts.append(_words(token.children or (), links))
    return "".join(parts).strip()
