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


ui.add_routes(bp, "/communities/<community_id>/webhooks", _desk, place=("community_id",))
