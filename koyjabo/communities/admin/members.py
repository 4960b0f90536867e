"""/admin/communities/…/members: add and remove members, change roles."""

from __future__ import annotations

from flask import Response, url_for

from koyjabo.communities.admin.communities import show
from koyjabo.communities.ui import member_forms
from koyjabo.communities.ui.member_forms import MemberProblem, Result
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.pages.flash import done
from koyjabo.webkit.panel.pages import me


@bp.post("/communities/<community_id>/members")
def add_member(community_id: str) -> Response:
    return _result(member_forms.invite(me(), community_id), community_id)


@bp.post("/communities/<community_id>/members/<user_id>")
def change_role(community_id: str, user_id: str) -> Response:
    return _result(member_forms.set_role(me(), community_id, user_id), community_id)


@bp.post("/communities/<community_id>/members/<user_id>/remove")
def remove_member(community_id: str, user_id: str) -> Response:
    back = url_for("admin.community", community_id=community_id)
    return _result(member_forms.remove(me(), community_id, user_id, back), community_id)


def _result(result: Result, community_id: str) -> Response:
    if isinstance(result, MemberProblem):
        return show(community_id, problem=result)
    return done(result.code, "admin.community", result.about, result.undo, community_id=community_id)
