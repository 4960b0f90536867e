"""Responses, and the cache headers of pages.

Downloads that are generated while they are sent, such as exports.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from itertools import chain
from typing import Annotated, Any, NamedTuple

from flask import Response, g, json, request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from werkzeug.http import HTTP_STATUS_CODES, parse_etags

from koyjabo.base.core.clock import iso
from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.core.spreadsheet import BYTE_ORDER_MARK, MIMETYPE

log = logging.getLogger(__name__)


def download(pieces: Iterator[str], name: str, content_type: str, require: Callable[[], object]) -> Response:
    """Send a file. `require` is called before each piece, outside the request. If it raises an error, the file ends
    there.
    """
    if content_type == MIMETYPE:
        pieces = chain([BYTE_ORDER_MARK], pieces)
    checked = _checked(pieces, require)
    unhurried = request.environ.get("koyjabo.unhurried")
    if unhurried is not None:  # missing under other WSGI servers
        checked = unhurried(request.environ, checked)
    attached = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(checked, headers=attached, content_type=content_type)


def _checked(pieces: Iterator[str], require: Callable[[], object]) -> Iterator[str]:
    """Log errors here, because the response has already started and cannot report them."""
    try:
        for piece in pieces:
            require()
            yield piece
    except KoyJaboError as error:
        log.warning("export_broken_off code=%s", error.code)
        raise
    except Exception as error:
        log.exception("export_failed kind=%s", type(error).__name__)
        raise


MAX_TAGS = 256
"""How much of `If-None-Match` is read, characters. A client that has a response sends one tag."""

JSON = "application/json"
CONTENT = ("Content-Type", JSON)
PRIVATE = ("Cache-Control", "private, no-store")


class PlainResponse(NamedTuple):
    """A handler's response, for Flask or the fast path."""

    status: HTTPStatus
    headers: list[tuple[str, str]]
    body: str = ""

    @property
    def status_line(self) -> str:
        """The status line in Werkzeug's format."""
        return f"{self.status.value} {HTTP_STATUS_CODES[self.status.value].upper()}"


def as_response(plain: PlainResponse) -> Response:
    response = Response(plain.body, plain.status, plain.headers)
    if not any(name == "Content-Type" for name, _ in plain.headers):
        del response.headers["Content-Type"]
    return response


class ErrorResponse(BaseModel):
    error: str = Field(description="a sentence a person can act on")
    code: str = Field(description="for programs; stable")
    details: dict[str, Any]


Time = Annotated[str, BeforeValidator(iso)]
"""A time in ISO 8601, read from ms since 1970."""


class MakerResponse(BaseModel):
    """The user who made something."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str


def response_or_304(environ: dict[str, Any], tag: str, media: str, body: str) -> PlainResponse:
    """A response with `body`, or 304 if `If-None-Match` contains its tag."""
    if names_tag(environ, tag):
        return PlainResponse(HTTPStatus.NOT_MODIFIED, revalidated(tag))
    return PlainResponse(HTTPStatus.OK, [("Content-Type", media), *revalidated(tag)], body)


def names_tag(environ: dict[str, Any], tag: str) -> bool:
    """Whether `If-None-Match` contains a tag, weak or not (RFC 9110, 13.1.2)."""
    shown: str = environ.get("HTTP_IF_NONE_MATCH", "")
    return bool(shown) and parse_etags(shown[:MAX_TAGS]).contains_weak(tag)


def revalidated(tag: str) -> list[tuple[str, str]]:
    """Headers for a response that caches may store but must revalidate each time."""
    return [("Cache-Control", "no-cache"), ("ETag", f'"{tag}"')]


def json_response(value: BaseModel, status: int = 200) -> Response:
    return _private(_object(value), status, [])


def list_response(values: Iterable[BaseModel], headers: list[tuple[str, str]]) -> Response:
    return _private([_object(value) for value in values], 200, headers)


def no_content() -> Response:
    return Response(status=204, headers=[PRIVATE])


def _private(value: Any, status: int, headers: list[tuple[str, str]]) -> Response:
    return Response(json.dumps(value), status, [PRIVATE, *headers], mimetype=JSON)


def _object(value: BaseModel) -> dict[str, Any]:
    return value.model_dump(exclude_unset=True)


def private(response: Response) -> Response:
    """Set the cache headers of a page. An `after_request` function for blueprints."""
    directive = "no-store" if g.get("login") else "no-cache"  # after a logout, "back" must not show private pages
    response.headers.setdefault("Cache-Control", f"private, {directive}")
    response.vary.update(("Cookie", "Accept-Language"))
    return response


def no_store(response: Response) -> Response:
    """Forbid caching of a page that contains secrets or has a secret URL, as in `PathPolicy.SECRET`."""
    response.headers["Cache-Control"] = "no-store"
    return response
