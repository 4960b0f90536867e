"""Encrypts secrets that the server must be able to decrypt later."""

import base64
import hmac
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from .secret_key import spellings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_SIZE = 12


class Sealer:
    """Encrypts with AES-256-GCM, using a key derived from SECRET_KEY (`secret`) for one `purpose`. A sealed text is
    bound to its owner and cannot be opened for another owner.
    """

    def __init__(self, secret: str, purpose: bytes) -> None:
        self._keys = [hmac.digest(key.encode(), purpose, "sha256") for key in spellings(secret)]

    def seal(self, text: str, owner: str) -> str:
        nonce = os.urandom(NONCE_SIZE)
        sealed = _cipher(self._keys[0]).encrypt(nonce, text.encode(), owner.encode())
        return base64.b64encode(nonce + sealed).decode()

    def open(self, sealed: str, owner: str) -> str | None:
        """The text; None if it is damaged, or was sealed with another SECRET_KEY, owner or purpose."""
        from cryptography.exceptions import InvalidTag

        with suppress(ValueError):
            data = base64.b64decode(sealed)
            for key in self._keys:
                with suppress(InvalidTag):
                    return _cipher(key).decrypt(data[:NONCE_SIZE], data[NONCE_SIZE:], owner.encode()).decode()
        return None


def _cipher(key: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # imported late: 10 MB, rarely used

    return AESGCM(key)
