"""The routes of reports: for the site (admins and viewers), for a community (moderators), and by share link. A share
link's filters are added to the request's filters.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any, NamedTuple, get_type_hints

from flask import Response, request
from pydantic import BaseModel, Field, create_model

from koyjabo.base.core import spreadsheet
from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.identity import uuid_of
from koyjabo.base.core.installation import VERSION
from koyjabo.base.models import SITE, Scope
from koyjabo.base.network import client_address
from koyjabo.columns.dimensions import dimensions
from koyjabo.columns.dimensions.dimensions import ATTENDED, DIMENSIONS
from koyjabo.columns.query.groups import Sums
from koyjabo.columns.query.periods import DAY, MINUTE
from koyjabo.columns.query.report_query import Filters
from koyjabo.communities.roles import MODERATOR
from koyjabo.communities.services import CommunityServices
from koyjabo.reports import shares
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.engine.results import MAX_ROWS, Figures, Period, as_json, csv_rows
from koyjabo.reports.query import parameters
from koyjabo.reports.query.parameters import Parameters
from koyjabo.reports.query.report_query import COMPARISONS, DEFAULT, RANGES
from koyjabo.reports.services import ReportServices
from koyjabo.web.current import api as bp, current
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.i18n import language
from koyjabo.web.limits import limits
from koyjabo.web.login import tokens
from koyjabo.web.openapi.describe import INSIDE, LOGGED_IN, ListOf, ResponseSpec, TableOf, describe
from .shares import require_pass

declare(bp, "/api/reports/", PathPolicy.ALLOWED_ORIGINS, tag="reports")

CSV, JSON = "csv", "json"
MIMETYPES = {CSV: "text/csv", JSON: "application/json"}
FURTHEST = 1_000_000
DEFAULT_ROWS = "10"
NO_FILTERS: Filters = {}


REFUSED: dict[int, ResponseSpec] = {
    304: None,
    400: "a parameter is not valid; see details",
    429: "too many reports at once; see Retry-After",
    503: "the database is unavailable, too many reports are waiting, or visits are being counted after an upgrade; see "
    "Retry-After",
}
OF_SITE: dict[int, ResponseSpec] = {**LOGGED_IN, 403: "only for admins and viewers of the site", **REFUSED}
OF_COMMUNITY: dict[int, ResponseSpec] = {**INSIDE, **REFUSED}
OF_LINK: dict[int, ResponseSpec] = {
    401: "the link has a password that has not been entered in this browser yet",
    404: "the link is not valid, or no longer valid",
    **REFUSED,
}

RANGE = {
    "range": f"{', '.join(RANGES)}; default 30d",
    "start": "first day, YYYY-MM-DD in TIMEZONE",
    "end": "last day, included",
    "format": "csv or json; the default depends on Accept",
}
FILTER = "a value, !value for all others, or empty for visits without a value; repeat it for several values"
FILTERS = dict.fromkeys((*DIMENSIONS, ATTENDED), FILTER)
OF_A_COMMUNITY = {name: FILTER for name in FILTERS if name != "community"}
COMPARE = {"compare": " or ".join(COMPARISONS)}
GRANULARITY = {"granularity": "hour, day (default), week or month, at most 2,400 periods; minute for range=hour"}
BY = {
    "by": f"{', '.join(DIMENSIONS)} or event:{{name}}:{{property}}",
    "limit": f"1 to {MAX_ROWS:,}; default 10, or all in a CSV file",
    "offset": f"0 to {FURTHEST:,}",
}
IF_NONE_MATCH = {"If-None-Match": "an ETag from an earlier response"}


# The JSON of reports, for OpenAPI. The fields of results are described there.


def _model(name: str, about: str, result: type | None = None, **more: Any) -> type[BaseModel]:
    """Return a model with the fields of a result, then `more`. Fields whose type has a default may be absent."""
    fields: dict[str, Any] = get_type_hints(result, include_extras=True) if result else {}
    return create_model(name, __doc__=about, **{field: (hint, Field()) for field, hint in fields.items()} | more)


REASON: dict[str, Any] = {
    "exact": (bool, ...),
    "reason": (str | None, Field(None, description="why visitors may count several times; absent if they do not")),
}

ComparedResponse = _model(
    "ComparedResponse",
    "The figures for the other range.",
    Figures,
    until=(str | None, Field(description="the local time when it ends, if the range ends today")),
)
SummaryResponse: Any = _model(
    "SummaryResponse",
    "The figures for a range, and for the range it is compared with.",
    Figures,
    compared=(ComparedResponse | None, ...),
    **REASON,
)
PeriodResponse = _model("PeriodResponse", "The figures for one period.", Period)
TotalResponse = _model(
    "TotalResponse",
    "The sums for several values.",
    Sums,
    values=(int, Field(description="number of values")),
)
RowResponse = _model(
    "RowResponse",
    "The sums for one value.",
    Sums,
    value=(str | None, Field(description="null: not recorded")),
    label=(str, Field(description="display text, in the language of Accept-Language")),
    share=(float, Field(description="share of all visits, 0 to 1")),
)
BreakdownResponse = _model(
    "BreakdownResponse",
    "The values with the most visits. `other` is everything that is not in `rows`.",
    rows=(list[RowResponse], ...),  # type: ignore[valid-type]
    other=(TotalResponse, ...),
    total=(TotalResponse, ...),
    **REASON,
)


class Report(NamedTuple):
    """A kind of report, and its API description, which is the same wherever the report is available."""

    summary: str
    response: ResponseSpec
    query: dict[str, str]  # its requested in addition to range and filters
    find: Callable[[Insights, Parameters], Any]
    columns: tuple[str, ...]  # of its CSV file
    more: str = ""


def _breakdown(insights: Insights, requested: Parameters) -> Any:
    others = requested.others
    if "by" not in others:
        raise InvalidInput(details={"by": "is required: a dimension, such as page, source or country"})
    limit = FURTHEST
    if others["format"] == JSON or "limit" in others:
        limit = _number("limit", others.get("limit", DEFAULT_ROWS), 1, MAX_ROWS)
    offset = _number("offset", others.get("offset", "0"), 0, FURTHEST)
    return insights.breakdown(requested.query, others["by"], limit, offset, language())


def _timeline(insights: Insights, requested: Parameters) -> Any:
    default = DAY if requested.query.since_ms is None else MINUTE
    return insights.timeline(requested.query, requested.others.get("granularity", default))


REPORTS = {
    "summary": Report(
        "Figures for a range",
        TableOf(SummaryResponse),
        COMPARE,
        lambda insights, requested: insights.summary(requested.query, requested.compare),
        (*Figures._fields, "until", "exact"),
    ),
    "timeline": Report(
        "Figures by minute, hour, day, week or month",
        TableOf(ListOf(PeriodResponse)),
        GRANULARITY,
        _timeline,
        Period._fields,
        " Returns every period of the range, with the current one last.",
    ),
    "breakdown": Report(
        "Figures by value of a dimension",
        TableOf(BreakdownResponse),
        BY,
        _breakdown,
        ("value", "label", *Sums._fields, "share", "exact"),
        " Values with the most visits come first.",
    ),
}


def respond(
    name: str,
    scope: Scope,
    filters: Filters = NO_FILTERS,
    default: str = DEFAULT,
    *,
    insights: Insights,
) -> Response:
    """Respond to the current request with one of REPORTS. `filters` are added to the request's filters; `default` is
    the default range.

    Raises InvalidInput, StillCounting, TooBusy, LedgerUnavailable.
    """
    report = REPORTS[name]
    pairs = list(request.args.items(multi=True))
    others = report.query.keys() - COMPARE.keys()  # `Parameters` reads `compare` itself
    requested = insights.parse(pairs, scope, ("format", *others), default)
    if requested.compare and name != "summary":
        raise InvalidInput(details={"compare": "can only be used with the summary"})
    kind = _format(requested.others.get("format"))
    requested = replace(requested, query=requested.query.within(filters), others={**requested.others, "format": kind})
    tag = _tag(
        insights.version(requested.query, bool(requested.compare)), name, repr(requested), kind, language(), VERSION
    )
    response, by = Response(mimetype=MIMETYPES[kind]), requested.others.get("by", "")
    # Labels with the names of communities can change without a visit.
    has_names = by == dimensions.COMMUNITY or parameters.has_addresses(by)
    if has_names or not request.if_none_match.contains_weak(tag):
        result = report.find(insights, requested)
        if kind == JSON:
            response.set_data(json.dumps(as_json(result), ensure_ascii=False))
        else:
            rows = ({column: row.get(column) for column in report.columns} for row in csv_rows(result))
            table = spreadsheet.head(report.columns) + spreadsheet.lines(rows)
            response.set_data(spreadsheet.BYTE_ORDER_MARK + table)
            file = f"{name}-{requested.query.first}-{requested.query.last}.csv"
            response.headers["Content-Disposition"] = f'attachment; filename="{file}"'
    response.set_etag(_tag(tag, response.get_data(as_text=True)) if has_names else tag)
    response.headers["Cache-Control"] = "private, no-cache"
    response.vary.update(("Accept", "Accept-Language", "Authorization", "Cookie"))
    response.make_conditional(request)
    return response


def _format(given: str | None) -> str:
    if given is None:
        accepted = request.accept_mimetypes.best_match([MIMETYPES[JSON], MIMETYPES[CSV]])
        return CSV if accepted == MIMETYPES[CSV] else JSON
    if given not in MIMETYPES:
        raise InvalidInput(details={"format": "must be csv or json"})
    return given


def _tag(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()[:24]


def _number(name: str, text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and least <= int(text) <= most):
        raise InvalidInput(details={name: f"must be a whole number from {least} to {most:,}"})
    return int(text)


class ReportPlace(NamedTuple):
    """Where reports are available. The name of the report is appended to `path` and `endpoint`."""

    path: str
    endpoint: str
    about: str
    whom: str
    refused: dict[int, ResponseSpec]
    filters: dict[str, str]
    ask: Callable[..., Response]  # called with the report's name and the path arguments
    secured: bool = True


def _of_site(name: str) -> Response:
    account = tokens.require().account
    account.require_site_viewer()
    limits.count_report(account.id)
    return respond(name, SITE, insights=current()[ReportServices].reports.for_reader(account.id))


def _of_community(name: str, community_id: str) -> Response:
    account = tokens.require().account
    limits.count_report(account.id)
    current()[CommunityServices].directory.require(account, community_id, MODERATOR)
    insights = current()[ReportServices].reports.for_reader(account.id)
    return respond(name, Scope(uuid_of(community_id) or community_id), insights=insights)


def _by_link(name: str, token: str) -> Response:
    limits.count_address("shared_reports")
    reports = current()[ReportServices]
    link = reports.shares.open(token)
    require_pass(link)
    shares.check(request.args.items(multi=True))
    own = shares.scope_of(link), reports.shares.filters(link), link.range or DEFAULT
    address = client_address.limit_key(request.environ)
    return respond(name, *own, insights=reports.shared_reports.for_reader(f"share {link.id}", address=address))


PLACES = (
    ReportPlace("/reports/", "report_", "", "Only site admins and viewers can read this.", OF_SITE, FILTERS, _of_site),
    ReportPlace(
        "/communities/<community_id>/reports/",
        "community_report_",
        ", of a community",
        "Only moderators of the community can read this.",
        OF_COMMUNITY,
        OF_A_COMMUNITY,
        _of_community,
    ),
    ReportPlace(
        "/shares/<token>/reports/",
        "shared_",
        ", with a share link",
        "Anyone with the link can read this.",
        OF_LINK,
        FILTERS,
        _by_link,
        secured=False,
    ),
)


def _add(place: ReportPlace, name: str, kind: Report) -> None:
    def view(**where: str) -> Response:
        return place.ask(name, **where)

    view.__name__, view.__doc__ = f"{place.endpoint}{name}", f"{place.whom}{kind.more}"
    documented, query = {200: kind.response, **place.refused}, RANGE | kind.query | place.filters
    scope = "reports:read" if place.secured else ""
    described = describe(f"{kind.summary}{place.about}", documented, None, IF_NONE_MATCH, query, place.secured, scope)
    bp.get(f"{place.path}{name}")(described(view))


for place in PLACES:
    for kind_name, kind in REPORTS.items():
        _add(place, kind_name, kind)
