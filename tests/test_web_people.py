"""Who may sign in is changed by admins alone, holds at once, and is written down."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journey import Journey
from tests.signing_in import ADA, OLGA, PASSWORD, SAM, Visitor, let_in


@pytest.fixture
def journey(database: str) -> Iterator[Journey]:
    journey = Journey(database)
    let_in(journey, ADA, SAM)
    yield journey
    journey.close()


def entered(base: str, email: str, password: str = PASSWORD) -> tuple[Visitor, str]:
    visitor = Visitor(base)
    assert visitor.sign_in(email, password).status_code == 303
    return visitor, visitor.form(visitor.get("/people"))


def test_an_admin_lets_somebody_in_who_then_signs_in_and_support_lets_nobody_in(
    journey: Journey, base: str
) -> None:
    fields = {"email": OLGA, "name": "Olga", "role": "ops", "password": PASSWORD}
    sam, form = entered(base, SAM)
    assert sam.post("/people", fields | {"form": form}).status_code == 403
    ada, form = entered(base, ADA)
    short = ada.post("/people", fields | {"form": form, "password": "too short"})
    assert short.status_code == 422
    assert "12 characters" in short.text
    assert f'value="{OLGA}"' in short.text
    assert journey.value("SELECT count(*) FROM sign_ins") == 2
    assert ada.post("/people", fields | {"form": form}).status_code == 303
    entered(base, OLGA)
    log = ada.get("/people/log").text
    assert f"{OLGA} may sign in as ops." in log
    assert PASSWORD not in str(journey.execute("SELECT detail FROM audits"))


def test_a_turned_away_person_is_out_at_once_and_nobody_locks_themselves_out(
    journey: Journey, base: str
) -> None:
    sam, _ = entered(base, SAM)
    ada, form = entered(base, ADA)
    ids = dict(map(tuple, journey.execute("SELECT email, id FROM sign_ins")))
    for path, fields in (
        (f"{ids[ADA]}/away", {"off": "yes"}),
        (f"{ids[ADA]}/role", {"role": "ops", "was": "admin"}),
    ):
        assert ada.post(f"/people/{path}", fields | {"form": form}).status_code == 422
    stale = {"role": "ops", "was": "marketing", "form": form}
    assert "is support meanwhile" in ada.post(f"/people/{ids[SAM]}/role", stale).text
    assert ada.post(f"/people/{ids[SAM]}/away", {"off": "yes", "form": form}).status_code == 303
    assert sam.get("/people").status_code == 303
    assert Visitor(base).sign_in(SAM).status_code == 401


def test_a_new_password_wants_the_old_one_and_ends_the_other_sessions(journey: Journey, base: str) -> None:
    elsewhere, _ = entered(base, SAM)
    sam, form = entered(base, SAM)
    new = "a-pear-tree-in-the-rain"
    assert sam.post("/me", {"form": form, "password": "wrong", "new": new}).status_code == 422
    assert journey.value("SELECT count(*) FROM sign_in_attempts") == 1
    assert sam.post("/me", {"form": form, "password": PASSWORD, "new": SAM}).status_code == 422
    assert sam.post("/me", {"form": form, "password": PASSWORD, "new": new}).status_code == 303
    assert sam.get("/people").status_code == 200
    assert elsewhere.get("/people").status_code == 303
    entered(base, SAM, new)


def test_an_admin_gives_a_new_password_which_ends_that_persons_sessions(journey: Journey, base: str) -> None:
    sam, sams = entered(base, SAM)
    ada, form = entered(base, ADA)
    ids = dict(map(tuple, journey.execute("SELECT email, id FROM sign_ins")))
    new = "a-pear-tree-in-the-rain"
    path = f"/people/{ids[SAM]}/password"
    assert sam.post(path, {"form": sams, "password": new}).status_code == 403
    short = ada.post(path, {"form": form, "password": "short"})
    assert (short.status_code, "12 characters" in short.text, 'id="reset-wrong"' in short.text) == (
        422,
        True,
        True,
    )
    assert ada.post(f"/people/{ids[ADA]}/password", {"form": form, "password": new}).status_code == 422
    assert ada.post(path, {"form": form, "password": new}).status_code == 303
    assert sam.get("/people").status_code == 303
    entered(base, SAM, new)
    assert new not in str(journey.execute("SELECT said, detail FROM audits"))


def test_the_log_pages_without_losing_a_row(journey: Journey, base: str) -> None:
    journey.execute(
        "INSERT INTO audits (by, what, of, said, at)"
        " SELECT 'ann@acme.example', 'did', 'source', 'change number ' || n || '.', date_trunc('hour', now())"
        " FROM generate_series(1, 120) AS n"
    )
    ada, _ = entered(base, ADA)
    path, seen = "/people/log", list[str]()
    for _ in range(3):
        page = ada.get(path).text
        seen += [part.split(".")[0] for part in page.split("change number ")[1:]]
        path = page.split('" rel="next"')[0].rpartition('href="')[2].replace("&amp;", "&")
    assert sorted(map(int, seen)) == list(range(1, 121))
