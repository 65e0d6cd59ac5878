"""Markdown of a post -> plain text and the addresses it links to.

https://spec.commonmark.org/, with what Reddit adds (https://www.reddit.com/wiki/markdown): tables, `~~struck~~`,
`>!spoilers!<`, `^raised`. A text falls into blocks, and most blocks are what they seem: words, a quotation, a list, a table,
code. Those are read here; the parser, which takes tens of times as long, sees only blocks that leave a doubt (a test holds both
against each other). Surprising: a line break is only a space, unless two spaces stand before it; quoted lines keep
their `> `, because they are somebody else's words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from markdown_it import MarkdownIt
from markdown_it.token import Token

from connectors._markdown_words import joined, words

MAX_BRACKETS = 2_000
"""More opening brackets than this are no links but an attack: the parser tries each against all that follow."""

_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"])
# each begins with a character that is looked for by itself: that is several times as fast to search for
_MARKS = re.compile(r"[\\`*\[|\t]|~~|>!|!<|_|<[a-zA-Z/!?]|&[#a-zA-Z]|\^")
_BEGIN = r"(?:[>|#]|[*+-](?:[ \t]|$)|-[-|:]|\*[ \t]*\*[ \t]*\*|_[ \t]*_[ \t]*_|\d+[.)]"
_BEGINS = re.compile(rf"[ \t]|{_BEGIN})", re.MULTILINE)
"""What a block begins with that may be no paragraph, or may go on with what stands before it."""
_BEGINS_BELOW = re.compile(rf"\n(?: {{4}}| *\t|[ \t]*{_BEGIN}|=|:-))", re.MULTILINE)
_CLOSES = re.compile(r"[>|#]|([*_-])(?:[ \t]*\1){2,}[ \t]*(?!.)").match
_ACROSS = re.compile(r"\n\*{3,} *(?=\n|\Z)")
_RULE = re.compile(r"([*_-])(?:[ \t]*\1){2,}[ \t]*").fullmatch
_BETWEEN = re.compile(r"(\n(?:[ \t]*\n)+)")
_HEADING = re.compile(r"#{1,6} ([^#\n]*)").fullmatch
_QUOTED = re.compile(r"> ?[^\s>][^\n]*(?:\n> ?[^\s>][^\n]*)*").fullmatch
_QUOTE = re.compile(r"^> ?", re.MULTILINE)
_ITEM = re.compile(r"( *)([*+-]|\d{1,9}[.)]) (?=[^ \n])").match
_SHIFTED = re.compile(rf" {{1,3}}(?![ \t]|{_BEGIN}))", re.MULTILINE).match
_CODE = re.compile(r" {4}[^\n]*(?:\n {4}[^\n]*)*").fullmatch
_COLUMNS = re.compile(r"(?!- )(?=[^|]*\|)(?:\| *)?:?-+:? *(?:\| *:?-+:? *)*\|? *").fullmatch
_MOST_CELLS = 65_536
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
    marked = is_marked(text) and text.count("[") <= MAX_BRACKETS
    text = quickly(text, links) if marked else unmarked(text)
    if "http" in text:
        links += (found.rstrip(".,;:!?*_~") for found in _ADDRESS.findall(text))
    return text, links


def is_marked(text: str) -> bool:
    """Whether there may be markup in it; most texts hold no sign of any."""
    if _MARKS.search(text) or _BEGINS.match(text):
        return True
    return "\n" in text and ("  \n" in text or _BEGINS_BELOW.search(text) is not None)


def unmarked(text: str) -> str:
    """The same for text without any markup."""
    text = text.strip()
    if "\n" not in text:
        return text
    return "\n\n".join(joined(paragraph) for paragraph in _PARAGRAPHS.split(text))


def quickly(text: str, links: list[str]) -> str:
    """As `parsed`, with the parser for those parts only that need it.

    After an empty line, one that begins with a word, a `#` or a `>` closes all that was open, and so the parts before
    and behind it know nothing of each other, unless there are fences or definitions of links.
    """
    text = _without_spoilers(text)
    out = _Out(links)
    if "```" in text or "~~~" in text or "]:" in text:
        out.take(_PARSER.parse(text))
        return out.text()
    if "\n***" in text:
        text = _ACROSS.sub("\n\n***\n", text)
    waiting: list[str] = []
    only_code = True
    parts = _BETWEEN.split(text.strip("\n"))
    for n in range(0, len(parts), 2):
        block = parts[n]
        if only_code and block[:1] == " " and _SHIFTED(block):
            block = block.lstrip(" ")
        begins = _BEGINS.match(block)
        if begins is not None and not _CLOSES(block):
            if only_code and waiting and block[0] not in " \t":
                out.together(waiting)
                waiting = []
            waiting += parts[n - 1 : n + 1] if waiting else [block]
            only_code = only_code and _CODE(block) is not None
            continue
        out.together(waiting)
        waiting, only_code = [], True
        if begins is None and not _BEGINS_BELOW.search(block):
            out.paragraph(block)
        elif not out.simple(block):
            waiting, only_code = [block], False
    out.together(waiting)
    return out.text()


def parsed(text: str, links: list[str]) -> str:
    """The text as the parser reads it; addresses of named links go to `links`."""
    out = _Out(links)
    out.take(_PARSER.parse(_without_spoilers(text)))
    return out.text()


def _without_spoilers(text: str) -> str:
    """Without the signs that only Reddit knows."""
    if ">!" in text:
        text = _SPOILER.sub(r"\1", text)
    return _RAISED.sub(r"\1", text) if "^" in text else text


class _Out:
    """What is written down, part by part, and the addresses of named links."""

    def __init__(self, links: list[str]) -> None:
        self._parts: list[str] = []
        self._links = links
        self._gap = ""

    def text(self) -> str:
        return "".join(self._parts).strip()

    def paragraph(self, block: str) -> None:
        self._gap = "\n\n"
        self._add(self._inline(block))

    def simple(self, block: str) -> bool:
        """A line across, or a heading, a quotation or a table that is nothing else; False for any other block."""
        if _RULE(block):
            pass
        elif heading := _HEADING(block):
            self.paragraph(heading[1])
        elif _QUOTED(block):
            inner = _QUOTE.sub("", block)
            if _BEGINS.match(inner) or _BEGINS_BELOW.search(inner):
                return False
            self._gap = "\n\n"
            self._add(_quoted(self._inline(inner)))
        elif rows := _rows(block):
            for row in rows:
                self._add(" ".join([self._inline(cell) for cell in row]).strip())
        else:
            return False
        self._gap = "\n\n"
        return True

    def together(self, parts: list[str]) -> None:
        """Blocks, and what stands between them, that may belong together: one list, or code, or for the parser."""
        if not parts:
            return
        blocks = parts[::2]
        if all(map(_CODE, blocks)):
            self._add("\n".join(line[4:] for line in "".join(parts).split("\n")).rstrip("\n"))
        elif not self._list(blocks):
            self.take(_PARSER.parse("".join(parts)))

    def _list(self, blocks: list[str]) -> bool:
        """One list of which no item holds more than words; False for anything else. An empty line parts all its items."""
        first = _ITEM(blocks[0])
        if first is None or first[1]:
            return False
        sign, nested = first[2][-1], first[2] if len(blocks) == 1 else None
        items: list[str] = []
        depths = [0]
        for block in blocks:
            for n, line in enumerate(block.split("\n")):
                mark = _ITEM(line)
                if mark is not None and mark[2][-1] == sign and _is_item(mark, depths, nested):
                    items.append(line[len(mark[0]) :])
                elif n == 0 or _BEGINS.match(line.lstrip(" ")):
                    return False
                else:
                    items[-1] += f"\n{line[min(depths[-1], len(line) - len(line.lstrip(' '))) :]}"
        if any(map(_BEGINS.match, items)):
            return False
        self._gap = "\n\n"
        for item in items:
            if len(blocks) > 1:
                self._gap = "\n\n"
            self._add(self._inline(item))
        self._gap = "\n\n"
        return True

    def take(self, tokens: Iterable[Token]) -> None:
        """What the parser found."""
        row: list[str] | None = None
        quotes = 0
        for token in tokens:
            kind = token.type
            if kind == "inline":
                found = _words(token.children or (), self._links)
                if row is not None:
                    row.append(found)
                    continue
            elif kind == "fence" or kind == "code_block":
                found = token.content.rstrip("\n")
            elif kind == "tr_open":
                row = []
                continue
            elif kind == "tr_close":
                found, row = " ".join(row or ()).strip(), None
            else:
                if kind.startswith("blockquote_"):
                    quotes += token.nesting
                    self._gap = "\n\n"
                elif (kind == "paragraph_open" and not token.hidden) or (kind in _APART and not token.level):
                    self._gap = "\n\n"
                continue
            self._add(_quoted(found) if quotes else found)

    def _inline(self, block: str) -> str:
        found = words(block, self._links)
        if found is not None:
            return found
        return "".join(
            _words(token.children or (), self._links) for token in _PARSER.parseInline(block.strip())
        )

    def _add(self, found: str) -> None:
        if found:
            self._parts.append(self._gap if self._parts else "")
            self._parts.append(found)
            self._gap = "\n"


def _is_item(mark: re.Match[str], depths: list[int], nested: str | None) -> bool:
    """Whether a line is an item, below one of the items before it or beside them; `depths` are where their words begin.

    `nested`: the sign that items at the top have; without one, all have to be there.
    """
    indent = len(mark[1])
    if not indent:
        del depths[1:]
        depths.append(len(mark[0]))
        return nested is None or mark[2] == nested
    while indent < depths[-1]:
        depths.pop()
    if (
        nested is None
        or mark[2][0].isdigit()
        or indent - depths[-1] > 3
        or (len(depths) == 1 and mark[2] != nested)
    ):
        return False
    depths.append(len(mark[0]))
    return True


def _rows(block: str) -> list[list[str]]:
    """The cells of a table that is nothing else, row by row; no row of any other block."""
    lines = block.split("\n")
    if len(lines) < 2 or "\\" in block or not _COLUMNS(lines[1]):
        return []
    width = len(_cells(lines.pop(1)))
    if any("|" not in line or (line[0] != "|" and _BEGINS.match(line)) for line in lines):
        return []
    rows = [_cells(line) for line in lines]
    if len(rows[0]) != width or width * len(rows) > _MOST_CELLS:
        return []
    return [row[:width] for row in rows]


def _cells(line: str) -> list[str]:
    cells = line.strip(" \t").split("|")
    return cells[not cells[0] : len(cells) - (not cells[-1])]


def _quoted(found: str) -> str:
    return "\n".join(f"> {line}" for line in found.split("\n")) if found else ""


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
