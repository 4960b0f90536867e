"""GET /api/pages: the views of pages (specification: Page numbers)."""

from zlib import crc32

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.network.client_address import limit_key
from koyjabo.counting.stats import encode
from koyjabo.web.blueprints import api_blueprint
from koyjabo.web.fast_path.fast_path import fast_path, waits_fairly, with_query
from koyjabo.web.fast_path.request_context import RequestContext
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.http.responses import JSON_TYPE, PlainResponse, response_or_304
from koyjabo.web.openapi.describe import describe
from .page_numbers import MAX_PATHS, WRONG_PATH_COUNT, PageNumbers, page_of
from .schemas import PagesResponse, paths_of

bp = api_blueprint("page_numbers")

declare(bp, "/api/pages", PathPolicy.ANYONE, tag="visits")


@bp.get("/pages")
@describe(
    "Get the views of pages",
    {
        200: PagesResponse,
        304: None,
        400: "no path, more than 100, or one that is too long; see details",
        404: "this server shows the number of no page (PAGE_NUMBERS)",
        503: "the database cannot be read, or the views are being counted; see Retry-After",
    },
    headers={"If-None-Match": "an ETag from an earlier response"},
    query={"path": f"path of a page, 1 to {MAX_PATHS} times"},
)
@fast_path
@with_query
@waits_fairly
def pages(context: RequestContext) -> PlainResponse:
    """Get the views of up to 100 pages, or 304 if `If-None-Match` has the tag of these values. They include every view
    that was acknowledged before.
    """
    numbers = context.services[PageNumbers]
    numbers.require_on()
    sent = paths_of(context.environ)
    if not sent:
        raise InvalidInput(details={"path": WRONG_PATH_COUNT})
    numbers.count(limit_key(context.environ), len(sent))
    paths = [(path, page_of(path)) for path in sent]
    counts = numbers.read({page for _, page in paths})
    values = encode(counts.as_object(paths)["pages"])
    tag = f"{counts.epoch}-{crc32(values.encode()):x}"
    body = f'{{"pages":{values},"epoch":"{counts.epoch}","revision":{counts.revision}}}'
    return response_or_304(context.environ, tag, JSON_TYPE, body)
