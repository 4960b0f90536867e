"""/communities/…/settings: change or delete a community, for its admins."""

from __future__ import annotations

from flask import Response, url_for
from flask_babel import gettext as _

from koyjabo.communities.roles import ADMIN
from koyjabo.communities.services import CommunityServices
from koyjabo.communities.ui import community_forms, community_page
from koyjabo.communities.ui.community_page import EnteredCommunity
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.forms import confirmation
from koyjabo.webkit.forms.confirmation import Confirmation
from koyjabo.webkit.i18n import count
from koyjabo.webkit.login import page_login
from koyjabo.webkit.pages.flash import done


@bp.get("/communities/<community_id>/settings")
def community_settings(community_id: str) -> Response:
    at = community_page.enter(community_id, ADMIN)
    return community_page.page("communities/settings", at, form=community_forms.present(at.community))


@bp.post("/communities/<community_id>/settings")
def change_community(community_id: str) -> Response:
    account, form = page_login.require(), community_forms.changes()
    body = form.read()
    if body is None:
        return community_page.page("communities/settings", community_page.enter(community_id, ADMIN), 422, form=form)
    changed = current()[CommunityServices].directory.change(account, community_id, **body.changes())
    return done("community_saved", "pages.community_settings", changed.community.name, community_id=community_id)


@bp.get("/communities/<community_id>/delete")
def confirm_deletion(community_id: str) -> Response:
    """The question for a link to it."""
    return confirmation.page(_deletion(community_page.enter(community_id, ADMIN)))


@bp.post("/communities/<community_id>/delete")
def delete_community(community_id: str) -> Response:
    at = community_page.enter(community_id, ADMIN)
    confirmation.confirm(_deletion(at))
    current()[CommunityServices].directory.delete(at.account, community_id)
    return done("deleted", "pages.list_communities", at.community.name)


def _deletion(at: EnteredCommunity) -> Confirmation:
    members = current()[CommunityServices].directory.members(at.account, at.community.id, 0, 1).total
    effects = (
        _("All memberships and reports of this community are deleted. This cannot be undone."),
        _("Members: %(count)s", count=count(members)),
        _("Its visits still count for the site."),
    )
    back = url_for("pages.community_settings", community_id=at.community.id)
    title = _("Delete %(name)s?", name=at.community.name)
    return Confirmation(title, effects, _("Delete this community"), back, typed=at.community.name)
