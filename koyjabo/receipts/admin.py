"""/admin/receipt: the receipt with names and reasons; each line leads to its rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from flask import Response, url_for

from koyjabo.receipts.receipts import ADJUSTED, VISITS, ReceiptPart, Receipts
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.panel import for_viewers
from koyjabo.webkit.panel.pages import me, page

ACTIONS = {ADJUSTED: "total.set", "imported": "total.set", "rolled_back": "ledger.rolled_back"}


class ReceiptRows(NamedTuple):
    """Where the rows are that a part counts. `day` is the day of a moment, in TIMEZONE."""

    day: Callable[[int], str]

    def of(self, part: ReceiptPart) -> str:
        """An address; "" for a part that has none."""
        if part.kind == VISITS:
            return url_for("admin.visits", text=f"{part.first}-{part.last}")
        if part.kind not in ACTIONS or part.at_ms is None or part.first is None:
            return ""
        return self.on(part.at_ms, ACTIONS[part.kind])

    def on(self, at_ms: int, action: str) -> str:
        """Of the records of an action on the day of a moment."""
        day = self.day(at_ms)
        return url_for("admin.audit", action=action, first_day=day, last_day=day)


@bp.get("/receipt")
@for_viewers
def receipt() -> Response:
    services = current()
    rows = ReceiptRows(lambda at_ms: services.clock.bucket(at_ms).day)
    return page("receipts/panel", receipt=services[Receipts].explained(me()), rows=rows)
