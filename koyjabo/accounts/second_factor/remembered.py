"""The cookie of a browser in which a second step was made, and which needs none for 30 days.

It names no secret and is not stored: it ends when the password or the second factor of its user changes.
"""

from __future__ import annotations

import hashlib
import hmac

from koyjabo.accounts.queries import Person

REMEMBERED_S = 30 * 86400


def value(secret: bytes, person: Person, now_ms: int) -> str:
    return _value(secret, person, now_ms + REMEMBERED_S * 1000)


def is_valid(secret: bytes, person: Person, cookie: str, now_ms: int) -> bool:
    expires = cookie.partition(".")[0]
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 15) or int(expires) <= now_ms:
        return False
    return hmac.compare_digest(cookie.encode("utf-8", "surrogatepass"), _value(secret, person, int(expires)).encode())


def password_mark(person: Person) -> str:
    """Changes with the password and does not reveal it."""
    return hashlib.sha256(person.password.encode()).hexdigest()


def _value(secret: bytes, person: Person, expires_ms: int) -> str:
    parts = f"remembered {person.id} {expires_ms} {person.second_factor_ms} {password_mark(person)}"
    return f"{expires_ms}.{hmac.digest(secret, parts.encode(), 'sha256').hex()}"
