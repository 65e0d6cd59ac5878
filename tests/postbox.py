"""A mail server for tests: real SMTP over real TLS, with a certificate made for the run. It answers as it is told."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail of a test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "mail.pem", folder / "mail.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    kinds = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private.write_bytes(key.private_bytes(*kinds))
    return certificate, private


class Postbox:
    """What arrived; `refuses` maps a command in capitals to the line that answers it instead; `tls`: is it offered?"""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self.port = 0
        self.tls = True
        self.refuses: dict[str, str] = {}
        self.arrived: list[EmailMessage] = []
        self.logins: list[str] = []
        self.connections = 0
        self.bare: list[str] = []
        """Commands that came without TLS."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        safe = False

        async def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())
            await writer.drain()

        try:
            await say("220 test")
            while line := (await reader.readline()).decode().strip():
                command = line.split(" ")[0].split(":")[0].upper()
                if not safe:
                    self.bare.append(command)
                if command in self.refuses:
                    await say(self.refuses[command])
                elif command == "EHLO":
                    offers = "AUTH PLAIN" if safe or not self.tls else "STARTTLS"
                    await say(f"250-test\r\n250 {offers}")
                elif command == "STARTTLS":
                    await say("220 go ahead")
                    await writer.start_tls(self._context)
                    safe = True
                elif command == "AUTH":
                    self.logins.append(line)
                    await say("235 welcome")
                elif command == "DATA":
                    await say("354 go on")
                    raw = await reader.readuntil(b"\r\n.\r\n")
                    if (after := self.refuses.get("END")) is not None:
                        await say(after)
                        continue
                    self.arrived.append(cast("EmailMessage", message_from_bytes(raw[:-3], policy=default)))
                    await say("250 taken")
                elif command == "QUIT":
                    await say("221 bye")
                    return
                else:
                    await say("250 ok")
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            return
        finally:
            writer.transport.abort()


@contextmanager
def postbox(folder: Path) -> Iterator[Postbox]:
    """A mail server on a free port, in a thread of its own; the certificate is folder/mail.pem."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(folder))
    box, ready, loop = Postbox(context), threading.Event(), asyncio.new_event_loop()
    tasks: set[asyncio.Task[None]] = set()
    stopping = asyncio.Event()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(loop.create_task(box.serve(reader, writer)))

    async def run() -> None:
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        box.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stopping.wait()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield box
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(10)
        loop.close()
