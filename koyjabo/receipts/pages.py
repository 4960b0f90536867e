"""/receipt, for everyone: the parts that add up to the total, and how it was verified (specification: Receipt)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Response, make_response, render_template, url_for

from koyjabo.receipts.receipts import ADJUSTED, VISITS, ReceiptPart, Receipts
from koyjabo.recounts.recounts import Recounts
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.login import page_login
from koyjabo.webkit.schemas.bodies import Body

ACTIONS = {ADJUSTED: "total.set", "imported": "total.set", "rolled_back": "ledger.rolled_back"}


class ReceiptRows(NamedTuple):
    """Links to the rows that a part of the total counts. `day` returns the day of a time in ms, in TIMEZONE."""

    day: Callable[[int], str]

    def of(self, part: ReceiptPart) -> str:
        """The URL of the rows; "" for a part without rows."""
        if part.kind == VISITS:
            return url_for("admin.visits", text=f"{part.first}-{part.last}")
        if part.kind not in ACTIONS or part.at_ms is None or part.first is None:
            return ""
        return self.on(part.at_ms, ACTIONS[part.kind])

    def on(self, at_ms: int, action: str) -> str:
        """The URL of the audit entries for an action on the day of `at_ms`."""
        day = self.day(at_ms)
        return url_for("admin.audit", action=action, first_day=day, last_day=day)


@bp.get("/receipt")
def receipt() -> Response:
    return show()


def show(status: int = 200, total: Form[Any] | None = None) -> Response:
    """Show the page. People with access to the panel also see names, reasons and the state of the recount; admins of
    the site also see the forms. `total` is a form with errors, if any.
    """
    services, login = current(), page_login.login()
    receipts, account = services[Receipts], login.account if login else None
    if account is None or not account.sees_panel:
        return make_response(render_template("receipts/receipt.html", receipt=receipts.now()), status)
    page = render_template(
        "receipts/receipt.html",
        receipt=receipts.explained(account),
        rows=ReceiptRows(lambda at_ms: services.clock.bucket(at_ms).day),
        recount=services[Recounts].state(account),
        may_change=account.is_admin,
        total=total or Form(Body),
    )
    return make_response(page, status)
