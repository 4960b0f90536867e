"""The panel's pages of API keys: those of the site and of all communities; making them, other secrets, revoking."""

from __future__ import annotations

from flask import Response, url_for

from koyjabo.api_keys import ui
from koyjabo.api_keys.api_keys import ApiKeys
from koyjabo.api_keys.ui import ShownKey
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.pages.flash import done
from koyjabo.webkit.panel import for_viewers
from koyjabo.webkit.panel.pages import me, page

FRAME = "webkit/panel/layout.html"
PLACES = {"new": "admin.new_key", "rotate": "admin.ask_rotation", "revoke": "admin.revoke_key"}


@bp.get("/keys")
@for_viewers
def keys() -> Response:
    found = current()[ApiKeys].all(me())
    return page("api_keys/keys", frame=FRAME, found=found, now_ms=ui.now_ms(), words=ui.WORDS, places=PLACES)


@bp.get("/keys/new")
def new_key() -> Response:
    return _show_new(ui.new())


@bp.post("/keys/new")
def create_key() -> Response:
    """Shows the key, which is not stored."""
    return _show_new(ui.create(me()))


@bp.get("/keys/<key_id>/rotate")
def ask_rotation(key_id: str) -> Response:
    return _show_rotation(ui.rotating(me(), key_id))


@bp.post("/keys/<key_id>/rotate")
def rotate_key(key_id: str) -> Response:
    """Shows the key, which is not stored."""
    return _show_rotation(ui.rotate(me(), key_id))


@bp.post("/keys/<key_id>/revoke")
def revoke_key(key_id: str) -> Response:
    revoked = ui.revoke(me(), key_id, url_for("admin.keys"))
    return done("key_revoked", "admin.keys", revoked.name)


def _show_new(new: ShownKey) -> Response:
    return page("api_keys/new_key", new.status, frame=FRAME, new=new, boxes=ui.boxes(), back=url_for("admin.keys"))


def _show_rotation(new: ShownKey) -> Response:
    back = url_for("admin.keys")
    return page("api_keys/rotate_key", new.status, frame=FRAME, new=new, graces=ui.GRACES, back=back)
