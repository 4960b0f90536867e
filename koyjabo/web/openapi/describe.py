"""Lets handlers describe their input and their responses for `GET /openapi.json`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

from koyjabo.web.schemas.bodies import Body


@dataclass(frozen=True)
class ListOf:
    """An array of a model."""

    model: type[BaseModel]


@dataclass(frozen=True)
class TableOf:
    """Rows, as JSON or as CSV."""

    json: type[BaseModel] | ListOf


@dataclass(frozen=True)
class OneOf:
    """One of two models."""

    model: type[BaseModel]
    other: type[BaseModel]


@dataclass(frozen=True)
class Text:
    """A body that is not JSON."""

    description: str


@dataclass(frozen=True)
class Image:
    description: str
    media: str = "image/gif"


@dataclass(frozen=True)
class StreamOf:
    """Server-Sent Events. The data of an event is one of the models, distinguished by `type`."""

    models: tuple[type[BaseModel], ...]


ResponseSpec = type[BaseModel] | ListOf | TableOf | OneOf | Text | Image | StreamOf | str | None
"""Describes a response: a model of the body, a text about an error, or None for an empty body."""

LOGGED_IN: dict[int, ResponseSpec] = {401: "not logged in", 503: "the database is not available; see Retry-After"}
INSIDE: dict[int, ResponseSpec] = {
    **LOGGED_IN,
    403: "your role in the community does not allow it",
    404: "community not found, or you have no access to it",
}
CSRF: dict[int, ResponseSpec] = {403: "with cookies: X-CSRF-TOKEN is missing or wrong"}
TOKEN: dict[int, ResponseSpec] = {
    401: "not logged in: the token is missing, invalid or expired",
    503: "the database is not available; see Retry-After",
}
TOO_MANY: dict[int, ResponseSpec] = {429: "too many communities, invitations or changes at once; see Retry-After"}
CHANGE: dict[int, ResponseSpec] = {429: "too many changes at once; see Retry-After"}
WITH_BODY: dict[int, ResponseSpec] = {400: "a field is invalid; see details", 413: "over 16 KB", 415: "not JSON"}
WITH_PASSWORD: dict[int, ResponseSpec] = {
    400: "a field is invalid; see details",
    413: "over 16 KB",
    415: "not application/json",
    429: "too many attempts; see Retry-After",
    503: "too many logins at once, or the database is not available; see Retry-After",
}
WRONG_PASSWORD: dict[int, ResponseSpec] = {401: "not logged in, or the password or the code is wrong"}
OF_KEYS: dict[int, ResponseSpec] = {
    401: "not logged in, or the API key is not valid",
    403: "the role or the API key does not allow it",
    429: "too many requests with one API key; see Retry-After",
    503: "the database is not available; see Retry-After",
}
"""Refusals shared by many calls, by status."""

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Operation:
    summary: str
    responses: dict[int, ResponseSpec] = field(default_factory=dict)
    body: type[Body] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    secured: bool = True
    scope: str = ""


def describe(
    summary: str,
    responses: dict[int, ResponseSpec],
    body: type[Body] | None = None,
    headers: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    secured: bool = True,
    scope: str = "",
) -> Callable[[View], View]:
    """Describe the input of a handler (body, headers and query arguments by name) and its responses by status. The
    handler's docstring is the description of the call. API keys with `scope` may make the call; without a scope, no key
    may (`koyjabo.web.login.tokens`).
    """
    responses = responses | {
        status: meaning for status, meaning in OF_KEYS.items() if scope and status not in responses
    }

    def attach(view: View) -> View:
        described = Operation(summary, responses, body, headers or {}, query or {}, secured, scope)
        view.operation = described  # type: ignore[attr-defined]
        return view

    return attach
