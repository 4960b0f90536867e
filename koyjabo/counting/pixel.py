"""/koyjabo.gif: an image that counts a visit, for pages and emails without scripts."""

from flask import Blueprint, Response, request

from koyjabo.base.core.sanitize import truncate
from koyjabo.base.core.urls import is_on_disk, sent_page
from koyjabo.base.network import accept_language, campaigns
from koyjabo.base.network.address_owners import AddressOwners
from koyjabo.base.network.client_address import derived_visitor
from koyjabo.base.network.crawlers import is_bot
from koyjabo.base.network.location_finder import LocationFinder
from koyjabo.web.current import current
from koyjabo.web.fast_path.request_context import FlaskContext
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.openapi.describe import describe
from koyjabo.web.openapi.response_specs import Image
from .anonymity import Anonymity
from .incoming import is_operator, registered
from .records import NewVisit

bp = Blueprint("pixel", __name__)

PIXEL_PATH = "/koyjabo.gif"
BLOCKED_PIXEL_PATH = "/v.gif"
"""The path in older pages. EasyPrivacy blocks it on all sites, and AdGuard on every `.com`."""

declare(bp, PIXEL_PATH, PathPolicy.ANYONE, tag="visits")
declare(bp, BLOCKED_PIXEL_PATH, PathPolicy.ANYONE, tag="visits")

PIXEL = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00"
    b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
"""A transparent pixel."""

PURPOSES = ("Sec-Purpose", "Purpose", "X-Moz")


@bp.get(BLOCKED_PIXEL_PATH, endpoint="blocked_pixel")
@bp.get(PIXEL_PATH)
@describe(
    "Count a visit without a script",
    {
        200: Image("a GIF with one transparent pixel"),
        429: "too many from this address; nothing was counted; see Retry-After",
        503: "the visit could not be committed and was not counted; see Retry-After",
    },
    query={"page": "path of the page that shows the image"},
)
def pixel() -> Response:
    """Count an anonymous visit. The visitor id is a hash of network and User-Agent that changes every day. HEAD
    requests and prefetches are not counted.
    """
    purposes = [request.headers.get(name, "").lower() for name in PURPOSES]
    is_prefetch = any(purpose.startswith(("prefetch", "prerender", "preview")) for purpose in purposes)
    if request.method == "GET" and not is_prefetch:
        _count_pixel()
    return Response(PIXEL, mimetype="image/gif", headers={"Cache-Control": "no-store"})


def _count_pixel() -> None:
    context, services = FlaskContext(), current()
    context.count_address("registrations")
    address, user_agent = request.remote_addr, truncate(request.headers.get("User-Agent", ""))
    page, owners, is_crawler = request.args.get("page"), services[AddressOwners], is_bot(user_agent)
    if is_on_disk(page):
        return
    visit = services[Anonymity].visit(
        NewVisit(
            visitor_id=derived_visitor(request.environ),
            visit_id=None,
            place=services[LocationFinder].locate(address, has_city=False),
            at_ms=services.clock.now_ms(),
            user_agent=user_agent,
            page=sent_page(page),
            is_bot=is_crawler,
            automated=is_crawler,
            network=owners.network(address),
            own=owners.is_own(address) or is_operator(request.environ, context.caller()),
            language=accept_language.first_language(request.headers.get("Accept-Language")),
            campaign=campaigns.of_page(page),
        )
    )
    registered(context, visit)
