"""A generic webhook: signed by Standard Webhooks, strict with each post, and nothing else escapes."""

from __future__ import annotations

import base64
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from connectors import connectors, webhook
from connectors._base import Delivery, Denied, Garbled, Receives
from tests.mutations import mutations
from tests.serving import SECRET, as_body, signed, told

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OTHER = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
FOLDER = Path(__file__).parent / "deliveries"
FILES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.json"))


def delivery(body: bytes, *, at: datetime = NOW, secret: str = SECRET, **changed: str) -> Delivery:
    headers = signed(body, "msg_1", at, secret) | {key.replace("_", "-"): v for key, v in changed.items()}
    return Delivery(method="POST", query={}, headers=headers, body=body)


@pytest.mark.parametrize("name", FILES)
def test_own_delivery(name: str) -> None:
    """A file in `deliveries/webhook/` is one body and what becomes of it."""
    file = msgspec.json.decode((FOLDER / name).read_bytes())
    body = file["text"].encode() if "text" in file else msgspec.json.encode(file["body"])
    expect = file["expect"]
    if "error" in expect:
        with pytest.raises(Garbled, match=expect["says"]):
            webhook.receive(delivery(body), SECRET, NOW)
        return
    received = webhook.receive(delivery(body), SECRET, NOW)
    assert received.id == "msg_1"
    assert received.page
    assert received.page.cursor is None
    posts = msgspec.json.decode(msgspec.json.encode(received.page.posts))
    assert len(posts) == len(expect["posts"])
    for post, wanted in zip(posts, expect["posts"], strict=True):
        assert {field: post.get(field) for field in wanted} == wanted
    reasons = [reject.reason for reject in received.page.rejects]
    assert len(reasons) == len(expect["rejects"])
    assert all(said in reason for said, reason in zip(expect["rejects"], reasons, strict=True)), reasons


def test_all_own_deliveries_are_played() -> None:
    assert len(FILES) >= 8


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook_id": "msg_2"},
        {"webhook_id": ""},
        {"webhook_timestamp": "1795435201"},
        {"webhook_timestamp": "soon"},
        {"webhook_timestamp": "9" * 400},
        {"webhook_timestamp": "²"},
        {"webhook_signature": ""},
        {"webhook_signature": "v1"},
        {"webhook_signature": "v1,not base64 at all"},
        {"webhook_signature": "v1a,AAAA v2,BBBB"},
    ],
)
def test_what_is_not_signed_by_our_secret_is_denied_in_the_same_words(changed: dict[str, str]) -> None:
    body = as_body(told(1))
    with pytest.raises(Denied) as said:
        webhook.receive(delivery(body, **changed), SECRET, NOW)
    assert str(said.value) == "the signature does not hold"


def test_a_body_that_was_changed_on_the_way_is_denied_and_so_is_another_secret() -> None:
    right = delivery(as_body(told(1)))
    for body, secret in (
        (as_body(told(2)), SECRET),
        (right.body, OTHER),
        (right.body, "whsec_"),
        (right.body, "?"),
    ):
        with pytest.raises(Denied):
            webhook.receive(msgspec.structs.replace(right, body=body), secret, NOW)


def test_a_body_that_is_no_text_is_verified_as_it_came_before_anything_is_said_of_it() -> None:
    body = as_body(told(1)) + b"\xff"
    for secret, error in ((OTHER, Denied), (SECRET, Garbled)):
        with pytest.raises(error):
            webhook.receive(delivery(body, secret=secret), SECRET, NOW)


def test_a_delivery_that_was_overheard_is_not_taken_later() -> None:
    body = as_body(told(1))
    for late in (timedelta(minutes=6), timedelta(minutes=-6)):
        with pytest.raises(Denied):
            webhook.receive(delivery(body, at=NOW - late), SECRET, NOW)
    assert webhook.receive(delivery(body, at=NOW - timedelta(minutes=4)), SECRET, NOW).page


def test_while_the_secret_changes_the_old_one_still_opens() -> None:
    body = as_body(told(1))
    for secret in (SECRET, OTHER):
        assert webhook.receive(delivery(body, secret=secret), f"{OTHER} {SECRET}", NOW).page


def test_one_of_several_signatures_is_enough() -> None:
    body = as_body(told(1))
    right = signed(body, "msg_1", NOW)["webhook-signature"]
    assert webhook.receive(delivery(body, webhook_signature=f"v2,zz v1,AAAA {right}"), SECRET, NOW).page


@pytest.mark.parametrize("platform", [name for name, one in connectors().items() if hasattr(one, "receive")])
def test_no_platform_takes_what_is_not_signed(platform: str) -> None:
    receiver: Receives = connectors()[platform]  # type: ignore[assignment]
    for body in (b"", b"{}", b'{"object": "page", "entry": []}', as_body(told(1))):
        with pytest.raises(Denied):
            receiver.receive(Delivery(method="POST", query={}, headers={}, body=body), SECRET, NOW)


def test_whatever_happens_to_a_body_it_becomes_posts_rejects_or_garbled() -> None:
    body = (FOLDER / "webhook" / "a_list_of_posts.json").read_bytes()
    whole = msgspec.json.encode(msgspec.json.decode(body)["body"])
    outcomes: Counter[str] = Counter()
    for mutation in mutations(whole, count=200):
        if mutation.kind == "refused":
            continue  # nobody is asked here
        try:
            page = webhook.receive(delivery(mutation.body), SECRET, NOW).page
        except Garbled:
            outcomes[f"{mutation.kind} garbled"] += 1
            continue
        assert page is not None
        assert page.cursor is None
        assert all(reject.reason and reject.raw for reject in page.rejects)
        outcomes[mutation.kind] += 1
    assert {outcomes["truncated"], outcomes["html"], outcomes["miscoded"]} == {0}
    assert all(outcomes[kind] > 50 for kind in ("dropped", "nulled", "retyped", "boxed")), outcomes
