"""The panel's pages of webhooks."""

from __future__ import annotations

from typing import Any

from flask import Response

from koyjabo.webhooks import ui
from koyjabo.webhooks.ui import Desk
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.panel.pages import me, page


def _desk() -> Desk:
    return Desk(me(), _page)


def _page(template: str, status: int, **values: Any) -> Response:
    return page(f"webhooks/panel_{template}", status, **values)


ui.add_routes(bp, "/webhooks", _desk)
