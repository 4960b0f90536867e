"""/communities/…/reports: the reports of a community, for its moderators."""

from __future__ import annotations

from functools import partial

from flask import Response, make_response, render_template, request, url_for

from koyjabo.base.models import Scope
from koyjabo.communities import ui as member_forms
from koyjabo.communities.roles import MODERATOR
from koyjabo.reports.pages.share_links import ShareDesk
from koyjabo.reports.ui import choices, community, figures
from koyjabo.reports.ui.choices import ReportContext, of_community
from koyjabo.reports.ui.view import view_of
from koyjabo.reports.ui.yesterday import yesterday
from koyjabo.web.current import current
from koyjabo.web.current import pages as bp
from koyjabo.web.limits import limits


@bp.get("/communities/<community_id>/shares")
def community_shares(community_id: str) -> Response:
    return _desk(community_id).overview()


@bp.get("/communities/<community_id>/shares/new")
def new_share(community_id: str) -> Response:
    return _desk(community_id).new()


@bp.post("/communities/<community_id>/shares/new")
def create_share(community_id: str) -> Response:
    return _desk(community_id).create()


@bp.post("/communities/<community_id>/shares/<share_id>/end")
def end_share(community_id: str, share_id: str) -> Response:
    return _desk(community_id).end(share_id)


def _desk(community_id: str) -> ShareDesk:
    at = member_forms.enter(community_id, MODERATOR)
    show = partial(member_forms.page, at=at)
    return ShareDesk(at.account, show, "pages.community_shares", {"community_id": at.community.id})


@bp.get("/communities/<community_id>/reports")
def community_reports(community_id: str) -> Response:
    """Show the reports for the range in the URL."""
    at = member_forms.enter(community_id, MODERATOR)
    limits.count_report(at.account.id)
    view, problems = view_of(_base(at.scope, at.account.id), request.args.items(multi=True))
    if view.parts:
        return make_response(render_template("reports/parts.html", view=view))
    figures = view.extra._asdict()
    conversions = community.conversions(figures.pop("conversions"), figures.pop("pages"))
    return member_forms.page(
        "reports/community_reports",
        at,
        400 if problems else 200,
        view=view,
        problems=problems,
        yesterday=yesterday(at.scope, request.path),
        conversions=conversions,
        now_ms=current().clock.now_ms(),
        **figures,
    )


def _base(scope: Scope, reader: str) -> ReportContext:
    path = url_for("pages.community_reports", community_id=scope)
    notes, share = partial(figures.notes, scope), url_for("pages.new_share", community_id=scope)
    base = of_community(scope, reader)._replace(path=path, notes=notes, share=share, extra=community.of_moment)
    return choices.remembered(base)
