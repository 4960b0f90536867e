"""GET /badge.svg: one of the site's numbers, never older than the request (specification: Badges)."""

from collections.abc import Callable
from http import HTTPStatus
from zlib import crc32

from flask import Blueprint

from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.core.i18n import LANGUAGES, N_
from koyjabo.base.observability.observability_services import ObservabilityServices
from koyjabo.base.settings.schema import Settings
from koyjabo.counting.stats import base36
from koyjabo.site import shown_values as values
from koyjabo.web.fast_path.fast_path import fast_path, waits_fairly, with_query
from koyjabo.web.fast_path.request_context import RequestContext
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.http.responses import PlainResponse, response_or_304
from koyjabo.web.i18n import number_in
from koyjabo.web.openapi.describe import describe
from koyjabo.web.openapi.response_specs import Image
from koyjabo.web.pages import errors
from . import drawing
from .badge_query import BADGE_PARAMETERS, badge_of, cleaned, query_of
from .drawing import PROBLEM_COLOR, STYLES

SVG = "image/svg+xml"
MAX_CACHED_BADGES = 1024
"""Maximum number of rendered badges in the cache. Badges of pages with the same number and look are one badge."""

QUERY_PARAMETERS: dict[str, str | Callable[[], str]] = {
    "value": lambda: ", ".join(values.value_names()),
    "community": "id, for online",
    "page": "path, for page",
    "label": "at most 40 characters",
    "color": "green, 97ca00",
    "lang": ", ".join(LANGUAGES),
    "style": ", ".join(STYLES),
}
assert tuple(QUERY_PARAMETERS) == BADGE_PARAMETERS

WRONG_PARAMETER = "a parameter is wrong"
NOTHING_PUBLIC = "no such community, or the number of the community or page is not public"
NUMBER_UNREADABLE = "the number cannot be read, or views are being counted; see Retry-After"
bp = Blueprint("badges", __name__)
declare(bp, "/badge.svg", PathPolicy.ANYONE, tag="visits")


BADGE_LOOKS = {"badge": N_("Badge"), "markdown": "Markdown", "frame": N_("Frame")}

_kept: dict[tuple[str, ...], tuple[str, str]] = {}
"""Checksum and body by texts. The query is not the key, because it may be long."""


@bp.get("/badge.svg")
@describe(
    "Get a number of the site or of a page as an image",
    {
        200: Image("an SVG", SVG),
        304: None,
        400: Image(WRONG_PARAMETER, SVG),
        404: Image(NOTHING_PUBLIC, SVG),
        503: Image(NUMBER_UNREADABLE, SVG),
    },
    headers={"If-None-Match": "an ETag from an earlier response"},
    query=QUERY_PARAMETERS,
)
@fast_path
@with_query
@waits_fairly
def badge_svg(context: RequestContext) -> PlainResponse:
    """A badge as SVG. Does not count a visit. The number is never older than the request."""
    try:
        return _response(context)
    except KoyJaboError as error:
        context.services[ObservabilityServices].metrics.error(error.code)
        # It has room for only one reason.
        reasons = {**error.details} or {context.services[Settings].name_in("en"): str(error)}
        label, reason = next(iter(reasons.items()))
        _, headers, _ = errors.error_response(error)
        kept = [(name, value) for name, value in headers if name != "Content-Type"]
        body = drawing.badge(cleaned(label), reason, PROBLEM_COLOR, "flat", "en")
        return PlainResponse(HTTPStatus(error.status), [("Content-Type", SVG), *kept], body)


def _response(context: RequestContext) -> PlainResponse:
    badge = badge_of(query_of(context.environ))
    number = values.read(context.services, badge.value, badge.community, badge.page)
    written = {
        "label": badge.label,
        "message": number_in(badge.language, number.number),
        "color": badge.color or context.services[Settings].palette.ground.light,
        "style": badge.style,
    }
    key = (badge.language, *written.values())
    kept = _kept.get(key)
    if kept is None:
        body = drawing.badge(**written, language=badge.language)
        kept = base36(crc32(body.encode())), body
        if len(_kept) >= MAX_CACHED_BADGES:
            _kept.clear()
        _kept[key] = kept
    checksum, body = kept
    return response_or_304(context.environ, f"{number.epoch}-{number.revision}-{checksum}", SVG, body)
