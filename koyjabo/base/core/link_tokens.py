"""Tokens for links that are emailed or shared. A token is derived from its row's id using a key from SECRET_KEY, so
neither the database nor a backup contains a usable link.
"""

import base64
import hmac
import re
import uuid

from .secret_key import spellings

PASSWORD_RESET, EMAIL_VERIFICATION, LOGIN_LINK, INVITATION, PANEL_INVITATION = (
    "reset",
    "verify",
    "login",
    "invitation",
    "panel_invitation",
)

LINK_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
ID_LENGTH, MAC_LENGTH = 16, 16  # bytes


class LinkTokens:
    def __init__(self, secret: str) -> None:
        self._keys = [hmac.digest(key.encode(), b"tokens of links", "sha256") for key in spellings(secret)]

    def token(self, purpose: str, row_id: str) -> str:
        """The token for the row with this UUID: 43 characters from `A–Z a–z 0–9 _ -`."""
        return _token(self._keys[0], purpose, uuid.UUID(row_id).bytes)

    def row_id(self, purpose: str, token: str) -> str | None:
        """The row's id; None if this is not our token for that purpose."""
        if not LINK_TOKEN.fullmatch(token):
            return None
        raw = base64.urlsafe_b64decode(f"{token}=")[:ID_LENGTH]
        is_ours = any(hmac.compare_digest(token, _token(key, purpose, raw)) for key in self._keys)
        return str(uuid.UUID(bytes=raw)) if is_ours else None


def _token(key: bytes, purpose: str, raw: bytes) -> str:
    mac = hmac.digest(key, purpose.encode() + b" " + raw, "sha256")[:MAC_LENGTH]
    return base64.urlsafe_b64encode(raw + mac).rstrip(b"=").decode()
