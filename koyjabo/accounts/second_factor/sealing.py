"""Encrypts secrets that the server has to read again, with a key derived from SECRET_KEY."""

from __future__ import annotations

import base64
import hmac
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_SIZE = 12


class Sealer:
    """AES-256-GCM. A sealed text belongs to its owner: it cannot be opened as that of another user."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.encode(), b"koyjabo totp secret", "sha256")

    def seal(self, text: str, owner: str) -> str:
        nonce = os.urandom(NONCE_SIZE)
        return base64.b64encode(nonce + self._cipher().encrypt(nonce, text.encode(), owner.encode())).decode()

    def open(self, sealed: str, owner: str) -> str | None:
        """None if it was sealed with another SECRET_KEY or for another owner."""
        from cryptography.exceptions import InvalidTag

        data = base64.b64decode(sealed)
        try:
            return self._cipher().decrypt(data[:NONCE_SIZE], data[NONCE_SIZE:], owner.encode()).decode()
        except InvalidTag:
            return None

    def _cipher(self) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # late: 10 MB that few workers need

        return AESGCM(self._key)
