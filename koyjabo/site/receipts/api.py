"""GET /api/receipt: the parts that add up to the total (specification: Receipt)."""

from typing import Literal
from zlib import crc32

from flask import Response, request
from pydantic import BaseModel, Field

from koyjabo.base.core.clock import iso
from koyjabo.counting.stats import base36, encode
from koyjabo.web.blueprints import api_blueprint
from koyjabo.web.current import current
from koyjabo.web.fast_path.request_context import FlaskContext
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.http.responses import JSON_CONTENT, JSON_TYPE, PRIVATE_CACHING, as_response, response_or_304
from koyjabo.web.openapi.describe import describe
from .receipt_parts import ReceiptPart
from .receipts import Receipts, TotalReceipt

bp = api_blueprint("receipts")

declare(bp, "/api/receipt", PathPolicy.ANYONE, tag="visits")


class PartResponse(BaseModel):
    kind: Literal["start", "adjustment", "rolled_back", "visits"]
    count: int = Field(description="what it adds to the total; negative if the total was lowered")
    first: int | None = Field(alias="from", description="the first visit number it covers; null for combined parts")
    last: int | None = Field(alias="to", description="the last one; null for combined parts")
    at: str | None = Field(description="when it was made; null for visits")
    reason: str | None = Field(default=None, description="as entered; only for admins and viewers of the site")
    by: str | None = Field(
        default=None,
        description="a name, or `operator`; null if no longer known; only for admins and viewers of the site",
    )


class RecountedResponse(BaseModel):
    at: str = Field(examples=["2025-12-16T04:48:38.412Z"])
    agreed: bool = Field(description="whether all rows and sums agreed")


class BackupResponse(BaseModel):
    verified_at: str = Field(examples=["2025-12-16T03:31:02.118Z"])
    total: int = Field(description="as counted in the restored copy", examples=[39980])


class ReceiptResponse(BaseModel):
    total: int = Field(examples=[40041])
    as_of: str = Field(description="time of the latest commit included", examples=["2025-12-16T04:48:38.412Z"])
    parts: list[PartResponse] = Field(description="oldest first; they add up to `total`")
    recounted: RecountedResponse | None = Field(description="the latest recount; null before the first")
    backup: BackupResponse | None = Field(description="the latest backup that was restored and recounted; null if none")


@bp.get("/receipt")
@describe(
    "How the total is made up",
    {200: ReceiptResponse, 304: None, 503: "the database cannot be read; see Retry-After"},
    headers={"If-None-Match": "an ETag from an earlier response"},
)
def receipt() -> Response:
    """Return the parts that add up to the total, or 304 if `If-None-Match` has the current tag. Admins and viewers of
    the site also see who made each change, and why.
    """
    receipts, caller = current()[Receipts], FlaskContext().caller()
    if caller is not None and caller.sees_panel:
        return Response(
            _written(receipts.explained(caller), is_explained=True), headers=[JSON_CONTENT, PRIVATE_CACHING]
        )
    body = _written(receipts.now())
    return as_response(response_or_304(request.environ, base36(crc32(body.encode())), JSON_TYPE, body))


def _written(receipt: TotalReceipt, is_explained: bool = False) -> str:
    recounted, backup = receipt.recounted, receipt.backup
    return encode(
        {
            "total": receipt.total,
            "as_of": iso(current().clock.time_of(receipt.revision)),
            "parts": [_part(part, is_explained) for part in receipt.parts],
            "recounted": recounted and {"at": iso(recounted.at_ms), "agreed": recounted.errors == 0},
            "backup": backup and {"verified_at": iso(backup.at_ms), "total": backup.total},
        }
    )


def _part(part: ReceiptPart, is_explained: bool) -> dict[str, object]:
    at = None if part.at_ms is None else iso(part.at_ms)
    public = {"kind": part.kind, "count": part.amount, "from": part.first, "to": part.last, "at": at}
    return {**public, "reason": part.reason, "by": part.by} if is_explained else public
