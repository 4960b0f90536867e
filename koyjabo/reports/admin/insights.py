"""GET /admin/insights: exact reports by page, source, place, device and time, each view with an address of its own."""

from __future__ import annotations

from functools import partial

from flask import Response, make_response, render_template, request, url_for

from koyjabo.models import SITE
from koyjabo.reports.ui import annotation_texts
from koyjabo.reports.ui.base import Base
from koyjabo.reports.ui.view import view_of
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.panel import for_viewers
from koyjabo.webkit.panel.pages import me, page


@bp.get("/insights")
@for_viewers
def insights() -> Response:
    notes, annotate = partial(annotation_texts.notes, SITE), url_for("admin.list_annotations")
    share = url_for("admin.new_share") if me().is_admin else ""
    base = Base(url_for("admin.insights"), "/api/reports", share=share, notes=notes, annotate=annotate)
    view, problems = view_of(base, request.args.items(multi=True))
    if view.wanted:
        return make_response(render_template("reports/parts.html", view=view))
    return page("reports/insights", 400 if problems else 200, view=view, problems=problems)
