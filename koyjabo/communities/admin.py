"""The panel's list of communities. A community's own pages are outside the panel."""

from functools import partial

from flask import Response, request, url_for
from flask_babel import gettext as _

from koyjabo.base.core.i18n import N_
from koyjabo.web.forms.confirmation import Confirmation, confirm
from koyjabo.web.i18n import count, name_of
from koyjabo.web.pages import pagination, redirects
from koyjabo.web.pages.flash import done
from koyjabo.web.pages.pagination import Sorting
from koyjabo.web.panel import for_viewers, panel_blueprint
from koyjabo.web.panel.pages import me, page
from . import ui
from .queries import PANEL_ORDERS
from .services import community_services

bp = panel_blueprint("communities")


@bp.get("/communities")
@for_viewers
def communities() -> Response:
    query, sorting = request.args.get("query", "").strip(), Sorting.of(request, PANEL_ORDERS, "name")
    directory = community_services().directory
    listed = pagination.list_page(partial(directory.all, me(), query, order=sorting.order))
    return page(
        "communities/panel_list",
        found=listed,
        query=query,
        sorting=sorting,
        sizes=directory.sizes(listed.items),
        online=ui.online([community.id for community in listed.items if community.archived_ms is None]),
    )


@bp.get("/communities/new")
def new_community() -> Response:
    return page("communities/panel_new", form=ui.founding())


@bp.get("/communities/<community_id>")
@for_viewers
def community(community_id: str) -> Response:
    """Redirect to the community, or to its row in the list if it is archived. Not with 301, because this changes."""
    community = community_services().directory.find(me(), community_id)
    if community.archived_ms is not None:
        return redirects.to("panel_communities.communities", query=community.id)
    return redirects.to("pages_communities.community", community_id=community.id)


@bp.post("/communities/<community_id>/archive")
def archive_community(community_id: str) -> Response:
    directory = community_services().directory
    community = directory.find(me(), community_id)
    members = directory.sizes([community])[community.id]
    explanation = _(
        "The community is hidden from everyone, and its pages can no longer be opened. Its numbers and members are "
        "kept. You can restore it later."
    )
    effects = (explanation, _("Members: %(count)s", count=count(members)))
    back = url_for("pages_communities.community_settings", community_id=community.id)
    confirm(Confirmation(_("Archive %(name)s?", name=name_of(community)), effects, _("Archive"), back))
    directory.archive(me(), community.id)
    return done(N_("%(name)s was archived."), "panel_communities.communities", name_of(community), query=community.id)


@bp.post("/communities/<community_id>/restore")
def restore_community(community_id: str) -> Response:
    community = community_services().directory.restore(me(), community_id)
    return done(
        N_("%(name)s was restored."), "pages_communities.community", name_of(community), community_id=community.id
    )
