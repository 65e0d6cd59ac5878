"""What Meta means by a refusal.

https://developers.facebook.com/docs/graph-api/guides/error-handling, /overview/rate-limiting. The numbers in the body
decide, never the sentence: that is translated, and its trace id is full of digits. Surprising: throttling is HTTP 400
and "too much data at once" HTTP 500.
"""

from __future__ import annotations

import msgspec

from connectors._base import Answer, ConnectorError, Denied, Gone, TryLater
from connectors._limits import MAX_WAIT, seconds_until, usage

_LONGEST = 86_400.0
_LIMITED = frozenset({4, 17, 18, 32, 341, 368, 613, *range(80_000, 80_015)})
_PASSING = frozenset({-2, -1, 1, 2})
_FORBIDDEN = frozenset({3, 10, 104, *range(200, 300)})
_NO_MORE = frozenset({12, 21, 24, 803, 2500})
_NOT_THERE = 33
_FOR_A_PERSON = frozenset({458, 459, 460, 464, 492})
"""Subcodes of 190 that no refreshing mends: the app was removed, a checkpoint, a changed password, an account that
is not confirmed, a role on the page that was taken away."""


class _Problem(msgspec.Struct):
    code: int | None = None
    subcode: int | None = msgspec.field(name="error_subcode", default=None)
    transient: bool | None = msgspec.field(name="is_transient", default=None)


class _Refusal(msgspec.Struct):
    error: _Problem


_REFUSAL = msgspec.json.Decoder(_Refusal)


def meant(answer: Answer, *, size: int | None, walking: bool) -> ConnectorError | None:
    """What a refusal is to us; None where the body says nothing that we know. `size` is how much was asked for, `walking`
    that a place in a list was."""
    try:
        problem = _REFUSAL.decode(answer.body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    code = problem.code
    if code is None:
        return None
    said = f"Meta says {code}" + (f"/{problem.subcode}" if problem.subcode is not None else "")
    if code in _LIMITED:
        return TryLater(f"{said}: called too often", after=_regain(answer), limited=True)
    if code in {102, 190}:
        return Denied(
            f"{said}: the token is no longer good", refreshable=problem.subcode not in _FOR_A_PERSON
        )
    if code == 1:
        smaller = max(size // 2, 1) if size is not None and size > 1 else None
        return TryLater(f"{said}: too much at once, or something went wrong there", page_size=smaller)
    if code in _PASSING or problem.transient:
        return TryLater(f"{said}: out of order for a moment")
    if code in _NO_MORE or (code == 100 and problem.subcode == _NOT_THERE):
        return Gone(f"{said}: it is not there, or not for us to see")
    if code == 100 and walking:
        return Gone(f"{said}: this place in the list is not known any more", cursor=True)
    if code == 100 or code in _FORBIDDEN:
        return Denied(f"{said}: a permission or a reviewed feature is missing", refreshable=False)
    return None


def _regain(answer: Answer) -> float:
    """Seconds until we may ask again, as the headers say; to call earlier makes it longer."""
    after = seconds_until(answer.headers.get("retry-after"), 0.0)
    if after is not None:
        return after
    used = usage(answer.headers)
    return min(used.regain_in, _LONGEST) if used is not None and used.regain_in else MAX_WAIT
