"""GET /api/status: the promises and their measurements (specification: Status)."""

from __future__ import annotations

from zlib import crc32

from flask import Response, abort, request
from pydantic import BaseModel, Field

from koyjabo.core.clock import iso
from koyjabo.counting.stats import base36, encode
from koyjabo.status.promises import TIME, Promise
from koyjabo.status.services import StatusServices
from koyjabo.webkit.blueprints import api as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.http.responses import JSON, answer_or_304, as_response
from koyjabo.webkit.openapi.describe import describe


class PromiseAnswer(BaseModel):
    id: str = Field(examples=["minutes_without_ledger"])
    promise: str = Field(description="a sentence in English", examples=["Visits can be saved at any time."])
    value: float | str | None = Field(
        description="a number, or with the unit `time` a moment; null if nothing was measured", examples=[0]
    )
    unit: str = Field(examples=["minutes"])
    ok: bool | None = Field(description="whether the promise is kept; null if nothing was measured")
    since: str | None = Field(description="from when on the value was measured", examples=["2025-12-16T04:48:38.412Z"])


class StatusAnswer(BaseModel):
    as_of: str = Field(examples=["2025-12-16T04:48:38.412Z"])
    promises: list[PromiseAnswer] = Field(description="always all of them, in the same order")


@bp.get("/status")
@describe(
    "The promises, as they are measured",
    {200: StatusAnswer, 304: None, 404: "STATUS_PAGE is 0"},
    headers={"If-None-Match": "an ETag from an earlier answer"},
)
def status() -> Response:
    """Every promise with its measurement, at most 5 s old, or 304 if `If-None-Match` names the same answer."""
    services = current()[StatusServices]
    if not services.is_shown:
        abort(404)
    state = services.status.now()
    body = encode({"as_of": iso(state.as_of_ms), "promises": [_object(each) for each in state.promises]})
    return as_response(answer_or_304(request.environ, base36(crc32(body.encode())), JSON, body))


def _object(promise: Promise) -> dict[str, object]:
    value: object = promise.value
    if promise.unit == TIME and promise.value is not None:
        value = iso(int(promise.value))
    since = None if promise.since_ms is None else iso(promise.since_ms)
    return {
        "id": promise.id,
        "promise": promise.sentence,
        "value": value,
        "unit": promise.unit,
        "ok": promise.ok,
        "since": since,
    }
