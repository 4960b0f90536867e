"""Refusals that many calls share, by status, and the callers that get them."""

from collections.abc import Callable
from typing import Any, NamedTuple

from .response_specs import ResponseSpec

LOGIN_REFUSALS: dict[int, ResponseSpec] = {401: "not logged in", 503: "the database is not available; see Retry-After"}

COMMUNITY_REFUSALS: dict[int, ResponseSpec] = {
    **LOGIN_REFUSALS,
    403: "your role in the community does not allow it",
    404: "community not found, or you have no access to it",
}

CSRF_REFUSALS: dict[int, ResponseSpec] = {403: "with cookies: X-CSRF-TOKEN is missing or wrong"}

TOKEN_REFUSALS: dict[int, ResponseSpec] = {
    401: "not logged in: the token is missing, invalid or expired",
    503: "the database is not available; see Retry-After",
}

ACTION_REFUSALS: dict[int, ResponseSpec] = {
    429: "too many communities, invitations or changes at once; see Retry-After"
}

CHANGE_REFUSALS: dict[int, ResponseSpec] = {429: "too many changes at once; see Retry-After"}

BODY_REFUSALS: dict[int, ResponseSpec] = {400: "a field is invalid; see details", 413: "over 16 KB", 415: "not JSON"}

PASSWORD_REFUSALS: dict[int, ResponseSpec] = {
    400: "a field is invalid; see details",
    413: "over 16 KB",
    415: "not application/json",
    429: "too many attempts; see Retry-After",
    503: "too many logins at once, or the database is not available; see Retry-After",
}

WRONG_PASSWORD_REFUSALS: dict[int, ResponseSpec] = {401: "not logged in, or the password or the code is wrong"}

KEY_REFUSALS: dict[int, ResponseSpec] = {
    401: "not logged in, or the API key is not valid",
    403: "the role or the API key does not allow it",
    429: "too many requests with one API key; see Retry-After",
    503: "the database is not available; see Retry-After",
}
"""Refusals shared by many calls, by status."""


class Caller(NamedTuple):
    """Who may make a call. `authenticate` gets the values of the path, and returns the first argument of the handler,
    usually the account. It raises the refusals before the body is read (specification: Errors).
    """

    authenticate: Callable[..., Any]
    refusals: dict[int, ResponseSpec]
