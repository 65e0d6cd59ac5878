"""People who may sign in, and the way in for tests without a browser."""

from __future__ import annotations

import re
from collections.abc import Mapping

import httpx
from sqlalchemy.orm import Session

from console.sign_ins import give
from tests.journey import Journey

PASSWORD = "plum-orchard-at-dawn"
OLGA, MAX, SAM, ADA = "olga@acme.example", "max@acme.example", "sam@acme.example", "ada@acme.example"
ROLES = {OLGA: "ops", MAX: "marketing", SAM: "support", ADA: "admin"}

LOOPBACK = False
"""Certificates are nobody's here, and reading the machine's takes 22 ms of every request."""


def let_in(journey: Journey, *people: str, org: str | None = None) -> None:
    """Give these people PASSWORD and their role."""
    with Session(journey.engine) as session, session.begin():
        for email in people:
            name = email.partition("@")[0].title()
            give(session, org or journey.org, email, name, ROLES[email], PASSWORD)


class Visitor:
    """A browser without scripts: keeps cookies, also the Secure ones that httpx does not send over http."""

    def __init__(self, base: str) -> None:
        self.base, self.cookies = base, dict[str, str]()

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self._kept(
            httpx.get(self.base + path, headers=self._headers(headers), timeout=20, verify=LOOPBACK)
        )

    def post(self, path: str, fields: Mapping[str, str | list[str]], **headers: str) -> httpx.Response:
        told = {"origin": self.base} | headers
        return self._kept(
            httpx.post(
                self.base + path, data=dict(fields), headers=self._headers(told), timeout=20, verify=LOOPBACK
            )
        )

    def sign_in(self, email: str, password: str = PASSWORD, to: str = "") -> httpx.Response:
        form = self.form(self.get("/sign-in"))
        return self.post("/sign-in", {"form": form, "email": email, "password": password, "to": to})

    @staticmethod
    def form(answer: httpx.Response) -> str:
        """What the page's form brings along."""
        found = re.search(r'name="form" value="([^"]+)"', answer.text)
        assert found, answer.text
        return found[1]

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        return {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()), **more}

    def _kept(self, answer: httpx.Response) -> httpx.Response:
        for line in answer.headers.get_list("set-cookie"):
            name, _, rest = line.partition("=")
            self.cookies[name] = rest.partition(";")[0].strip('"')
            if not self.cookies[name]:
                del self.cookies[name]
        return answer
