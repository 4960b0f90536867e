"""The panel's pages of communities and their members."""

from __future__ import annotations

from functools import partial

from flask import Response, request, url_for
from flask_babel import gettext as _

from koyjabo.accounts.login.invitations import SentInvitation
from koyjabo.communities import ui as member_forms
from koyjabo.communities.communities import PANEL_ORDERS, Member, Overview
from koyjabo.communities.schemas import CommunityChangesBody
from koyjabo.communities.services import CommunityServices
from koyjabo.communities.ui import NO_PROBLEM, MemberProblem, Result
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.confirmation import Confirmation, confirm
from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.i18n import count
from koyjabo.webkit.pages import pagination
from koyjabo.webkit.pages.flash import done
from koyjabo.webkit.pages.pagination import ListPage, Sorting
from koyjabo.webkit.panel import for_viewers
from koyjabo.webkit.panel.pages import me, page


@bp.get("/communities")
@for_viewers
def communities() -> Response:
    query, sorting = request.args.get("query", "").strip(), Sorting.of(request, PANEL_ORDERS, "name")
    listed = pagination.list_page(partial(current()[CommunityServices].directory.all, me(), query, order=sorting.order))
    open_ones = [each.community.id for each in listed.items if each.archived_ms is None]
    return page(
        "communities/panel_list", found=listed, query=query, sorting=sorting, online=member_forms.online(open_ones)
    )


@bp.get("/communities/new")
def new_community() -> Response:
    return page("communities/panel_new", form=member_forms.founding())


@bp.post("/communities/new")
def create_community() -> Response:
    form = member_forms.founding()
    body = form.read()
    if body is None:
        return page("communities/panel_new", 422, form=form)
    created = current()[CommunityServices].directory.create(me(), **body.values())
    return done("founded", "admin.community", created.community.name, community_id=created.community.id)


@bp.get("/communities/<community_id>")
@for_viewers
def community(community_id: str) -> Response:
    return show(community_id)


@bp.post("/communities/<community_id>")
def change_community(community_id: str) -> Response:
    form = member_forms.changes()
    body = form.read()
    if body is None:
        return show(community_id, form)
    changed = current()[CommunityServices].directory.change(me(), community_id, **body.changes())
    return done("community_saved", "admin.community", changed.community.name, community_id=community_id)


@bp.post("/communities/<community_id>/archive")
def archive_community(community_id: str) -> Response:
    overview = current()[CommunityServices].directory.overview(me(), community_id)
    confirm(_archiving(overview))
    current()[CommunityServices].directory.archive(me(), community_id)
    return done("archived", "admin.community", overview.community.name, community_id=community_id)


@bp.post("/communities/<community_id>/restore")
def restore_community(community_id: str) -> Response:
    current()[CommunityServices].directory.restore(me(), community_id)
    name = current()[CommunityServices].directory.overview(me(), community_id).community.name
    return done("restored", "admin.community", name, community_id=community_id)


def show(
    community_id: str, form: Form[CommunityChangesBody] | None = None, problem: MemberProblem = NO_PROBLEM
) -> Response:
    """The page of a community, with the errors of the `form` or of a change of its members, if any."""
    overview = current()[CommunityServices].directory.overview(me(), community_id)
    return page(
        "communities/panel_community",
        422 if form else problem.status,
        found=overview,
        online=None if overview.archived_ms else member_forms.online([overview.community.id])[overview.community.id],
        form=form or member_forms.present(overview.community),
        invitation=problem.form,
        refused=problem.refused,
        members=_members(overview),
        search=member_forms.search(),
        invitations=_invitations(overview),
    )


def _members(overview: Overview) -> ListPage[Member] | None:
    """None of an archived community: its page does not show them."""
    if overview.archived_ms is not None:
        return None
    community_id = overview.community.id
    read = partial(
        current()[CommunityServices].directory.listed_members, me(), community_id, search=member_forms.search()
    )
    return pagination.list_page(read, "admin.community", community_id=community_id)


def _invitations(overview: Overview) -> list[SentInvitation]:
    """Viewers of the site see none: an email and a link by which a person becomes a member are all there is to them."""
    if overview.archived_ms is not None or not me().is_admin:
        return []
    return member_forms.pending(me(), overview.community)


def _archiving(overview: Overview) -> Confirmation:
    title = _("Archive %(name)s?", name=overview.community.name)
    explanation = _(
        "The community is hidden from everyone, and its pages close. Its numbers and members are kept. You can restore "
        "it later."
    )
    effects = (explanation, _("Members: %(count)s", count=count(overview.members)))
    return Confirmation(title, effects, _("Archive"), url_for("admin.community", community_id=overview.community.id))


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
