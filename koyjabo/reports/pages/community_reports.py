"""/communities/…/reports: the reports of a community, for its moderators."""

from __future__ import annotations

from functools import partial

from flask import Response, make_response, render_template, request, url_for

from koyjabo.communities import ui as member_forms
from koyjabo.communities.roles import MODERATOR
from koyjabo.core.clock import shifted
from koyjabo.models import Scope
from koyjabo.reports.community_people import DAILY, HOURLY, MONTH, WEEK, Trend
from koyjabo.reports.services import PeopleServices
from koyjabo.reports.ui import annotation_texts, cards, community
from koyjabo.reports.ui.base import Placement
from koyjabo.reports.ui.chart_rows import Row, from_first
from koyjabo.reports.ui.view import view_of
from koyjabo.reports.ui.yesterday import yesterday
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.limits import limits


@bp.get("/communities/<community_id>/reports")
def community_reports(community_id: str) -> Response:
    """The reports of the range that the address names."""
    at = member_forms.enter(community_id, MODERATOR)
    limits.count_report(at.account.id)
    view, problems = view_of(_base(at.scope), request.args.items(multi=True))
    if view.wanted:
        return make_response(render_template("reports/parts.html", view=view))
    scope, reports = at.scope, current()[PeopleServices].reports
    return member_forms.page(
        "reports/community_reports",
        at,
        400 if problems else 200,
        view=view,
        problems=problems,
        yesterday=yesterday(scope, request.path),
        time_spent=community.time_spent(view.question),
        conversions=community.conversions(view.question),
        now_ms=current().clock.now_ms(),
        weekly=reports.weekly(scope).people,
        monthly=reports.monthly(scope).people,
        growth=reports.growth(scope, WEEK),
        conversion_rate=reports.conversion_rate(scope),
        by_hour=_by_hour(scope),
        by_day=_by_day(scope),
    )


def _base(scope: Scope) -> Placement:
    path = url_for("pages.community_reports", community_id=scope)
    notes, share = partial(annotation_texts.notes, scope), url_for("pages.new_share", community_id=scope)
    reports = f"/api/communities/{scope}/reports"
    return Placement(path, reports, scope, cards.of_a_community(), notes=notes, share=share)


def _by_hour(scope: Scope) -> list[Row]:
    """Yesterday, and today up to the current hour."""
    clock, today = current().clock, current().clock.today()
    trend = current()[PeopleServices].reports.trend(scope, HOURLY, shifted(today, -1), today)
    now = clock.local(clock.bucket(clock.now_ms()).hour_s)
    last = next((at for at, each in enumerate(trend) if each.period == now), len(trend))
    return _rows(trend[: last + 1])


def _by_day(scope: Scope) -> list[Row]:
    today = current().clock.today()
    return _rows(current()[PeopleServices].reports.trend(scope, DAILY, shifted(today, 1 - MONTH), today))


def _rows(trend: list[Trend]) -> list[Row]:
    return from_first([(each.period, *each.people) for each in trend])
