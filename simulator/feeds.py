"""The feeds of the world: an RSS news feed, an Atom forum feed (RFC 4685 threading), a JSON Feed of blogs.

Validators as on a real server: an ETag over the body, Last-Modified of the newest change, and 304 when
If-None-Match (asked first) or If-Modified-Since says that the reader has it already.
"""

from __future__ import annotations

import hashlib
import html
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from simulator.answers import Answer, Item, encoded
from simulator.markup import feed_html, feed_text
from simulator.stage import Said, Stage

FEEDS = {
    "news.rss": ("news", "application/rss+xml; charset=utf-8"),
    "forum.atom": ("forum", "application/atom+xml; charset=utf-8"),
    "blogs.json": ("blogs", "application/feed+json; charset=utf-8"),
}
NEWEST = 200
"""Entries in a feed, at most."""


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _xml(text: str) -> str:
    """Escaped for XML, which has no way to write NUL or half a surrogate."""
    return html.escape("".join(char for char in text if char >= " " or char in "\n\t"), quote=True)


class Feeds:
    """Three documents."""

    platform = "feeds"

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def answer(self, path: str, headers: Mapping[str, str], mischief: frozenset[str]) -> Answer:
        """The answer to GET `path`, without limits and transport faults."""
        name = path.strip("/")
        if name not in FEEDS:
            return Answer(
                status=404, body=b"<html><body><h1>Not Found</h1></body></html>", media_type="text/html"
            )
        feed, media_type = FEEDS[name]
        entries = [said for said in self.stage.on("feeds") if said.line.feed == feed]
        entries.sort(key=lambda said: said.edited_at or said.indexed_at, reverse=True)
        entries = entries[:NEWEST]
        shown = list(entries)
        if "duplicated" in mischief and shown:
            shown.append(shown[0])
        if "reordered" in mischief:
            random.Random(len(shown)).shuffle(shown)
        changed = max((said.edited_at or said.indexed_at for said in entries), default=self.stage.start)
        write = {"news": self._rss, "forum": self._atom, "blogs": self._json}[feed]
        body = write(shown, changed)
        validators = {
            "ETag": f'"{hashlib.sha256(body).hexdigest()[:24]}"',
            "Last-Modified": format_datetime(changed.astimezone(UTC), usegmt=True),
            "Cache-Control": "max-age=0",
        }
        if _unchanged(headers, validators, changed):
            return Answer(status=304, headers=validators, via=feed)
        items = tuple(
            Item("reject", one.line.key)
            if one.line.poison == "no_id"
            else Item("post", one.line.external_id, one.version)
            for one in shown
        )
        return Answer(body=body, media_type=media_type, headers=validators, items=items, via=feed)

    def _rss(self, entries: Sequence[Said], changed: datetime) -> bytes:
        items = "".join(self._rss_item(said) for said in entries)
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" '
            'xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>'
            "<title>The Grind: news of the trade</title><link>https://news.example/</link>"
            "<description>Coffee, equipment, hospitality</description><language>en</language>"
            f"<lastBuildDate>{format_datetime(changed)}</lastBuildDate>{items}</channel></rss>"
        ).encode()

    def _rss_item(self, said: Said) -> str:
        line, people = said.line, self.stage.script.cast
        if line.poison == "no_id":
            return "<item></item>"
        body = feed_html(said.text, people).replace("]]>", "]]&gt;")
        return (
            f"<item><title>{_xml(line.title or 'Trade notes')}</title><link>{line.external_id}</link>"
            f'<guid isPermaLink="true">{line.external_id}</guid><dc:creator>{_xml(line.by.name)}</dc:creator>'
            f"<pubDate>{format_datetime(said.created_at)}</pubDate><content:encoded><![CDATA[{body}]]></content:encoded></item>"
        )

    def _atom(self, entries: Sequence[Said], changed: datetime) -> bytes:
        written = "".join(self._atom_entry(said) for said in entries)
        return (
            '<?xml version="1.0" encoding="utf-8"?>\n'
            '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:thr="http://purl.org/syndication/thread/1.0">'
            "<title>brewtalk: the machine room</title><id>tag:brewtalk.example,2026:machine-room</id>"
            f'<link rel="alternate" href="https://brewtalk.example/machines"/><updated>{_time(changed)}</updated>{written}</feed>'
        ).encode()

    def _atom_entry(self, said: Said) -> str:
        line, people = said.line, self.stage.script.cast
        link = f"https://brewtalk.example/p/{line.external_id.rsplit('-', 1)[1]}"
        answers = ""
        if line.reply_to:
            ref = self.stage.said[line.reply_to].line.external_id
            answers = (
                f'<thr:in-reply-to ref="{ref}" href="https://brewtalk.example/p/{ref.rsplit("-", 1)[1]}"/>'
            )
        email = f"<email>{_xml(line.by.email)}</email>" if line.by.email else ""
        language = f' xml:lang="{line.lang}"' if line.lang else ""
        return (
            f"<entry{language}><title>{_xml(line.title or 'Machine room')}</title><id>{line.external_id}</id>"
            f'<link rel="alternate" href="{link}"/>'
            f"<author><name>{_xml(line.by.name or line.by.forum)}</name><uri>{line.by.forum_uri}</uri>{email}</author>"
            f"<published>{_time(said.created_at)}</published><updated>{_time(said.edited_at or said.created_at)}</updated>"
            f'{answers}<content type="html">{_xml(feed_html(said.text, people))}</content></entry>'
        )

    def _json(self, entries: Sequence[Said], changed: datetime) -> bytes:
        document = {
            "version": "https://jsonfeed.org/version/1.1",
            "title": "Small blogs about coffee",
            "home_page_url": "https://blogs.example/",
            "items": [self._json_item(said) for said in entries],
        }
        return encoded(document)

    def _json_item(self, said: Said) -> dict[str, Any]:
        line, people = said.line, self.stage.script.cast
        item: dict[str, Any] = {
            "id": line.external_id,
            "url": line.external_id,
            "content_text": feed_text(said.text, people),
            "date_published": _time(said.created_at),
            "authors": [{"name": line.by.name or line.by.forum, "url": line.by.forum_uri}],
        }
        if line.title:
            item["title"] = line.title
        if line.lang:
            item["language"] = line.lang
        if said.edited_at:
            item["date_modified"] = _time(said.edited_at)
        return item


def _unchanged(headers: Mapping[str, str], validators: Mapping[str, str], changed: datetime) -> bool:
    asked = headers.get("if-none-match")
    if asked is not None:
        return asked == "*" or validators["ETag"] in [
            one.strip().removeprefix("W/") for one in asked.split(",")
        ]
    since = headers.get("if-modified-since")
    if since is None:
        return False
    try:
        return changed.replace(microsecond=0) <= parsedate_to_datetime(since)
    except (TypeError, ValueError):
        return False
