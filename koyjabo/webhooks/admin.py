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


@bp.get("/webhooks")
def webhooks() -> Response:
    return ui.listed(_desk())


@bp.get("/webhooks/new")
def new_webhook() -> Response:
    return ui.new(_desk())


@bp.post("/webhooks/new")
def create_webhook() -> Response:
    return ui.create(_desk())


@bp.get("/webhooks/<webhook_id>")
def webhook(webhook_id: str) -> Response:
    return ui.one(_desk(), webhook_id)


@bp.get("/webhooks/<webhook_id>/change")
def ask_webhook_change(webhook_id: str) -> Response:
    return ui.change(_desk(), webhook_id)


@bp.post("/webhooks/<webhook_id>/change")
def change_webhook(webhook_id: str) -> Response:
    return ui.change(_desk(), webhook_id)


@bp.post("/webhooks/<webhook_id>/switch")
def switch_webhook(webhook_id: str) -> Response:
    return ui.switch(_desk(), webhook_id)


@bp.post("/webhooks/<webhook_id>/test")
def test_webhook(webhook_id: str) -> Response:
    return ui.test(_desk(), webhook_id)


@bp.post("/webhooks/<webhook_id>/rotate")
def rotate_webhook(webhook_id: str) -> Response:
    return ui.rotate(_desk(), webhook_id)


@bp.post("/webhooks/<webhook_id>/delete")
def delete_webhook(webhook_id: str) -> Response:
    return ui.remove(_desk(), webhook_id)


@bp.post("/webhooks/<webhook_id>/deliveries/<int:n>/resend")
def resend_delivery(webhook_id: str, n: int) -> Response:
    return ui.resend(_desk(), webhook_id, n)


@bp.post("/webhooks/<webhook_id>/replay")
def replay_webhook(webhook_id: str) -> Response:
    return ui.replay(_desk(), webhook_id)
