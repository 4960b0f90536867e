"""Links to the page for a visit number (specification: The number of a visit).

Only the visitor gets the link, and its signature keeps others from finding out when visits took place. A link belongs
to an epoch, so links from an old count do not open visits with the same number in a new one.
"""

import hmac
from base64 import urlsafe_b64encode
from typing import Any

from koyjabo.base.core.secret_key import spellings
from koyjabo.base.database.executor import DatabaseExecutor
from . import queries

SIGNATURE_LENGTH = 22
"""Length in base64url characters: 132 bits."""


class OwnNumbers:
    def __init__(self, database: DatabaseExecutor, secret: str) -> None:
        self._database = database
        self._keys = [hmac.digest(key.encode(), b"links of own numbers", "sha256") for key in spellings(secret)]

    def path(self, ordinal: int, epoch: int) -> str:
        """The path of the page, with its query."""
        return f"/n/{ordinal}?s={_signature(self._keys[0], ordinal, epoch)}"

    def is_valid(self, ordinal: int, epoch: int, signature: str) -> bool:
        """Whether the signature belongs to the current epoch, or to an epoch whose numbers are valid in it. Raises
        LedgerUnavailable.
        """
        if self._is_signed(ordinal, epoch, signature):
            return True
        epochs = self._database.read(queries.epochs_of_ordinals, epoch)
        return any(self._is_signed(ordinal, epoch, signature) for epoch in epochs)

    def _is_signed(self, ordinal: int, epoch: int, signature: str) -> bool:
        return any(
            hmac.compare_digest(signature.encode(), _signature(key, ordinal, epoch).encode()) for key in self._keys
        )

    def find(self, ordinal: int) -> Any:
        """The visit with this number, as `queries.numbered_visit` returns it. Raises LedgerUnavailable."""
        return self._database.read(queries.numbered_visit, ordinal)


def _signature(key: bytes, ordinal: int, epoch: int) -> str:
    mac = hmac.digest(key, f"n|{ordinal}|{epoch}".encode(), "sha256")
    return urlsafe_b64encode(mac[:18])[:SIGNATURE_LENGTH].decode()
