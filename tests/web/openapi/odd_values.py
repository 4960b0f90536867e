"""Valid and unexpected values for fields, arguments and paths."""

from __future__ import annotations

from typing import Any

from support.people.accounts import PASSWORD

GOOD: dict[str, Any] = {  # valid values for the other fields that a body needs
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
GOOD_OF = {  # valid fields for bodies where a field in GOOD has a different meaning
    "PanelInvitationBody": {"role": "viewer"}
}
ODD_VALUES: list[Any] = [  # texts, dates, numbers, patterns and shapes that a field may not expect
    *("", " ", "a\r\nb: c", "a\0b", "x" * 6000, "\u202eabc", "কমল@example.com"),
    "🛺" * 20,  # four bytes a character
    "\ud83d",  # half a character
    "\ude00\ud83d",  # two halves in the wrong order
    "\uffff\U0010ffff",  # no characters
    *("১২", "-1", "0", str(2**31), str(2**63), "9" * 5000, "NaN", "1e400"),
    *("' OR 1=1; --", "%_\\%", "%(x)s :x ? $1"),
    *("0001-01-01", "9999-12-31", "2025-02-30", "2025-12-16T04:48:38.412Z", "00000000-0000-0000-0000-000000000000"),
    *(None, True, 2**63, -(2**63) - 1, 10**400, 0.5, float("inf"), [[]], {"": {}}),
]
