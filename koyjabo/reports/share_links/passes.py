"""A browser's pass for a share link with a password: until when it is valid, signed."""

import hmac

from .models import Share

PASS_S = 12 * 3600


def is_valid(secret: bytes, link: Share, cookie: str, now_ms: int) -> bool:
    expires = cookie.partition(".")[0]
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 15) or int(expires) <= now_ms:
        return False
    return hmac.compare_digest(cookie.encode("utf-8", "surrogatepass"), _pass(secret, link, int(expires)).encode())


def _pass(secret: bytes, link: Share, expires_ms: int) -> str:
    parts = f"share {link.id} {expires_ms} {link.password}"
    return f"{expires_ms}.{hmac.digest(secret, parts.encode(), 'sha256').hex()}"
