"""The routes of reports: of the site, for its admins and viewers; of a community, for its moderators; and by share
links, whose filters hold beside those of the request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from flask import Response, request

from koyjabo.communities.roles import MODERATOR
from koyjabo.communities.services import CommunityServices
from koyjabo.core.identity import uuid_of
from koyjabo.models import SITE, Scope
from koyjabo.reports import shares
from koyjabo.reports.api.answers import BreakdownAnswer, HoursAnswer, PeriodAnswer, SummaryAnswer
from koyjabo.reports.api.report_calls import FURTHEST, respond
from koyjabo.reports.engine.answers import MOST_ROWS
from koyjabo.reports.query.dimensions import DIMENSIONS
from koyjabo.reports.query.ranges import COMPARISONS, DEFAULT, RANGES
from koyjabo.reports.services import ReportServices
from koyjabo.reports.ui import share_password
from koyjabo.webkit.blueprints import api as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.limits import limits
from koyjabo.webkit.login import tokens
from koyjabo.webkit.openapi.describe import INSIDE, LOGGED_IN, Answer, ListOf, TableOf, describe

REFUSED: dict[int, Answer] = {
    304: None,
    400: "a parameter cannot be used; see details",
    429: "too many reports at once; see Retry-After",
    503: "the database is away, or visits are being counted after an upgrade; see Retry-After",
}
OF_SITE: dict[int, Answer] = {**LOGGED_IN, 403: "for admins and viewers of the site", **REFUSED}
OF_COMMUNITY: dict[int, Answer] = {**INSIDE, **REFUSED}
OF_LINK: dict[int, Answer] = {
    401: "the link has a password, which this browser has not entered on its page yet",
    404: "the link is not valid, or not any more",
    **REFUSED,
    503: f"{REFUSED[503]}, or many people read by links",
}

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


class Described(NamedTuple):
    """What the API's description says of one of REPORTS, wherever it is asked for."""

    summary: str
    answer: Answer
    query: dict[str, str]
    more: str = ""


KINDS = {
    "summary": Described("Figures of a range", TableOf(SummaryAnswer), COMPARE),
    "timeline": Described(
        "Figures by hour, day, week or month",
        TableOf(ListOf(PeriodAnswer)),
        GRANULARITY,
        " Every period of the range, the running one last.",
    ),
    "breakdown": Described(
        "Figures by value of a dimension", TableOf(BreakdownAnswer), BY, " Those with the most visits first."
    ),
    "hours": Described("Visits by weekday and hour", TableOf(HoursAnswer), {}),
}


class ReportPlace(NamedTuple):
    """Where reports are asked for: `path` and `endpoint` with the name of the report at the end of each."""

    path: str
    endpoint: str
    about: str
    whom: str
    refused: dict[int, Answer]
    filters: dict[str, str]
    ask: Callable[..., Response]  # is given the name of the report, and the arguments of the path
    secured: bool = True


def _of_site(name: str) -> Response:
    account = tokens.require().account
    account.require_site_viewer()
    limits.count_report(account.id)
    return respond(name, SITE)


def _of_community(name: str, community_id: str) -> Response:
    account = tokens.require().account
    limits.count_report(account.id)
    current()[CommunityServices].directory.require(account, community_id, MODERATOR)
    return respond(name, Scope(uuid_of(community_id) or community_id))


def _by_link(name: str, token: str) -> Response:
    limits.count_address("shared_reports")
    links = current()[ReportServices].shares
    link = links.open(token)
    share_password.require(link)
    shares.check(request.args.items(multi=True))
    own = shares.scope_of(link), links.filters(link), link.range or DEFAULT
    return respond(name, *own, current()[ReportServices].shared_reports)


PLACES = (
    ReportPlace("/reports/", "report_", "", "For admins and viewers of the site.", OF_SITE, FILTERS, _of_site),
    ReportPlace(
        "/communities/<community_id>/reports/",
        "community_report_",
        ", of a community",
        "For moderators.",
        OF_COMMUNITY,
        OF_A_COMMUNITY,
        _of_community,
    ),
    ReportPlace(
        "/shares/<token>/reports/",
        "shared_",
        ", by a share link",
        "For everyone who has the link.",
        OF_LINK,
        FILTERS,
        _by_link,
        secured=False,
    ),
)


def _add(place: ReportPlace, name: str, kind: Described) -> None:
    def view(**where: str) -> Response:
        return place.ask(name, **where)

    view.__name__, view.__doc__ = f"{place.endpoint}{name}", f"{place.whom}{kind.more}"
    answers, query = {200: kind.answer, **place.refused}, RANGE | kind.query | place.filters
    scope = "reports:read" if place.secured else ""
    described = describe(f"{kind.summary}{place.about}", answers, None, IF_NONE_MATCH, query, place.secured, scope)
    bp.get(f"{place.path}{name}")(described(view))


for each in PLACES:
    for kind_name, kind in KINDS.items():
        _add(each, kind_name, kind)
