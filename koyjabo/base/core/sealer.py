"""Encrypts secrets that the server must be able to decrypt later."""

import base64
import hmac
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_SIZE = 12


class Sealer:
    """Encrypts with AES-256-GCM, using a key derived from SECRET_KEY (`secret`) for one `purpose`. A sealed text is
    bound to its owner and cannot be opened for another owner.
    """

    def __init__(self, secret: str, purpose: bytes) -> None:
        self._key = hmac.digest(secret.encode(), purpose, "sha256")

    def seal(self, text: str, owner: str) -> str:
        nonce = os.urandom(NONCE_SIZE)
        return base64.b64encode(nonce + self._cipher().encrypt(nonce, text.encode(), owner.encode())).decode()

    def open(self, sealed: str, owner: str) -> str | None:
        """The text; None if it is damaged, or was sealed with another SECRET_KEY, owner or purpose."""
        from cryptography.exceptions import InvalidTag

        try:
            data = base64.b64decode(sealed)
            return self._cipher().decrypt(data[:NONCE_SIZE], data[NONCE_SIZE:], owner.encode()).decode()
        except (InvalidTag, ValueError):
            return None

    def _cipher(self) -> "AESGCM":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # imported late: 10 MB, rarely used

        return AESGCM(self._key)
