"""The routes of reports: for the site (admins and viewers), and for a community (moderators)."""

from flask import Response

from koyjabo.base.core.identity import uuid_of
from koyjabo.base.models import SITE, Scope
from koyjabo.communities.roles import MODERATOR
from koyjabo.communities.services import CommunityServices
from koyjabo.reports.calls.places import (
    COMMUNITY_FILTER_PARAMETERS,
    FILTER_PARAMETERS,
    REPORT_REFUSALS,
    add_reports,
)
from koyjabo.reports.calls.responses import respond
from koyjabo.reports.engine.insights import Insights
from koyjabo.web.blueprints import api_blueprint
from koyjabo.web.current import current
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.limits import limits
from koyjabo.web.login import tokens
from koyjabo.web.openapi.refusals import COMMUNITY_REFUSALS, LOGIN_REFUSALS
from koyjabo.web.openapi.response_specs import ResponseSpec

bp = api_blueprint("reports")

declare(bp, "/api/reports/", PathPolicy.ALLOWED_ORIGINS, tag="reports")

OF_SITE: dict[int, ResponseSpec] = {**LOGIN_REFUSALS, 403: "only for admins and viewers of the site", **REPORT_REFUSALS}
OF_COMMUNITY: dict[int, ResponseSpec] = {**COMMUNITY_REFUSALS, **REPORT_REFUSALS}


def _of_site(name: str) -> Response:
    account = tokens.require().account
    account.require_site_viewer()
    limits.count_account("reports", account.id)
    return respond(name, SITE, insights=current()[Insights].for_reader(account.id))


def _of_community(name: str, community_id: str) -> Response:
    account = tokens.require().account
    limits.count_account("reports", account.id)
    current()[CommunityServices].directory.require(account, community_id, MODERATOR)
    insights = current()[Insights].for_reader(account.id)
    return respond(name, Scope(uuid_of(community_id) or community_id), insights=insights)


add_reports(
    bp, "/reports/", "report_", "", "Only site admins and viewers can read this.", OF_SITE, FILTER_PARAMETERS, _of_site
)
add_reports(
    bp,
    "/communities/<community_id>/reports/",
    "community_report_",
    ", of a community",
    "Only moderators of the community can read this.",
    OF_COMMUNITY,
    COMMUNITY_FILTER_PARAMETERS,
    _of_community,
)
