"""News to an e-mail address: one message a piece, by the SMTP server of the settings, over TLS and never without.

The messages of a case refer to one another, so that a mail program shows them as one conversation; the Message-ID is that of
the news at every try. Surprising: a refused recipient is the receiver's no, everything else is trouble with our own server.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from datetime import UTC
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from email.utils import format_datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

import aiosmtplib

from workers import letter, signed
from workers._settings import BadSetting
from workers.outbox import News
from workers.telling import TAKEN, Told

if TYPE_CHECKING:
    from workers._settings import Settings

_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_PORTS = {"smtps": 465, "smtp+starttls": 587}


class Server(NamedTuple):
    """Where our e-mail goes. `implicit`: TLS from the first byte, else STARTTLS, without which nothing is sent."""

    host: str
    port: int
    implicit: bool
    user: str | None
    password: str | None
    sender: str

    def __repr__(self) -> str:
        return f"Server({self.host}:{self.port})"


def server(settings: Settings) -> Server:
    """The server of the settings. Raises BadSetting, without a word of the address."""
    if settings.smtp_url is None:
        raise BadSetting("smtp_url", "not set, and without it no e-mail can be sent")
    if not is_address(settings.mail_from or ""):
        raise BadSetting("mail_from", "not set, or no e-mail address, and without it no e-mail can be sent")
    try:
        parts = urlsplit(settings.smtp_url.get_secret_value())
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme not in _PORTS:
        raise BadSetting(
            "smtp_url", "expected smtp+starttls://user:password@host:587 or smtps://user:password@host"
        )
    user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
    return Server(
        host, port or _PORTS[parts.scheme], parts.scheme == "smtps", user, password, settings.mail_from or ""
    )


def is_address(words: str) -> bool:
    """Can this be the address of a mailbox? What a header that is given it gives back, at a host that can have a name."""
    if not (words.isascii() and words.isprintable()) or set(words) & set(' ,;:<>()[]"\\'):
        return False
    try:
        name, domain = (parsed := Address(addr_spec=words)).username, parsed.domain
    except (MessageError, ValueError, IndexError):
        return False
    labels = domain.split(".")
    return bool(name) and parsed.addr_spec == words and all(_LABEL.fullmatch(label) for label in labels)


class Mail:
    """The way to one mailbox."""

    width = 1

    def __init__(self, address: str, by: Server, *, deadline: float, context: ssl.SSLContext) -> None:
        self._address, self._by, self._deadline, self._context = address, by, deadline, context
        self._client: aiosmtplib.SMTP | None = None

    async def tell(self, news: News) -> Told:
        """As `Channel` says."""
        return await self.send(message(news, self._address, self._by.sender))

    async def send(self, letter_: EmailMessage) -> Told:
        """Send one message within the time of a request."""
        try:
            async with asyncio.timeout(self._deadline):
                if self._client is None:
                    self._client = await self._connected()
                await self._client.send_message(letter_)
        except TimeoutError:
            told = Told(f"the mail server {self._by.host} did not answer within {self._deadline:g} s")
        except (aiosmtplib.SMTPException, OSError) as error:
            told = _judged(error, self._by.host)
        else:
            return TAKEN
        self._drop()
        return told

    async def _connected(self) -> aiosmtplib.SMTP:
        by = self._by
        client = aiosmtplib.SMTP(
            hostname=by.host,
            port=by.port,
            use_tls=by.implicit,
            start_tls=not by.implicit,
            tls_context=self._context,
            timeout=self._deadline,
            local_hostname=by.sender.rpartition("@")[2],
        )
        try:
            await client.connect()
            if by.user is not None:
                await client.login(by.user, by.password or "")
        except BaseException:
            client.close()
            raise
        return client

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    async def aclose(self) -> None:
        """As `Channel` says."""
        if self._client is not None:
            try:
                async with asyncio.timeout(1):
                    await self._client.quit()
            except (aiosmtplib.SMTPException, OSError, TimeoutError):
                self._drop()


def message(news: News, to: str, sender: str) -> EmailMessage:
    """News as a message. Pure."""
    body = json.loads(news.body)
    domain = sender.rpartition("@")[2]
    made = EmailMessage(POLICY)
    made["From"], made["To"] = sender, to
    made["Subject"] = letter.subject(news.kind, body)
    made["Date"] = format_datetime(news.created_at.astimezone(UTC))
    made["Message-ID"] = f"<{signed.name_of(news)}@{domain}>"
    if news.case is not None:
        made["References"] = f"<case_{news.case}@{domain}>"
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: holiday replies and bounces of bounces stay away
    made.set_content(letter.words(news.kind, body), cte="quoted-printable")
    return made


def _judged(error: BaseException, host: str) -> Told:
    if (bad := _certificate(error)) is not None:
        return Told(f"the certificate of the mail server {host} is not valid ({bad.verify_message})")
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            refused = error.recipients[0]
            return Told(
                f"the mail server {host} refuses the recipient: {_said(refused)}", alive=refused.code >= 500
            )
        case aiosmtplib.SMTPAuthenticationError():
            return Told(f"the mail server {host} refuses our user name or password")
        case aiosmtplib.SMTPResponseException():
            return Told(f"the mail server {host} does not take it: {_said(error)}")
        case aiosmtplib.SMTPTimeoutError():
            return Told(f"the mail server {host} did not answer in time")
        case aiosmtplib.SMTPConnectError() | OSError():
            return Told(f"the mail server {host} cannot be reached")
    return Told(f"the mail server {host} offers no TLS, or broke off")


def _certificate(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error


def _said(error: aiosmtplib.SMTPResponseException) -> str:
    words = "".join(c for c in " ".join(error.message.split()) if c.isprintable())
    return f"{error.code} {words[:120]}".rstrip()
