"""Functions to call with the receipt of each visit that a page registers, and the WSGI environment of its request."""

from collections.abc import Callable, Mapping
from typing import Any

from .records import Receipt

VisitListener = Callable[[Receipt, Mapping[str, Any]], object]


class VisitListeners(list[VisitListener]):
    """A feature that waits for one such visit removes its function once the visit has come."""

    def call(self, receipt: Receipt, environ: Mapping[str, Any]) -> None:
        for listener in tuple(self):
            listener(receipt, environ)
