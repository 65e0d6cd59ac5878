"""The one parameter of a bulk statement: its rows as a JSON array, for `json_to_recordset`."""

from __future__ import annotations

import msgspec

_encoder = msgspec.json.Encoder()


def as_json(rows: object) -> str:
    """JSON of structs, dictionaries, UUIDs and aware datetimes, as PostgreSQL's input functions read it."""
    return _encoder.encode(rows).decode()
