"""/admin/shares: list, make and end share links."""

from __future__ import annotations

from flask import Response, url_for

from koyjabo.reports.ui import share_forms
from koyjabo.reports.ui.share_forms import NewShare
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.pages.flash import done
from koyjabo.webkit.panel.pages import me, page


@bp.get("/shares")
def shares() -> Response:
    return page("reports/shares", found=share_forms.listed(me()))


@bp.get("/shares/new")
def new_share() -> Response:
    return _show(share_forms.new())


@bp.post("/shares/new")
def create_share() -> Response:
    """Shows the link, which is not stored."""
    return _show(share_forms.create(me()))


@bp.post("/shares/<share_id>/end")
def end_share(share_id: str) -> Response:
    ended = share_forms.end(me(), share_id, url_for("admin.shares"))
    return done("share_ended", "admin.shares", ended.name)


def _show(new: NewShare) -> Response:
    return page("reports/new_share", new.status, new=new, ranges=share_forms.ranges())
