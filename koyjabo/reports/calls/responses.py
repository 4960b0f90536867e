"""Responds to requests for reports, as JSON or CSV, with an ETag."""

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

from flask import Response, request

from koyjabo.base.core import spreadsheet
from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.installation import VERSION
from koyjabo.base.models import Scope
from koyjabo.columns.dimensions.dimensions import COMMUNITY, EVENT_DIMENSION, has_addresses
from koyjabo.columns.query.report_query import Filters
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.engine.results import as_json, csv_rows
from koyjabo.reports.query.ranges import DEFAULT_RANGE
from koyjabo.web.i18n import language
from .kinds import COMPARISON_PARAMETERS, CSV_FORMAT, JSON_FORMAT, REPORTS, VISITOR_SHARE, Report

MIMETYPES = {CSV_FORMAT: "text/csv", JSON_FORMAT: "application/json"}
NO_FILTERS: Filters = {}


def respond(
    name: str,
    scope: Scope,
    filters: Filters = NO_FILTERS,
    default: str = DEFAULT_RANGE,
    *,
    insights: Insights,
) -> Response:
    """Respond to the current request with one of REPORTS. `filters` are added to the request's filters; `default` is
    the default range.

    Raises InvalidInput, StillCounting, TooBusy, LedgerUnavailable.
    """
    report = REPORTS[name]
    pairs = list(request.args.items(multi=True))
    others = report.query.keys() - COMPARISON_PARAMETERS.keys()  # `Parameters` reads `compare` itself
    requested = insights.parse(pairs, scope, ("format", *others), default)
    if requested.compare and name != "summary":
        raise InvalidInput(details={"compare": "can only be used with the summary"})
    kind = _format(requested.others.get("format"))
    requested = replace(requested, query=requested.query.within(filters), others={**requested.others, "format": kind})
    version = insights.version(requested.query, bool(requested.compare))
    tag = _tag(version, name, repr(requested), kind, language(), VERSION)
    response, by = Response(mimetype=MIMETYPES[kind]), requested.others.get("by", "")
    # Labels with the names of communities can change without a visit.
    has_names = by == COMMUNITY or has_addresses(by)
    if has_names or not request.if_none_match.contains_weak(tag):
        result = report.find(insights, requested)
        if kind == JSON_FORMAT:
            response.set_data(json.dumps(as_json(result), ensure_ascii=False))
        else:
            response.set_data(_csv(report, result, by))
            file = f"{name}-{requested.query.first}-{requested.query.last}.csv"
            response.headers["Content-Disposition"] = f'attachment; filename="{file}"'
    response.set_etag(_tag(tag, response.get_data(as_text=True)) if has_names else tag)
    response.headers["Cache-Control"] = "private, no-cache"
    response.vary.update(("Accept", "Accept-Language", "Authorization", "Cookie"))
    response.make_conditional(request)
    return response


def _csv(report: Report, result: Any, by: str) -> str:
    columns = [name for name in report.columns if name != VISITOR_SHARE or by == EVENT_DIMENSION]
    rows = ({column: row.get(column) for column in columns} for row in csv_rows(result))
    return spreadsheet.BYTE_ORDER_MARK + spreadsheet.head(columns) + spreadsheet.lines(rows)


def _format(given: str | None) -> str:
    if given is None:
        accepted = request.accept_mimetypes.best_match([MIMETYPES[JSON_FORMAT], MIMETYPES[CSV_FORMAT]])
        return CSV_FORMAT if accepted == MIMETYPES[CSV_FORMAT] else JSON_FORMAT
    if given not in MIMETYPES:
        raise InvalidInput(details={"format": "must be csv or json"})
    return given


def _tag(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()[:24]
