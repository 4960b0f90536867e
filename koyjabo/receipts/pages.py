"""/receipt: what the total is made of, for everybody (specification: Receipt)."""

from __future__ import annotations

from flask import render_template

from koyjabo.receipts.receipts import Receipts
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current


@bp.get("/receipt")
def receipt() -> str:
    """Without names and reasons."""
    return render_template("receipts/receipt.html", receipt=current()[Receipts].now())
