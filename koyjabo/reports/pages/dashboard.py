"""/communities/…/dashboard: the people online and the reports of a community, for its moderators."""

from __future__ import annotations

from functools import partial

from flask import Response, make_response, render_template, request, url_for

from koyjabo.communities import ui as member_forms
from koyjabo.communities.roles import MODERATOR
from koyjabo.communities.services import CommunityServices
from koyjabo.core.clock import shifted
from koyjabo.counting.last_hour import columns
from koyjabo.models import Scope
from koyjabo.presence.services import PresenceServices
from koyjabo.reports.community_people import DAILY, HOURLY, MONTH, WEEK, Trend
from koyjabo.reports.services import MOST_NAMED, PeopleServices
from koyjabo.reports.ui import annotation_texts, cards, community
from koyjabo.reports.ui.base import Placement
from koyjabo.reports.ui.chart_rows import Row, from_first
from koyjabo.reports.ui.view import view_of
from koyjabo.reports.ui.yesterday import yesterday
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.limits import limits


@bp.get("/communities/<community_id>/dashboard")
def dashboard(community_id: str) -> Response:
    """The current values, which the page's script updates, and the reports of the range that the address names."""
    at = member_forms.enter(community_id, MODERATOR)
    limits.count_report(at.account.id)
    view, problems = view_of(_base(at.scope), request.args.items(multi=True))
    if view.wanted:
        return make_response(render_template("reports/parts.html", view=view))
    scope, reports = at.scope, current()[PeopleServices].reports
    live = current()[CommunityServices].dashboards.current(scope).data
    people, _ = current()[CommunityServices].people.page(scope, 0, MOST_NAMED)
    (online,) = current()[CommunityServices].people.online(scope)
    return member_forms.page(
        "reports/dashboard",
        at,
        400 if problems else 200,
        view=view,
        problems=problems,
        yesterday=yesterday(scope, request.path),
        time_spent=community.time_spent(view.question),
        conversions=community.conversions(view.question),
        now_ms=current().clock.now_ms(),
        online=online,
        people=people,
        minutes=columns(current().clock, live["minutes"], series=2),
        arrivals=live["arrivals"],
        today=reports.today(scope).people,
        weekly=reports.weekly(scope).people,
        monthly=reports.monthly(scope).people,
        growth=reports.growth(scope, WEEK),
        conversion_rate=reports.conversion_rate(scope),
        peaks=current()[PresenceServices].peaks.get(scope),
        by_hour=_by_hour(scope),
        by_day=_by_day(scope),
    )


def _base(scope: Scope) -> Placement:
    path, notes = url_for("pages.dashboard", community_id=scope), partial(annotation_texts.notes, scope)
    reports, share = f"/api/communities/{scope}/reports", url_for("pages.new_share", community_id=scope)
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
