"""The panel's list of communities. A community's own pages are outside the panel."""

from __future__ import annotations

from functools import partial

from flask import Response, request, url_for
from flask_babel import gettext as _

from koyjabo.communities import ui as member_forms
from koyjabo.communities.archiving_queries import ORDERS as PANEL_ORDERS
from koyjabo.communities.archiving_queries import Overview
from koyjabo.communities.services import CommunityServices
from koyjabo.web.blueprints import admin as bp
from koyjabo.web.current import current
from koyjabo.web.forms.confirmation import Confirmation, confirm
from koyjabo.web.i18n import count
from koyjabo.web.pages import pagination, redirects
from koyjabo.web.pages.flash import done
from koyjabo.web.pages.pagination import Sorting
from koyjabo.web.panel import for_viewers
from koyjabo.web.panel.pages import me, page


@bp.get("/communities")
@for_viewers
def communities() -> Response:
    query, sorting = request.args.get("query", "").strip(), Sorting.of(request, PANEL_ORDERS, "name")
    listed = pagination.list_page(partial(current()[CommunityServices].directory.all, me(), query, order=sorting.order))
    active = [overview.community.id for overview in listed.items if overview.archived_ms is None]
    return page(
        "communities/panel_list", found=listed, query=query, sorting=sorting, online=member_forms.online(active)
    )


@bp.get("/communities/new")
def new_community() -> Response:
    return page("communities/panel_new", form=member_forms.founding())


@bp.get("/communities/<community_id>")
@for_viewers
def community(community_id: str) -> Response:
    """Redirect to the community, or to its row in the list if it is archived. Not with 301, because this changes."""
    overview = current()[CommunityServices].directory.overview(me(), community_id)
    if overview.archived_ms is not None:
        return redirects.to("admin.communities", query=overview.community.id)
    return redirects.to("pages.community", community_id=overview.community.id)


@bp.post("/communities/<community_id>/archive")
def archive_community(community_id: str) -> Response:
    overview = current()[CommunityServices].directory.overview(me(), community_id)
    confirm(_archiving(overview))
    current()[CommunityServices].directory.archive(me(), community_id)
    return done("archived", "admin.communities", overview.community.name, query=overview.community.id)


@bp.post("/communities/<community_id>/restore")
def restore_community(community_id: str) -> Response:
    current()[CommunityServices].directory.restore(me(), community_id)
    name = current()[CommunityServices].directory.overview(me(), community_id).community.name
    return done("restored", "pages.community", name, community_id=community_id)


def _archiving(overview: Overview) -> Confirmation:
    title = _("Archive %(name)s?", name=overview.community.name)
    explanation = _(
        "The community is hidden from everyone, and its pages can no longer be opened. Its numbers and members are "
        "kept. You can restore it later."
    )
    effects = (explanation, _("Members: %(count)s", count=count(overview.members)))
    back = url_for("pages.community_settings", community_id=overview.community.id)
    return Confirmation(title, effects, _("Archive"), back)
