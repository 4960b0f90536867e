"""The cookie of a browser in which the password of a link was typed.

It names no secret and is not stored: it ends with its time, and with the link.
"""

from __future__ import annotations

import hmac

from koyjabo.reports.sharing.queries import OpenLink

PASS_S = 12 * 3600


def value(secret: bytes, link: OpenLink, now_ms: int) -> str:
    return _value(secret, link, now_ms + PASS_S * 1000)


def is_valid(secret: bytes, link: OpenLink, cookie: str, now_ms: int) -> bool:
    expires = cookie.partition(".")[0]
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 15) or int(expires) <= now_ms:
        return False
    return hmac.compare_digest(cookie.encode("utf-8", "surrogatepass"), _value(secret, link, int(expires)).encode())


def _value(secret: bytes, link: OpenLink, expires_ms: int) -> str:
    parts = f"share {link.id} {expires_ms} {link.password}"
    return f"{expires_ms}.{hmac.digest(secret, parts.encode(), 'sha256').hex()}"
