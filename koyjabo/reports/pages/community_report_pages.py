"""/communities/…/reports: the reports of a community, for its moderators."""

from flask import Response, make_response, render_template, request, url_for

from koyjabo.communities import ui as member_forms
from koyjabo.communities.roles import MODERATOR
from koyjabo.reports.ui import community_snapshot
from koyjabo.reports.ui.report_context import of_community
from koyjabo.reports.ui.view import view_of
from koyjabo.web.blueprints import pages_blueprint
from koyjabo.web.limits import limits

bp = pages_blueprint("community_reports")


@bp.get("/communities/<community_id>/reports")
def community_reports(community_id: str) -> Response:
    """Show the reports for the range in the URL."""
    at = member_forms.enter(community_id, MODERATOR)
    limits.count_account("reports", at.account.id)
    path = url_for("pages_community_reports.community_reports", community_id=at.scope)
    base = of_community(at.scope, at.account.id)._replace(path=path, extra=community_snapshot.of_moment)
    view, problems = view_of(base, request.args.items(multi=True))
    if view.plan.parts:
        return make_response(render_template("reports/parts.html", view=view))
    numbers = view.results.extra._asdict()
    conversions = community_snapshot.conversions(numbers.pop("conversions"), numbers.pop("pages"))
    return member_forms.page(
        "reports/community_reports",
        at,
        400 if problems else 200,
        view=view,
        problems=problems,
        conversions=conversions,
        **numbers,
    )
