"""GET /admin/: the numbers of the site now, its reports in short, each leading into Insights, and the newest visits."""

from __future__ import annotations

from functools import partial

from flask import Response, make_response, render_template, request, url_for

from koyjabo.counting.services import CountingServices
from koyjabo.getting_started.getting_started import GettingStarted
from koyjabo.models import SITE
from koyjabo.reports.services import ReportServices
from koyjabo.reports.ui import annotation_texts, comparisons
from koyjabo.reports.ui.base import OVERVIEW
from koyjabo.reports.ui.view import view_of
from koyjabo.reports.ui.yesterday import yesterday
from koyjabo.visit_log.services import VisitLogServices
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.panel import for_viewers
from koyjabo.webkit.panel.pages import me, page

NEWEST = 6


@bp.get("/")
@for_viewers
def overview() -> Response:
    lists, notes = url_for("admin.insights"), partial(annotation_texts.notes, SITE)
    path, annotate, compare = url_for("admin.overview"), url_for("admin.list_annotations"), comparisons.remembered()
    base = OVERVIEW._replace(path=path, notes=notes, lists=lists, annotate=annotate, compare=compare)
    view, problems = view_of(base, request.args.items(multi=True))
    if view.wanted:
        return make_response(render_template("reports/parts.html", view=view))
    services = current()
    stats = services[CountingServices].visits.stats().as_object()
    return page(
        "panel/overview",
        400 if problems else 200,
        view=view,
        problems=problems,
        stats=stats,
        yesterday=yesterday(SITE, lists),
        started=services[GettingStarted].on_overview(me()),
        locations={place: active["count"] for place, active in stats["locations"].items()},
        newest=services[VisitLogServices].live_panel.newest(NEWEST),
        milestone=services[ReportServices].annotations.last_milestone(),
        most=NEWEST,
    )
