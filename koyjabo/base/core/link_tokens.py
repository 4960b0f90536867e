"""Tokens for links that are emailed or shared. A token is derived from its row's id using a key from SECRET_KEY, so
neither the database nor a backup contains a usable link.
"""

import base64
import hmac
import re
import uuid

PASSWORD_RESET, EMAIL_VERIFICATION, LOGIN_LINK, INVITATION, PANEL_INVITATION = (
    "reset",
    "verify",
    "login",
    "invitation",
    "panel_invitation",
)

LINK_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
MAC_LENGTH = 16


class LinkTokens:
    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.encode(), b"tokens of links", "sha256")

    def token(self, purpose: str, row_id: str) -> str:
        """The token for the row with this UUID: 43 characters from `A–Z a–z 0–9 _ -`."""
        raw = uuid.UUID(row_id).bytes
        return base64.urlsafe_b64encode(raw + self._mac(purpose, raw)).rstrip(b"=").decode()

    def row_id(self, purpose: str, token: str) -> str | None:
        """The row's id; None if this is not our token for that purpose."""
        if not LINK_TOKEN.fullmatch(token):
            return None
        decoded = base64.urlsafe_b64decode(f"{token}=")
        raw, mac = decoded[:MAC_LENGTH], decoded[MAC_LENGTH:]
        row_id = str(uuid.UUID(bytes=raw))
        is_ours = hmac.compare_digest(mac, self._mac(purpose, raw)) and token == self.token(purpose, row_id)
        return row_id if is_ours else None

    def _mac(self, purpose: str, raw: bytes) -> bytes:
        return hmac.digest(self._key, purpose.encode() + b" " + raw, "sha256")[:MAC_LENGTH]
