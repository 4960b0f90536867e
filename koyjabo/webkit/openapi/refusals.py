"""The errors that many API calls answer, by status, for `describe`."""

from __future__ import annotations

from koyjabo.webkit.openapi.describe import Answer

LOGGED_IN: dict[int, Answer] = {401: "not logged in", 503: "the database is away; see Retry-After"}
INSIDE: dict[int, Answer] = {
    **LOGGED_IN,
    403: "the role there does not allow it",
    404: "community not found, or you have no access to it",
}
CSRF: dict[int, Answer] = {403: "with cookies: X-CSRF-TOKEN is missing or wrong"}
TOKEN: dict[int, Answer] = {
    401: "not logged in: the token is missing, invalid or expired",
    503: "the database is not available; see Retry-After",
}
TOO_MANY: dict[int, Answer] = {429: "too many communities, invitations or changes at once; see Retry-After"}
CHANGE: dict[int, Answer] = {429: "too many changes at once; see Retry-After"}
WITH_BODY: dict[int, Answer] = {400: "a field cannot be used; see details", 413: "over 16 KB", 415: "not JSON"}
WITH_PASSWORD: dict[int, Answer] = {
    400: "a field cannot be used; see details",
    413: "over 16 KB",
    415: "not application/json",
    429: "too many attempts; see Retry-After",
    503: "too many people at once, or the database is not available; see Retry-After",
}
WRONG_PASSWORD: dict[int, Answer] = {401: "not logged in, or the password or the code is wrong"}
