"""`earshot serve`: take what platforms deliver by themselves."""

from __future__ import annotations

from typing import Annotated

import typer

from console.address import LISTEN


def serve(
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where to listen; port 0 takes any.")
    ] = LISTEN,
) -> None:
    """Take deliveries of platforms over HTTP, until Ctrl-C. `earshot up` and `demo` do so by themselves.

    Listens on this machine alone; put a proxy that speaks HTTPS before it, and let it pass on /in/ alone. A source that
    receives is added with: earshot sources add webhook inbound NAME.

    Example: earshot serve --listen 127.0.0.1:8484
    """
    import sys

    from console.cli import _print
    from console.web.server import listening
    from console.web.server import serve as run
    from workers._settings import settings

    ours = settings()
    with listening(listen) as listener:
        host, port = listener.getsockname()[:2]
        _print.line(f"Listening on http://{f'[{host}]' if ':' in host else host}:{port}      Ctrl-C ends it.")
        sys.stdout.flush()
        run(ours, listener)
