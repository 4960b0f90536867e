"""/communities/…/keys: the API keys of a community, for its moderators."""

from __future__ import annotations

from flask import Response, url_for

from koyjabo.api_keys import ui
from koyjabo.api_keys.api_keys import ApiKeys
from koyjabo.api_keys.ui import ShownKey
from koyjabo.communities import ui as member_forms
from koyjabo.communities.roles import MODERATOR
from koyjabo.communities.ui import EnteredCommunity
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.pages.flash import done

FRAME = "communities/layout.html"
ENDPOINTS = {"new": "new_key", "rotate": "ask_rotation", "revoke": "revoke_key"}
PLACES = {name: f"pages.{endpoint}" for name, endpoint in ENDPOINTS.items()}


@bp.get("/communities/<community_id>/keys")
def community_keys(community_id: str) -> Response:
    at = member_forms.enter(community_id, MODERATOR)
    found = current()[ApiKeys].managed(at.account, at.community.id)
    return member_forms.page(
        "api_keys/keys",
        at,
        frame=FRAME,
        found=found,
        now_ms=ui.now_ms(),
        words=ui.WORDS,
        places=PLACES,
        may_change=True,
    )


@bp.get("/communities/<community_id>/keys/new")
def new_key(community_id: str) -> Response:
    return _show_new(member_forms.enter(community_id, MODERATOR), ui.new(community_id))


@bp.post("/communities/<community_id>/keys/new")
def create_key(community_id: str) -> Response:
    """Shows the key, which is not stored."""
    at = member_forms.enter(community_id, MODERATOR)
    return _show_new(at, ui.create(at.account, at.community.id))


@bp.get("/communities/<community_id>/keys/<key_id>/rotate")
def ask_rotation(community_id: str, key_id: str) -> Response:
    at = member_forms.enter(community_id, MODERATOR)
    return _show_rotation(at, ui.rotating(at.account, key_id, at.community.id))


@bp.post("/communities/<community_id>/keys/<key_id>/rotate")
def rotate_key(community_id: str, key_id: str) -> Response:
    """Shows the key, which is not stored."""
    at = member_forms.enter(community_id, MODERATOR)
    return _show_rotation(at, ui.rotate(at.account, key_id, at.community.id))


@bp.post("/communities/<community_id>/keys/<key_id>/revoke")
def revoke_key(community_id: str, key_id: str) -> Response:
    at = member_forms.enter(community_id, MODERATOR)
    revoked = ui.revoke(at.account, key_id, _list(at), at.community.id)
    return done("key_revoked", "pages.community_keys", revoked.name, community_id=at.community.id)


def _list(at: EnteredCommunity) -> str:
    return url_for("pages.community_keys", community_id=at.community.id)


def _show_new(at: EnteredCommunity, new: ShownKey) -> Response:
    shown = {"new": new, "boxes": ui.boxes(at.community.id), "back": _list(at)}
    return member_forms.page("api_keys/new_key", at, new.status, frame=FRAME, **shown)


def _show_rotation(at: EnteredCommunity, new: ShownKey) -> Response:
    shown = {"new": new, "graces": ui.GRACES, "back": _list(at)}
    return member_forms.page("api_keys/rotate_key", at, new.status, frame=FRAME, **shown)
