"""Unexpected values for fields, arguments and paths, by what is wrong with them."""

from __future__ import annotations

from typing import Any

from support.people.accounts import PASSWORD

GOOD: dict[str, Any] = {
    "visitorId": "ayesha",
    "email": "karim@example.com",
    "password": PASSWORD,
    "current_password": PASSWORD,
    "new_password": PASSWORD,
    "name": "Mirpur 10",
    "role": "member",
    "token": "x",
    "code": "492039",
    "credential": {"id": "x"},
    "members": [{"ref": "4711", "role": "member", "name": "Ayesha"}],
    "data": {"kind": "typing"},
    "userRef": "4711",
    "events": [{"id": "1", "name": "search"}],
    "scopes": ["reports:read"],
    "visits": [],
}
"""Valid values for the other fields that a body needs."""

GOOD_OF = {
    "PanelInvitationBody": {"role": "viewer"},
}
"""Valid fields for bodies where a field in GOOD has a different meaning."""

TEXTS = {
    "nothing": "",
    "a space": " ",
    "lines": "a\r\nb: c",
    "NUL": "a\0b",
    "half a character": "\ud83d",
    "two halves in the wrong order": "\ude00\ud83d",
    "four bytes a character": "🛺" * 20,
    "no characters": "\uffff\U0010ffff",
    "right to left": "\u202eabc",
    "other digits": "১২",
    "a sign": "-1",
    "zero": "0",
    "more than 32 bits": str(2**31),
    "more than 64 bits": str(2**63),
    "more digits than Python reads": "9" * 5000,
    "no number": "NaN",
    "a power": "1e400",
    "SQL": "' OR 1=1; --",
    "a pattern": "%_\\%",
    "a placeholder": "%(x)s :x ? $1",
    "the first day": "0001-01-01",
    "the last day": "9999-12-31",
    "no day": "2025-02-30",
    "a moment": "2025-12-16T04:48:38.412Z",
    "an id": "00000000-0000-0000-0000-000000000000",
    "an email": "কমল@example.com",
    "a long text": "x" * 6000,
}

VALUES: dict[str, Any] = {
    **TEXTS,
    "null": None,
    "true": True,
    "a large number": 2**63,
    "a small number": -(2**63) - 1,
    "an enormous number": 10**400,
    "a fraction": 0.5,
    "infinity": float("inf"),
    "a list": [[]],
    "an object": {"": {}},
}
