"""Browsers that have completed a two-step login, and can skip it for 30 days. Their cookie contains no secret, and is
not stored on the server. It becomes invalid when the user's password or two-step login changes.
"""

import hashlib
import hmac

from koyjabo.people.models import User

BROWSER_REMEMBERED_S = 30 * 86400


def is_remembered(secret: bytes, user: User, cookie: str, now_ms: int) -> bool:
    """Whether this is a valid cookie of the user."""
    expires = cookie.partition(".")[0]
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 15) or int(expires) <= now_ms:
        return False
    expected = cookie_of(secret, user, int(expires))
    return hmac.compare_digest(cookie.encode("utf-8", "surrogatepass"), expected.encode())


def cookie_of(secret: bytes, user: User, expires_ms: int) -> str:
    parts = f"remembered {user.id} {expires_ms} {user.second_factor_ms} {password_mark(user)}"
    return f"{expires_ms}.{hmac.digest(secret, parts.encode(), 'sha256').hex()}"


def password_mark(user: User) -> str:
    """A value that changes with the password and does not reveal it."""
    return hashlib.sha256(user.password.encode()).hexdigest()
