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
        keys = [hmac.digest(key.encode(), b"links of own numbers", "sha256") for key in spellings(secret)]
        self._macs = [hmac.new(key, digestmod="sha256") for key in keys]

    def path(self, ordinal: int, epoch: int) -> str:
        """The path of the page, with its query."""
        return f"/n/{ordinal}?s={_signature(self._macs[0], ordinal, epoch)}"

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
            hmac.compare_digest(signature.encode(), _signature(mac, ordinal, epoch).encode()) for mac in self._macs
        )

    def find(self, ordinal: int) -> Any:
        """The visit with this number, as `queries.numbered_visit` returns it. Raises LedgerUnavailable."""
        return self._database.read(queries.numbered_visit, ordinal)


def _signature(mac: hmac.HMAC, ordinal: int, epoch: int) -> str:
    signing = mac.copy()  # a fifth of the time of a new one
    signing.update(f"n|{ordinal}|{epoch}".encode())
    return urlsafe_b64encode(signing.digest()[:18])[:SIGNATURE_LENGTH].decode()
