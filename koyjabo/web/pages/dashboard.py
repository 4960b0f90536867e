"""/communities/…/dashboard: the people online and the reports of a community, for its moderators."""

from __future__ import annotations

from flask import Response

from koyjabo.analytics.reports import DAILY, HOURLY, MONTH, WEEK, Trend
from koyjabo.clock import shifted
from koyjabo.communities.roles import MODERATOR
from koyjabo.models import Scope
from koyjabo.web.current import current
from koyjabo.web.pages import bp, community_page
from koyjabo.web.security import rate_limits
from koyjabo.web.ui import online_people

MOST_SHOWN = 100
"""The most people online that are listed by name."""

Row = tuple[str, int, int]
"""A bar of a chart: the period, the number of all people, and of those with an account, drawn in front."""


@bp.get("/communities/<community_id>/dashboard")
def dashboard(community_id: str) -> Response:
    """The current values. The page's script updates them."""
    at = community_page.enter(community_id, MODERATOR)
    rate_limits.count_report(at.account.id)
    scope, reports = at.scope, current().analytics.reports
    people, _ = online_people.people(scope, 0, MOST_SHOWN)
    (online,) = current().communities.rooms.online(scope)
    return community_page.page(
        "dashboard",
        at,
        now_ms=current().clock.now_ms(),
        online=online,
        people=people,
        today=reports.today(scope).people,
        weekly=reports.weekly(scope).people,
        monthly=reports.monthly(scope).people,
        growth=reports.growth(scope, WEEK),
        conversion_rate=reports.conversion_rate(scope),
        peaks=current().presence.peaks.get(scope),
        by_hour=_by_hour(scope),
        by_day=_by_day(scope),
    )


def _by_hour(scope: Scope) -> list[Row]:
    """Yesterday, and today up to the current hour."""
    clock, today = current().clock, current().clock.today()
    found = current().analytics.reports.trend(scope, HOURLY, shifted(today, -1), today)
    now = clock.local(clock.bucket(clock.now_ms()).hour_s)
    last = next((at for at, each in enumerate(found) if each.period == now), len(found))
    return _rows(found[: last + 1])


def _by_day(scope: Scope) -> list[Row]:
    today = current().clock.today()
    return _rows(current().analytics.reports.trend(scope, DAILY, shifted(today, 1 - MONTH), today))


def _rows(found: list[Trend]) -> list[Row]:
    return [(each.period, sum(each.people), each.people.authenticated) for each in found]
