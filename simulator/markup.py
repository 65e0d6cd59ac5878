"""The text of a post in each platform's markup: Mastodon's HTML, Bluesky's facets, a feed's HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from simulator.lines import MENTION
from simulator.people import HOME_INSTANCE, Person

PARTS = re.compile(
    r"@\{(?P<who>[a-z_-]+)\}|(?<![\w&/])#(?P<tag>\w+)|(?P<url>https?://[^\s<>\"]+[^\s<>\".,!?;:)])"
)


@dataclass(frozen=True)
class Part:
    """A piece of a text. For a mention `value` is the person's key, for a hashtag the tag without #."""

    kind: Literal["text", "mention", "hashtag", "link"]
    value: str


def parts(text: str) -> Iterator[Part]:
    """The text as plain stretches, mentions, hashtags and links."""
    at = 0
    for found in PARTS.finditer(text):
        if found.start() > at:
            yield Part("text", text[at : found.start()])
        if found["who"]:
            yield Part("mention", found["who"])
        elif found["tag"]:
            yield Part("hashtag", found["tag"])
        else:
            yield Part("link", found["url"])
        at = found.end()
    if at < len(text):
        yield Part("text", text[at:])


def mentioned(text: str) -> list[str]:
    """Keys of the people that a text mentions, each once, in order."""
    return list(dict.fromkeys(MENTION.findall(text)))


def hashtags(text: str) -> list[str]:
    """The hashtags of a text as written, each once, in order."""
    return list(dict.fromkeys(part.value for part in parts(text) if part.kind == "hashtag"))


def account_name(person: Person) -> str:
    """`acct` on our Mastodon server: bare for local people, `user@host` for everybody else."""
    return person.mastodon.removesuffix(f"@{HOME_INSTANCE}")


def mastodon_html(text: str, people: Mapping[str, Person]) -> str:
    """The text as Mastodon renders it: paragraphs, links with hidden ends, mentions and tags as anchors."""
    out: list[str] = []
    for part in parts(text):
        if part.kind == "mention":
            person = people[part.value]
            user = person.mastodon.split("@")[0]
            out.append(
                f'<span class="h-card" translate="no"><a href="{person.mastodon_url}" class="u-url mention">'
                f"@<span>{user}</span></a></span>"
            )
        elif part.kind == "hashtag":
            href = f"https://{HOME_INSTANCE}/tags/{part.value.lower()}"
            out.append(f'<a href="{href}" class="mention hashtag" rel="tag">#<span>{part.value}</span></a>')
        elif part.kind == "link":
            out.append(_anchor(part.value))
        else:
            out.append(html.escape(part.value, quote=True).replace("&#x27;", "&#39;"))
    paragraphs = "".join(out).split("\n\n")
    return "".join(f"<p>{paragraph.replace(chr(10), '<br />')}</p>" for paragraph in paragraphs)


def _anchor(url: str) -> str:
    scheme, rest = url.split("://", 1)
    shown, hidden = rest[:30], rest[30:]
    kind = "ellipsis" if hidden else ""
    return (
        f'<a href="{html.escape(url)}" target="_blank" rel="nofollow noopener" translate="no">'
        f'<span class="invisible">{scheme}://</span><span class="{kind}">{html.escape(shown)}</span>'
        f'<span class="invisible">{html.escape(hidden)}</span></a>'
    )


def bluesky_text(text: str, people: Mapping[str, Person]) -> tuple[str, list[dict[str, Any]]]:
    """Plain text and its facets; a facet's ends are counted in bytes of UTF-8, the end exclusive."""
    shown = ""
    facets: list[dict[str, Any]] = []
    for part in parts(text):
        if part.kind == "text":
            shown += part.value
            continue
        start = _length(shown)
        if part.kind == "mention":
            person = people[part.value]
            shown += f"@{person.bluesky}"
            feature = {"$type": "app.bsky.richtext.facet#mention", "did": person.did}
        elif part.kind == "hashtag":
            shown += f"#{part.value}"
            feature = {"$type": "app.bsky.richtext.facet#tag", "tag": part.value}
        else:
            rest = part.value.split("://", 1)[1]
            shown += rest if len(rest) <= 27 else f"{rest[:24]}..."
            feature = {"$type": "app.bsky.richtext.facet#link", "uri": part.value}
        facets.append({"features": [feature], "index": {"byteStart": start, "byteEnd": _length(shown)}})
    return shown, facets


def _length(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def feed_text(text: str, people: Mapping[str, Person]) -> str:
    """Plain text as a forum would show it: mentions by user name, tags and links as typed."""
    return MENTION.sub(lambda found: f"@{people[found[1]].forum}", text)


def feed_html(text: str, people: Mapping[str, Person]) -> str:
    """The same as HTML, with its links as anchors."""
    out = [
        f'<a href="{html.escape(part.value)}">{html.escape(part.value)}</a>'
        if part.kind == "link"
        else html.escape(f"#{part.value}" if part.kind == "hashtag" else part.value)
        for part in parts(feed_text(text, people))
    ]
    return "".join(f"<p>{piece}</p>" for piece in "".join(out).split("\n\n"))
