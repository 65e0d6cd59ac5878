"""`python -m bench.hearing`: a receiver that takes all, as cheaply as Python can, and one that never answers.

Prints the two ports. Its own cost would otherwise be taken for that of telling it.
"""

from __future__ import annotations

import asyncio


class Quick(asyncio.Protocol):
    """Answers 204 to whatever has come in full."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._waiting = transport, b""

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while (end := self._waiting.find(b"\r\n\r\n")) >= 0:
            head = self._waiting[:end].lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            if len(self._waiting) < end + 4 + length:
                return
            self._waiting = self._waiting[end + 4 + length :]
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


async def main() -> None:
    loop = asyncio.get_running_loop()
    quick = await loop.create_server(Quick, "127.0.0.1", 0)
    silent = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
    print(*(server.sockets[0].getsockname()[1] for server in (quick, silent)), flush=True)
    await asyncio.gather(quick.serve_forever(), silent.serve_forever())


if __name__ == "__main__":
    asyncio.run(main())
