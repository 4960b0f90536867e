"""/communities/…/settings: change or delete a community, for its admins."""

from __future__ import annotations

from flask import Response

from koyjabo.communities.roles import ADMIN
from koyjabo.web.current import current
from koyjabo.web.pages import bp, community_page
from koyjabo.web.security import page_login
from koyjabo.web.ui import community_forms
from koyjabo.web.ui.flash import done


@bp.get("/communities/<community_id>/settings")
def community_settings(community_id: str) -> Response:
    at = community_page.enter(community_id, ADMIN)
    return community_page.page("settings", at, form=community_forms.present(at.community))


@bp.post("/communities/<community_id>/settings")
def change_community(community_id: str) -> Response:
    account, form = page_login.require(), community_forms.changes()
    body = form.read()
    if body is None:
        return community_page.page("settings", community_page.enter(community_id, ADMIN), 422, form=form)
    current().communities.directory.change(account, community_id, **body.changes())
    return done("saved", "pages.community_settings", community_id=community_id)


@bp.get("/communities/<community_id>/delete")
def confirm_deletion(community_id: str) -> Response:
    """Ask for confirmation, with the number of members. Changes nothing."""
    at = community_page.enter(community_id, ADMIN)
    return community_page.page(
        "delete", at, members=current().communities.directory.members(at.account, at.community.id, 0, 1).total
    )


@bp.post("/communities/<community_id>/delete")
def delete_community(community_id: str) -> Response:
    current().communities.directory.delete(page_login.require(), community_id)
    return done("deleted", "pages.list_communities")
