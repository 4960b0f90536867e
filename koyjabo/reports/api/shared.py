"""The routes of reports by share links. The filters of the link hold beside those of the request."""

from __future__ import annotations

from flask import Response, request

from koyjabo.reports.api.answers import BreakdownAnswer, HoursAnswer, PeriodAnswer, SummaryAnswer
from koyjabo.reports.api.insights import BY, COMPARE, FILTERS, GRANULARITY, IF_NONE_MATCH, RANGE, REFUSED
from koyjabo.reports.api.report_calls import respond
from koyjabo.reports.query.ranges import DEFAULT
from koyjabo.reports.services import ReportServices
from koyjabo.reports.sharing import shares
from koyjabo.reports.ui import share_password
from koyjabo.webkit.blueprints import api as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.limits import rate_limits
from koyjabo.webkit.openapi.describe import Answer, ListOf, Table, describe

OF_LINK: dict[int, Answer] = {
    401: "the link has a password, which this browser has not entered on its page yet",
    404: "the link is not valid, or not any more",
    **REFUSED,
    503: f"{REFUSED[503]}, or many people read by links",
}


@bp.get("/shares/<token>/reports/summary")
@describe(
    "Figures of a range, by a share link",
    {200: Table(SummaryAnswer), **OF_LINK},
    headers=IF_NONE_MATCH,
    query=RANGE | COMPARE | FILTERS,
    secured=False,
)
def shared_summary(token: str) -> Response:
    """For everyone who has the link."""
    return _respond("summary", token)


@bp.get("/shares/<token>/reports/timeline")
@describe(
    "Figures by hour, day, week or month, by a share link",
    {200: Table(ListOf(PeriodAnswer)), **OF_LINK},
    headers=IF_NONE_MATCH,
    query=RANGE | GRANULARITY | FILTERS,
    secured=False,
)
def shared_timeline(token: str) -> Response:
    """For everyone who has the link. Every period of the range, the running one last."""
    return _respond("timeline", token)


@bp.get("/shares/<token>/reports/breakdown")
@describe(
    "Figures by value of a dimension, by a share link",
    {200: Table(BreakdownAnswer), **OF_LINK},
    headers=IF_NONE_MATCH,
    query=RANGE | BY | FILTERS,
    secured=False,
)
def shared_breakdown(token: str) -> Response:
    """For everyone who has the link. Those with the most visits first."""
    return _respond("breakdown", token)


@bp.get("/shares/<token>/reports/hours")
@describe(
    "Visits by weekday and hour, by a share link",
    {200: Table(HoursAnswer), **OF_LINK},
    headers=IF_NONE_MATCH,
    query=RANGE | FILTERS,
    secured=False,
)
def shared_hours(token: str) -> Response:
    """For everyone who has the link."""
    return _respond("hours", token)


def _respond(name: str, token: str) -> Response:
    rate_limits.count_shared_report()
    links = current()[ReportServices].shares
    link = links.open(token)
    share_password.require(link)
    shares.check(request.args.items(multi=True))
    own = shares.scope_of(link), links.filters(link), link.range or DEFAULT
    return respond(name, *own, current()[ReportServices].shared_reports)
