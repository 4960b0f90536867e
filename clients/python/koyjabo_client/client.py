"""`Client`: calls a server's API. It is safe to use from several threads."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from http.client import HTTPResponse
from itertools import chain, repeat
from threading import Event as Flag
from typing import Any, cast
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

from koyjabo_client import errors, server_sent_events
from koyjabo_client.errors import BROKEN, NO_JSON, ApiError
from koyjabo_client.records import Event, PageNumber, Receipt, Stats, VisitResult

AGAIN = frozenset({429, 502, 503, 504})
"""Temporary statuses: too many requests, a database that is down, a server that is being replaced."""

MAX_VISITS = 500
"""Maximum number of visits in one request."""

MAX_QUERY = 6_000
"""Maximum length of a query with paths. The server accepts request lines of 8 KB."""

MAX_PATHS = 100
"""Maximum number of paths in one request."""

PAUSES_S = (0.5, 1, 2, 5)
STREAM_PAUSES_S = (5, 10, 20, 30)
QUIET_S = 60
"""A stream without data for this many seconds is considered broken. The server writes at least every 20 s."""


class _NoRedirects(HTTPRedirectHandler):
    """Refuses redirects: they would turn a POST into a GET, which counts nothing."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Client:
    """A client for one server. `token` is an API key or an access token.

    An attempt takes at most `timeout` s. A call is repeated for up to `patience` s while the server cannot be reached
    or responds with a status in AGAIN. Then it raises the error of the last attempt: ApiError, or OSError if there was
    no response. Other errors are raised at once.
    """

    def __init__(self, base_url: str, token: str | None = None, *, timeout: float = 10, patience: float = 30) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise ValueError("base_url must start with https:// or http://")
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._timeout = timeout
        self._patience = patience
        self._opener = build_opener(_NoRedirects)
        self._closed = Flag()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop waiting between attempts, and end streams at their next event."""
        self._closed.set()

    def register(self, visitor_id: str, visit_id: str | None = None, **fields: Any) -> Receipt:
        """Count a visitor's visit once: retries send the same `visit_id`, which is generated if it is None.

        `fields` are further fields of POST /api/visitor/register: `page`, `referrer`, `user_agent`, `timestamp`,
        `waited_ms` (how long the visit has waited before this call), `community_id`, `anonymous`.
        """
        began_s = time.monotonic()
        body = {_camel_case(name): value for name, value in fields.items() if value is not None}
        body.update(visitorId=visitor_id, visitId=visit_id or uuid.uuid4().hex)
        return cast(Receipt, self._call("/api/visitor/register", partial(_waiting, body, began_s)))

    def register_visits(self, visits: Iterable[Mapping[str, Any]]) -> list[VisitResult]:
        """Count visits seen by your server, each of them once. Needs an API key with `visits:write`.

        A visit has `visitor_id` and optionally `visit_id`, `at` (ms, or ISO 8601 with an offset), `waited_ms`, `page`,
        `referrer`, `user_agent`, `language`, `address`, `community_id`. Returns a result for each visit, in the same
        order: `ordinal` and `duplicate`, or `error` and `code` for an invalid visit. Visits are sent in requests of at
        most 500. If a request raises an error, the visits in earlier requests have been counted. Repeating all visits
        with the same `visit_id` counts none twice.
        """
        began_s = time.monotonic()
        bodies = [{_camel_case(name): value for name, value in visit.items() if value is not None} for visit in visits]
        for body in bodies:
            body.setdefault("visitId", uuid.uuid4().hex)
        results: list[VisitResult] = []
        for start in range(0, len(bodies), MAX_VISITS):
            batch = partial(_waiting_list, bodies[start : start + MAX_VISITS], began_s)
            results += self._call("/api/visits", batch)["results"]
        return results

    def stats(self) -> Stats:
        return cast(Stats, self._call("/api/stats"))

    def pages(self, paths: Sequence[str]) -> list[PageNumber]:
        """Get the views of pages, in the same order. `views` and `today` are None if the server does not show them.

        Many paths are sent in several requests. Raises ApiError with the code `page_numbers_off` if the server shows
        the numbers of no page, and `invalid_input` for a wrong path.
        """
        return [page for query in _queries(paths) for page in self._call(f"/api/pages?{query}")["pages"]]

    def report(self, name: str, **parameters: Any) -> Any:
        """Get a report: `summary`, `timeline` or `breakdown`. Needs an API key with `reports:read`, or the
        token of an admin or a viewer.

        `parameters` are query parameters of GET /api/reports/{name}; a list repeats a parameter: `range="7d",
        country=["BD", "IN"]`.
        """
        pairs = [(key, value) for key, given in parameters.items() for value in _listed(given)]
        return self._call(f"/api/reports/{quote(name, safe='')}?{urlencode(pairs)}")

    def stream(self, community_id: str | None = None) -> Iterator[Event]:
        """Yield the events of the site or of a community. Every event has all numbers; the first event has the current
        ones.

        Reconnects after 5, 10 and 20 s and then every 30 s, until the client is closed. Raises ApiError for a permanent
        error, such as 401 or 403.
        """
        path = f"/api/communities/{quote(community_id, safe='')}/stream" if community_id else "/api/stream"
        pauses = _pauses(STREAM_PAUSES_S)
        while not self._closed.is_set():
            wait = 0.0
            try:
                with self._open(path, None, QUIET_S) as answer:
                    for event in server_sent_events.read(answer):
                        pauses = _pauses(STREAM_PAUSES_S)
                        yield event
                        if self._closed.is_set():
                            return
            except ApiError as error:
                if error.status not in AGAIN:
                    raise
                wait = error.retry_after or 0
            except BROKEN:
                pass
            self._closed.wait(max(wait, next(pauses)))

    def _call(self, path: str, body: Callable[[], Any] | None = None) -> Any:
        """`body` is called for each attempt, because it says how long its visits have waited."""
        until = time.monotonic() + self._patience
        for pause in _pauses(PAUSES_S):
            try:
                return self._answer(path, None if body is None else json.dumps(body()).encode())
            except ApiError as error:
                wait = max(pause, error.retry_after or 0)
                if error.status not in AGAIN or self._is_over(until, wait):
                    raise
            except OSError:
                if self._is_over(until, pause):
                    raise

    def _answer(self, path: str, body: bytes | None) -> Any:
        """Raises ApiError or OSError."""
        try:
            with self._open(path, body, self._timeout) as answer:
                said = answer.read()
        except BROKEN as error:
            raise error if isinstance(error, OSError) else ConnectionError(str(error)) from error
        try:
            return json.loads(said)
        except ValueError:
            raise ApiError(200, NO_JSON, "The response is not JSON, so it is not from this server.") from None

    def _open(self, path: str, body: bytes | None, timeout: float) -> HTTPResponse:
        request = Request(self._base_url + path, body, {"User-Agent": "koyjabo-client"})
        if body is not None:
            request.add_header("Content-Type", "application/json")
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            return cast(HTTPResponse, self._opener.open(request, timeout=timeout))
        except HTTPError as answer:
            with answer:
                raise errors.of(answer) from None

    def _is_over(self, until: float, pause: float) -> bool:
        """Pause before the next attempt. Returns True if there will be none."""
        return time.monotonic() + pause > until or self._closed.wait(pause)


def _pauses(first: Sequence[float]) -> Iterator[float]:
    return chain(first, repeat(first[-1]))


def _listed(value: Any) -> Iterable[Any]:
    if value is None:
        return ()
    return value if isinstance(value, (list, tuple)) else (value,)


def _queries(paths: Sequence[str]) -> Iterator[str]:
    """Queries with all paths, each short enough for a request."""
    query, count = "", 0
    for parameter in (urlencode({"path": path}) for path in _listed(paths)):
        if count == MAX_PATHS or (query and len(query) + len(parameter) > MAX_QUERY):
            yield query
            query, count = "", 0
        query, count = f"{query}&{parameter}" if query else parameter, count + 1
    if query:
        yield query


def _waiting_list(bodies: Iterable[Mapping[str, Any]], since_s: float) -> dict[str, Any]:
    return {"visits": [_waiting(body, since_s) for body in bodies]}


def _waiting(body: Mapping[str, Any], since_s: float) -> dict[str, Any]:
    """The body of a visit that has waited since `since_s`, monotonic, and possibly before."""
    return {**body, "waitedMs": body.get("waitedMs", 0) + round(1000 * (time.monotonic() - since_s))}


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
