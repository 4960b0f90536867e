"""The routes of reports: of the site, for its admins and viewers, and of a community, for its moderators."""

from __future__ import annotations

from flask import Response

from koyjabo.communities.roles import MODERATOR
from koyjabo.communities.services import CommunityServices
from koyjabo.core.identity import uuid_of
from koyjabo.models import SITE, Scope
from koyjabo.reports.api.answers import BreakdownAnswer, HoursAnswer, PeriodAnswer, SummaryAnswer
from koyjabo.reports.api.report_calls import FURTHEST, respond
from koyjabo.reports.engine.answers import MOST_ROWS
from koyjabo.reports.query.dimensions import DIMENSIONS
from koyjabo.reports.query.ranges import COMPARISONS, RANGES
from koyjabo.webkit.blueprints import api as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.limits import rate_limits
from koyjabo.webkit.login import tokens
from koyjabo.webkit.openapi.describe import Answer, ListOf, Table, describe
from koyjabo.webkit.openapi.refusals import INSIDE, LOGGED_IN

REFUSED: dict[int, Answer] = {
    304: None,
    400: "a parameter cannot be used; see details",
    429: "too many reports at once; see Retry-After",
    503: "the database is away, or visits are being counted after an upgrade; see Retry-After",
}
OF_SITE: dict[int, Answer] = {**LOGGED_IN, 403: "for admins and viewers of the site", **REFUSED}
OF_COMMUNITY: dict[int, Answer] = {**INSIDE, **REFUSED}

RANGE = {
    "range": f"{', '.join(RANGES)}; default 30d",
    "start": "first day, YYYY-MM-DD in TIMEZONE",
    "end": "last day, included",
    "format": "csv or json; default by Accept",
}
FILTER = "a value, !value for all others, nothing for those that have none; repeat it for several"
FILTERS = dict.fromkeys(DIMENSIONS, FILTER)
OF_A_COMMUNITY = {name: FILTER for name in DIMENSIONS if name != "community"}
COMPARE = {"compare": " or ".join(COMPARISONS)}
GRANULARITY = {"granularity": "hour, day (default), week or month; at most 2,400 periods"}
BY = {
    "by": f"{', '.join(DIMENSIONS)} or event:{{name}}:{{property}}",
    "limit": f"1 to {MOST_ROWS:,}; default 10",
    "offset": f"0 to {FURTHEST:,}",
}
IF_NONE_MATCH = {"If-None-Match": "an ETag from an earlier answer"}


def _site() -> Scope:
    account = tokens.require().account
    account.require_site_viewer()
    rate_limits.count_report(account.id)
    return SITE


def _community(community_id: str) -> Scope:
    account = tokens.require().account
    rate_limits.count_report(account.id)
    current()[CommunityServices].directory.require(account, community_id, MODERATOR)
    return Scope(uuid_of(community_id) or community_id)


@bp.get("/reports/summary")
@describe(
    "Figures of a range",
    {200: Table(SummaryAnswer), **OF_SITE},
    headers=IF_NONE_MATCH,
    query=RANGE | COMPARE | FILTERS,
)
def report_summary() -> Response:
    """For admins and viewers of the site."""
    return respond("summary", _site())


@bp.get("/reports/timeline")
@describe(
    "Figures by hour, day, week or month",
    {200: Table(ListOf(PeriodAnswer)), **OF_SITE},
    headers=IF_NONE_MATCH,
    query=RANGE | GRANULARITY | FILTERS,
)
def report_timeline() -> Response:
    """For admins and viewers of the site. Every period of the range, the running one last."""
    return respond("timeline", _site())


@bp.get("/reports/breakdown")
@describe(
    "Figures by value of a dimension",
    {200: Table(BreakdownAnswer), **OF_SITE},
    headers=IF_NONE_MATCH,
    query=RANGE | BY | FILTERS,
)
def report_breakdown() -> Response:
    """For admins and viewers of the site. Those with the most visits first."""
    return respond("breakdown", _site())


@bp.get("/reports/hours")
@describe(
    "Visits by weekday and hour",
    {200: Table(HoursAnswer), **OF_SITE},
    headers=IF_NONE_MATCH,
    query=RANGE | FILTERS,
)
def report_hours() -> Response:
    """For admins and viewers of the site."""
    return respond("hours", _site())


@bp.get("/communities/<community_id>/reports/summary")
@describe(
    "Figures of a range, of a community",
    {200: Table(SummaryAnswer), **OF_COMMUNITY},
    headers=IF_NONE_MATCH,
    query=RANGE | COMPARE | OF_A_COMMUNITY,
)
def community_report_summary(community_id: str) -> Response:
    """For moderators."""
    return respond("summary", _community(community_id))


@bp.get("/communities/<community_id>/reports/timeline")
@describe(
    "Figures by hour, day, week or month, of a community",
    {200: Table(ListOf(PeriodAnswer)), **OF_COMMUNITY},
    headers=IF_NONE_MATCH,
    query=RANGE | GRANULARITY | OF_A_COMMUNITY,
)
def community_report_timeline(community_id: str) -> Response:
    """For moderators. Every period of the range, the running one last."""
    return respond("timeline", _community(community_id))


@bp.get("/communities/<community_id>/reports/breakdown")
@describe(
    "Figures by value of a dimension, of a community",
    {200: Table(BreakdownAnswer), **OF_COMMUNITY},
    headers=IF_NONE_MATCH,
    query=RANGE | BY | OF_A_COMMUNITY,
)
def community_report_breakdown(community_id: str) -> Response:
    """For moderators. Those with the most visits first."""
    return respond("breakdown", _community(community_id))


@bp.get("/communities/<community_id>/reports/hours")
@describe(
    "Visits by weekday and hour, of a community",
    {200: Table(HoursAnswer), **OF_COMMUNITY},
    headers=IF_NONE_MATCH,
    query=RANGE | OF_A_COMMUNITY,
)
def community_report_hours(community_id: str) -> Response:
    """For moderators."""
    return respond("hours", _community(community_id))
