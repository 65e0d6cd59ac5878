"""A simulator in a process of its own, and a small client for its controls. For the simulator's own tests."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parent.parent


class World:
    """A running simulator: the base URLs of its platforms, and verbs for its controls."""

    def __init__(self, places: dict[str, str], client: httpx.Client) -> None:
        self.places, self.client = places, client
        self.token = "sim-mastodon-token"

    def mastodon(self, path: str, *, signed_in: bool = False, **params: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if signed_in else {}
        return self.client.get(f"{self.places['mastodon']}/{path}", params=params, headers=headers)

    def sign_in(self, **changes: str) -> httpx.Response:
        body = {"identifier": "tarnbeck.example", "password": "sim-app-password", **changes}
        return self.client.post(f"{self.places['bluesky']}/xrpc/com.atproto.server.createSession", json=body)

    def bluesky(self, method: str, token: str | None, **params: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.client.get(f"{self.places['bluesky']}/xrpc/{method}", params=params, headers=headers)

    def feed(self, name: str, **headers: str) -> httpx.Response:
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.client.get(f"{self.places['feeds']}/{name}", headers=sent)

    def asks(self, path: str) -> Any:
        return self.client.get(f"{self.places['control']}/{path}").raise_for_status().json()

    def does(self, path: str, **body: Any) -> Any:
        return self.client.post(f"{self.places['control']}/{path}", json=body).raise_for_status().json()


@contextmanager
def world(*options: str) -> Iterator[World]:
    """`python -m simulator` with these options, until the block ends."""
    command = [sys.executable, "-m", "simulator", "--port", "0", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            places = json.loads(process.stdout.readline())
            with httpx.Client(timeout=20, trust_env=False) as client:
                yield World(places, client)
        finally:
            process.terminate()
            process.wait(60)
