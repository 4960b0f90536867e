"""GET /api/pages: the views of pages (specification: Page numbers)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl
from zlib import crc32

from pydantic import BaseModel, Field

from koyjabo.base.core.errors import InvalidInput
from koyjabo.counting.page_numbers.page_numbers import MAX_PATHS, WRONG_PATHS, PageNumbers, page_of
from koyjabo.counting.stats import encode
from koyjabo.web.current import api as bp
from koyjabo.web.fast_path.fast_path import RequestContext, fast_path, with_query
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.http.responses import JSON, PlainResponse, response_or_304
from koyjabo.web.openapi.describe import describe

declare(bp, "/api/pages", PathPolicy.ANYONE, tag="visits")


class PageResponse(BaseModel):
    path: str = Field(description="as it was sent", examples=["/posts/a"])
    views: int | None = Field(
        description="since the beginning; null if this server does not show this page's number", examples=[1280]
    )
    today: int | None = Field(description="since midnight in TIMEZONE", examples=[41])


class PagesResponse(BaseModel):
    pages: list[PageResponse] = Field(description="one for each `path`, in the same order")
    epoch: str = Field(description="creation time of the database, base 36", examples=["mj8k2f1x"])
    revision: int = Field(description="increases with every view, and at midnight", examples=[743982])


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
def pages(context: RequestContext) -> PlainResponse:
    """Get the views of up to 100 pages, or 304 if `If-None-Match` has the tag of these values. They include every view
    that was acknowledged before.
    """
    numbers = context.services[PageNumbers]
    numbers.require_on()
    paths = [(path, page_of(path)) for path in paths_of(context.environ)]
    if not paths:
        raise InvalidInput(details={"path": WRONG_PATHS})
    counts = numbers.read({page for _, page in paths})
    values = encode(counts.as_object(paths)["pages"])
    tag = f"{counts.epoch}-{crc32(values.encode()):x}"
    body = f'{{"pages":{values},"epoch":"{counts.epoch}","revision":{counts.revision}}}'
    return response_or_304(context.environ, tag, JSON, body)


def paths_of(environ: dict[str, Any]) -> list[str]:
    """The `path` parameters of a request, up to MAX_PATHS. Raises InvalidInput."""
    try:
        query = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True, max_num_fields=2 * MAX_PATHS)
    except ValueError:
        raise InvalidInput(details={"path": WRONG_PATHS}) from None
    paths = [value for name, value in query if name == "path"]
    if len(paths) > MAX_PATHS:
        raise InvalidInput(details={"path": WRONG_PATHS})
    return paths
