"""Responses, and the cache headers of pages."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Annotated, Any, NamedTuple

from flask import Response, g, json
from pydantic import AliasGenerator, BaseModel, BeforeValidator, ConfigDict, Field
from werkzeug.http import HTTP_STATUS_CODES, parse_etags

from koyjabo.base.core.clock import iso
from koyjabo.base.core.moments import EXAMPLE_MOMENT

MAX_TAGS = 256
"""How much of `If-None-Match` is read, characters. A client that has a response sends one tag."""

JSON_TYPE = "application/json"
JSON_CONTENT = ("Content-Type", JSON_TYPE)
PRIVATE_CACHING = ("Cache-Control", "private, no-store")

Time = Annotated[str, BeforeValidator(iso), Field(examples=[EXAMPLE_MOMENT])]
"""A time in ISO 8601, read from ms since 1970."""


class PlainResponse(NamedTuple):
    """A handler's response, for Flask or the fast path."""

    status: HTTPStatus
    headers: list[tuple[str, str]]
    body: str = ""

    @property
    def status_line(self) -> str:
        """The status line in Werkzeug's format."""
        return f"{self.status} {HTTP_STATUS_CODES[self.status].upper()}"


def as_response(plain: PlainResponse) -> Response:
    response = Response(plain.body, plain.status, plain.headers)
    if not any(name == "Content-Type" for name, _ in plain.headers):
        del response.headers["Content-Type"]
    return response


class ErrorResponse(BaseModel):
    error: str = Field(description="a sentence a person can act on")
    code: str = Field(description="for programs; stable")
    details: dict[str, Any]


class StoredResponse(BaseModel):
    """A response that is read from a stored object. Its field `created_at` is the column `created_ms`."""

    model_config = ConfigDict(
        from_attributes=True,
        alias_generator=AliasGenerator(validation_alias=lambda name: re.sub("_at$", "_ms", name)),
    )


class MakerResponse(StoredResponse):
    """The user who made something."""

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
    return Response(status=204, headers=[PRIVATE_CACHING])


def _private(value: Any, status: int, headers: list[tuple[str, str]]) -> Response:
    return Response(json.dumps(value), status, [PRIVATE_CACHING, *headers], mimetype=JSON_TYPE)


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
