"""/communities/…/webhooks: the webhooks of a community, for its admins."""

from __future__ import annotations

from typing import Any

from flask import Response

from koyjabo.communities import ui as communities
from koyjabo.communities.roles import ADMIN
from koyjabo.webhooks import ui
from koyjabo.webhooks.ui import Desk
from koyjabo.webkit.blueprints import pages as bp


def _desk(community_id: str) -> Desk:
    at = communities.enter(community_id, ADMIN)

    def show(template: str, status: int, **values: Any) -> Response:
        return communities.page(f"webhooks/{template}", at, status, **values)

    return Desk(at.account, show, at.community.id)


@bp.get("/communities/<community_id>/webhooks")
def webhooks(community_id: str) -> Response:
    return ui.listed(_desk(community_id))


@bp.get("/communities/<community_id>/webhooks/new")
def new_webhook(community_id: str) -> Response:
    return ui.new(_desk(community_id))


@bp.post("/communities/<community_id>/webhooks/new")
def create_webhook(community_id: str) -> Response:
    return ui.create(_desk(community_id))


@bp.get("/communities/<community_id>/webhooks/<webhook_id>")
def webhook(community_id: str, webhook_id: str) -> Response:
    return ui.one(_desk(community_id), webhook_id)


@bp.get("/communities/<community_id>/webhooks/<webhook_id>/change")
def ask_webhook_change(community_id: str, webhook_id: str) -> Response:
    return ui.change(_desk(community_id), webhook_id)


@bp.post("/communities/<community_id>/webhooks/<webhook_id>/change")
def change_webhook(community_id: str, webhook_id: str) -> Response:
    return ui.change(_desk(community_id), webhook_id)


@bp.post("/communities/<community_id>/webhooks/<webhook_id>/switch")
def switch_webhook(community_id: str, webhook_id: str) -> Response:
    return ui.switch(_desk(community_id), webhook_id)


@bp.post("/communities/<community_id>/webhooks/<webhook_id>/test")
def test_webhook(community_id: str, webhook_id: str) -> Response:
    return ui.test(_desk(community_id), webhook_id)


@bp.post("/communities/<community_id>/webhooks/<webhook_id>/rotate")
def rotate_webhook(community_id: str, webhook_id: str) -> Response:
    return ui.rotate(_desk(community_id), webhook_id)


@bp.post("/communities/<community_id>/webhooks/<webhook_id>/delete")
def delete_webhook(community_id: str, webhook_id: str) -> Response:
    return ui.remove(_desk(community_id), webhook_id)


@bp.post("/communities/<community_id>/webhooks/<webhook_id>/deliveries/<int:n>/resend")
def resend_delivery(community_id: str, webhook_id: str, n: int) -> Response:
    return ui.resend(_desk(community_id), webhook_id, n)


@bp.post("/communities/<community_id>/webhooks/<webhook_id>/replay")
def replay_webhook(community_id: str, webhook_id: str) -> Response:
    return ui.replay(_desk(community_id), webhook_id)
