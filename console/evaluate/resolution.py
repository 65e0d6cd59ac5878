"""How often a post is tied to the right record: rows that a person has judged, held against what the digest found.

    simulator/names   the rows and the records that they may be about, or a folder of others
    resolving         rows through the real digest -> matches
    here              matches + judgements -> precision, recall, what must never happen, and each mistake

Surprising: precision and recall count matches, not posts. A comparison of two companies is right twice, and a post
about nobody can only lower precision. Beside the rows, posts that people wrote about anything (the truth sets,
where they are) are heard by an organisation whose customers are all called like an ordinary word.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from console.evaluate.figures import Share, share
from console.evaluate.report import Bar, Part, Table, of_share, percent
from console.evaluate.resolving import Found, Heard, hear, throwaway
from console.refusal import CannotDo
from simulator.names import HERE, Meant, Names, Row, Unreadable, read

PRECISION: Final = 0.995
RECALL: Final = 0.90
IMITATED: Final = ("impersonator", "recycled")
ORDINARY: Final = ("dictionary",)
UNRELATED: Final = ("airline_us", "complaints19", "semeval17_test")
"""Truth sets of `complaints/` whose texts are heard as posts about nobody whom we know."""
TITLE: Final = "What posts are tied to (rows of companies, people and campaigns)"


class Wrong(msgspec.Struct, frozen=True):
    """One mistake: `linked` to whom it should not be, `missed`, `suggested` wrongly, or `stands` on another account.

    `how` and `evidence` are the digest's reasons; of a missed one those of its suggestion, if it got so far.
    """

    problem: str
    row: str
    group: str
    record: str
    how: str | None
    evidence: str | None
    text: str
    note: str


class Count(msgspec.Struct, frozen=True):
    """Matches of one group of rows, or by one way of finding them. `wanted` is 0 where that cannot be told."""

    name: str
    rows: int
    right: int
    wrong: int
    wanted: int
    suggested_right: int
    suggested_wrong: int


class Unrelated(msgspec.Struct, frozen=True):
    """Posts about nobody whom we know: how many were tied to somebody, and how many got a suggestion."""

    posts: int
    linked: int
    suggested: int
    companies: int
    wrong: list[Wrong]


class Resolution(msgspec.Struct, frozen=True):
    """The whole measurement. `imitated` and `ordinary` are rows with a match that must never be, of all such rows.

    `hinted` are expected records that were only suggested; `stands` are events that show the right account.
    """

    rows: int
    precision: Share
    recall: Share
    hinted: Share
    suggestions: Share
    imitated: Share
    ordinary: Share
    stands: Share
    groups: list[Count]
    ways: list[Count]
    unrelated: Unrelated | None
    wrong: list[Wrong]

    @property
    def bars(self) -> list[Bar]:
        """What a release is held to."""
        found = [
            of_share(
                "resolution: precision of what is tied unasked", self.precision, PRECISION, at_least=True
            ),
            of_share("resolution: recall of what is tied unasked", self.recall, RECALL, at_least=True),
            _none("resolution: impersonators tied to the imitated", self.imitated.hits, self.imitated.of),
            _none("resolution: bare ordinary words tied to a company", self.ordinary.hits, self.ordinary.of),
        ]
        if self.unrelated is not None:
            linked, posts = self.unrelated.linked, self.unrelated.posts
            found.append(_none("resolution: unrelated posts tied to a company", linked, posts))
        return found


def _none(what: str, hits: int, of: int) -> Bar:
    """The bar of what may never be."""
    return Bar(what, hits, 0, at_least=False, of=of)


def evaluate(url: str, names: Names, truth: Path | None = None, org: str = "evaluate") -> Resolution:
    """Hear the rows in a new organisation of the migrated database at `url`, and judge what became of them.

    `truth` is the folder of the truth sets; without the three files that are needed, that half is left out.
    """
    heard = hear(url, names, org)
    texts = unrelated_texts(truth) if truth else []
    unrelated = _unrelated(url, names, texts, f"{org} unrelated") if texts else None
    return judge(names, heard, unrelated)


def in_throwaway(rows: Path | None = None, truth: Path | None = None) -> Resolution:
    """The same in a database of its own that is gone afterwards. `rows` is a folder; None: the shipped one.

    Raises CannotDo when the folder cannot be read, before anything is started.
    """
    try:
        names = read(rows or HERE)
    except Unreadable as wrong:
        raise CannotDo(f"{wrong}.") from None
    with throwaway() as url:
        return evaluate(url, names, truth)


def resolution(folder: Path, track: object = None) -> Part:
    """The part of `earshot evaluate all`. `folder` is that of the truth sets; it takes about 20 seconds."""
    return part(in_throwaway(truth=folder))


# --- judging -------------------------------------------------------------------------------------------


def judge(names: Names, heard: dict[str, Heard], unrelated: Unrelated | None = None) -> Resolution:
    """What was found held against what was expected. Pure."""
    groups: dict[str, Counter[str]] = {}
    ways: dict[str, Counter[str]] = {}
    wrong: list[Wrong] = []
    imitated, ordinary, stands = Counter[str](), Counter[str](), Counter[str]()
    for row in names.rows:
        told = heard.get(row.id, Heard([], None))
        mistakes = _row(row, told, groups.setdefault(row.group, Counter()), ways)
        linked = any(one.problem == "linked" for one in mistakes)
        for kinds, tally in ((IMITATED, imitated), (ORDINARY, ordinary)):
            if row.group.startswith(kinds):
                tally["of"] += 1
                tally["hits"] += linked
        if row.stands_on:
            right = (told.account or "-") == row.stands_on
            stands.update(of=1, hits=right)
            if not right and not mistakes:
                shown = f"{told.account or 'nobody'} instead of {row.stands_on.replace('-', 'nobody')}"
                mistakes.append(_wrong("stands", row, shown))
        wrong += mistakes
    total = sum(groups.values(), Counter())
    suggested = total["suggested right"] + total["suggested wrong"]
    return Resolution(
        rows=len(names.rows),
        precision=share(total["right"], total["right"] + total["wrong"]),
        recall=share(total["right"], total["wanted"]),
        hinted=share(total["hinted"], total["wanted"]),
        suggestions=share(total["suggested right"], suggested),
        imitated=share(imitated["hits"], imitated["of"]),
        ordinary=share(ordinary["hits"], ordinary["of"]),
        stands=share(stands["hits"], stands["of"]),
        groups=[_count(name, tally) for name, tally in sorted(groups.items())],
        ways=[_count(name, tally) for name, tally in sorted(ways.items())],
        unrelated=unrelated,
        wrong=wrong,
    )


def _row(row: Row, told: Heard, group: Counter[str], ways: dict[str, Counter[str]]) -> list[Wrong]:
    """Count one row, and say what is wrong with it."""
    live = {found.record: found for found in told.matches if not found.suggested}
    hints = {found.record: found for found in told.matches if found.suggested}
    mistakes = []
    group.update(rows=1, wanted=len(row.expected))
    for record, found in live.items():
        if record in row.allowed:
            continue
        verdict = "right" if record in row.expected else "wrong"
        for tally in (group, ways.setdefault(found.how, Counter())):
            tally[verdict] += 1
        if verdict == "wrong":
            mistakes.append(_wrong("linked", row, str(record), found))
    for record, found in hints.items():
        fair = record in row.expected | row.allowed | row.may_suggest
        for tally in (group, ways.setdefault(found.how, Counter())):
            tally["suggested right" if fair else "suggested wrong"] += 1
        if not fair:
            mistakes.append(_wrong("suggested", row, str(record), found))
    for record in sorted(row.expected - live.keys()):
        group["hinted"] += record in hints
        mistakes.append(_wrong("missed", row, str(record), hints.get(record)))
    return mistakes


def _wrong(problem: str, row: Row, record: str, found: Found | None = None) -> Wrong:
    how, evidence = (found.how, found.evidence) if found else (None, None)
    return Wrong(problem, row.id, row.group, record, how, evidence, row.text, row.note)


def _count(name: str, tally: Counter[str]) -> Count:
    columns = ("rows", "right", "wrong", "wanted", "suggested right", "suggested wrong")
    return Count(name, *(tally[column] for column in columns))


# --- posts about nobody --------------------------------------------------------------------------------


def unrelated_texts(folder: Path) -> list[str]:
    """The texts of the truth sets, read where they lie; none unless all three files are there."""
    files = [folder / "complaints" / f"{name}.tsv" for name in UNRELATED]
    if not all(file.is_file() for file in files):
        return []
    texts = []
    for file in files:
        with file.open(encoding="utf-8", newline="\n") as lines:
            rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
            texts += [row["text"] for row in rows]
    return texts


def _unrelated(url: str, names: Names, texts: Sequence[str], org: str) -> Unrelated:
    """Real posts, heard by an organisation that knows the companies of one ordinary word and nobody else.

    Tags count as such. Handles do not: they are other people's, and whose is not in the sets.
    """
    companies = tuple(replace(one, aliases=()) for one in names.companies if one.ordinary)
    rows = tuple(_stranger(at, words) for at, words in enumerate(texts))
    heard = hear(url, Names(companies, (), (), (), rows), org)
    judged = judge(Names(companies, (), (), (), rows), heard)
    posts = {
        problem: {one.row for one in judged.wrong if one.problem == problem}
        for problem in ("linked", "suggested")
    }
    linked = [one for one in judged.wrong if one.problem == "linked"]
    return Unrelated(len(rows), len(posts["linked"]), len(posts["suggested"]), len(companies), linked)


def _stranger(at: int, words: str) -> Row:
    tags = tuple(re.findall(r"#(\w+)", words))
    links = tuple(re.findall(r"https?://\S+", words))
    day, nobody = date(2026, 6, 1), frozenset[Meant]()
    return Row(
        *(f"unrelated {at}", "unrelated", "x", day, str(at), f"reader{at}", words, (), tags, links, "", ""),
        *(nobody, nobody, nobody, "", ""),
    )


# --- showing -------------------------------------------------------------------------------------------


def part(found: Resolution) -> Part:
    """The measurement as `earshot evaluate` prints it."""
    precision, recall = percent(found.precision), percent(found.recall)
    imitated, ordinary = found.imitated, found.ordinary
    notes = [
        f"{found.rows:,} rows. Tied unasked: precision {precision} %, recall {recall} %.",
        f"Of what was missed, {found.hinted.hits} are suggested at least.",
        f"Suggestions that a person would have made too: {percent(found.suggestions)} %.",
        f"Events that stand on the right account: {percent(found.stands)} %.",
        f"Impersonators and recycled handles tied: {imitated.hits} of {imitated.of}.",
        f"Bare ordinary words tied: {ordinary.hits} of {ordinary.of}.",
    ]
    if found.unrelated is not None:
        told = found.unrelated
        notes.append(
            f"Of {told.posts:,} unrelated posts, {told.companies} companies called like an ordinary word were tied to"
            f" {told.linked} ({_per_10k(told.linked, told.posts)} in 10,000) and suggested for {told.suggested}"
            f" ({_per_10k(told.suggested, told.posts)} in 10,000)."
        )
    else:
        notes.append("SKIPPED: the unrelated posts, whose texts are not in the folder of truth sets.")
    lacks = ["unrelated posts"] if found.unrelated is None else []
    return Part("resolution", TITLE, [_by_group(found), _by_way(found)], found.bars, notes, lacks=lacks)


def _per_10k(hits: int, of: int) -> str:
    return f"{hits / of * 10_000:.1f}"


_VERDICTS: Final = [">right", ">wrong", ">suggested rightly", ">wrongly"]


def _by_group(found: Resolution) -> Table:
    rows = [
        [
            *(one.name, f"{one.rows:,}", f"{one.wanted:,}", *_verdicts(one)),
            percent(share(one.right, one.wanted)),
        ]
        for one in found.groups
    ]
    return Table("By what the row is", ["group", ">rows", ">expected", *_VERDICTS, ">recall %"], rows)


def _by_way(found: Resolution) -> Table:
    rows = [
        [one.name, *_verdicts(one), percent(share(one.right, one.right + one.wrong))] for one in found.ways
    ]
    return Table("By how it was found", ["how", *_VERDICTS, ">precision %"], rows)


def _verdicts(one: Count) -> list[str]:
    return [f"{number:,}" for number in (one.right, one.wrong, one.suggested_right, one.suggested_wrong)]


def mistakes(found: Resolution) -> Table:
    """Each row that is wrong: what is wrong with it, why it was found, and its text."""
    return Table(
        "Mistakes",
        ["row", "group", "what", "~record", "~how", "~text"],
        [
            [
                one.row,
                one.group,
                one.problem,
                one.record,
                _why(one),
                one.text + (f"  ({one.note})" if one.note else ""),
            ]
            for one in found.wrong
        ],
    )


def _why(one: Wrong) -> str:
    return f"{one.how}: {one.evidence or '–'}" if one.how else ""
