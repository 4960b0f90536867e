"""Answers one report: reads its parameters, and writes it as JSON or CSV, with an ETag."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any, NamedTuple

from flask import Response, request

from koyjabo.core import spreadsheet
from koyjabo.core.errors import InvalidInput
from koyjabo.core.installation import VERSION
from koyjabo.models import Scope
from koyjabo.reports.api import answers
from koyjabo.reports.engine.answers import MOST_ROWS
from koyjabo.reports.engine.insights import DAY, Insights
from koyjabo.reports.query import labels
from koyjabo.reports.query.parameters import Parameters
from koyjabo.reports.query.ranges import DEFAULT
from koyjabo.reports.query.report_query import Filters
from koyjabo.reports.services import ReportServices
from koyjabo.webkit.current import current
from koyjabo.webkit.i18n import language

CSV, JSON = "csv", "json"
MIMETYPES = {CSV: "text/csv", JSON: "application/json"}
FURTHEST = 1_000_000
DEFAULT_ROWS = "10"
NO_FILTERS: Filters = {}


class Report(NamedTuple):
    """`others` are its parameters beside range and filters; `columns` are those of CSV."""

    others: tuple[str, ...]
    find: Callable[[Insights, Parameters], Any]
    as_json: Callable[[Any], Any]
    rows: Callable[[Any], list[dict[str, Any]]]
    columns: tuple[str, ...]


def _breakdown(insights: Insights, asked: Parameters) -> Any:
    others = asked.others
    if "by" not in others:
        raise InvalidInput(details={"by": "is required: a dimension, such as page, source or country"})
    limit = _number("limit", others.get("limit", DEFAULT_ROWS), 1, MOST_ROWS)
    offset = _number("offset", others.get("offset", "0"), 0, FURTHEST)
    return insights.breakdown(asked.question, others["by"], limit, offset, language())


def _timeline(insights: Insights, asked: Parameters) -> Any:
    return insights.timeline(asked.question, asked.others.get("granularity", DAY))


SUMS = ("visits", "visitors", "new_visitors")
REPORTS = {
    "summary": Report(
        (),
        lambda insights, asked: insights.summary(asked.question, asked.compare),
        answers.summary,
        answers.summary_rows,
        (*answers.FiguresAnswer.model_fields, "until", "exact"),
    ),
    "timeline": Report(
        ("granularity",), _timeline, answers.timeline, answers.timeline, tuple(answers.PeriodAnswer.model_fields)
    ),
    "breakdown": Report(
        ("by", "limit", "offset"),
        _breakdown,
        answers.breakdown,
        answers.breakdown_rows,
        ("value", "label", *SUMS, "count", "share", "at_least", "exact"),
    ),
    "hours": Report(
        (),
        lambda insights, asked: insights.hours(asked.question),
        answers.hours,
        answers.hours_rows,
        ("weekday", "hour", "visits", "exact"),
    ),
}


def respond(
    name: str,
    scope: Scope,
    filters: Filters = NO_FILTERS,
    default: str = DEFAULT,
    insights: Insights | None = None,
) -> Response:
    """The answer to the current request, for one of REPORTS. `filters` hold beside those of the request; `default` is
    the range of a request without one.

    Raises InvalidInput, StillCounting, LedgerUnavailable, and TooBusy if `insights` are those of share links.
    """
    report, insights = REPORTS[name], insights or current()[ReportServices].reports
    pairs = list(request.args.items(multi=True))
    asked = insights.asked(pairs, scope, ("format", *report.others), default)
    if asked.compare and name != "summary":
        raise InvalidInput(details={"compare": "is a parameter of the summary alone"})
    asked = asked.asking(asked.question.within(filters))
    kind = _format(asked.others.get("format"))
    tag = _tag(insights.version(asked.question, bool(asked.compare)), name, repr(asked), kind, language(), VERSION)
    response, has_names = Response(mimetype=MIMETYPES[kind]), labels.names_communities(asked.others.get("by", ""))
    if has_names or not request.if_none_match.contains_weak(tag):
        _write(response, name, report, asked, kind, report.find(insights, asked))
    response.set_etag(_tag(tag, response.get_data(as_text=True)) if has_names else tag)
    response.headers["Cache-Control"] = "private, no-cache"
    response.vary.update(("Accept", "Accept-Language", "Authorization", "Cookie"))
    response.make_conditional(request)
    return response


def _write(response: Response, name: str, report: Report, asked: Parameters, kind: str, answer: Any) -> None:
    if kind == JSON:
        response.set_data(json.dumps(report.as_json(answer), ensure_ascii=False))
        return
    rows = [{column: row.get(column) for column in report.columns} for row in report.rows(answer)]
    response.set_data(spreadsheet.head(CSV, report.columns) + spreadsheet.lines(CSV, rows))
    file = f"{name}-{asked.question.first}-{asked.question.last}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{file}"'


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
