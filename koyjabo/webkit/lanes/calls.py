"""The argument of a handler that has a Flask route and a lane (see `lanes`)."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from flask import Response, request

from koyjabo.core.services import Services
from koyjabo.counting.records import NewVisit
from koyjabo.reports.events.stored_bytes import Size
from koyjabo.webkit.current import current
from koyjabo.webkit.http.responses import Answer, as_response
from koyjabo.webkit.limits import rate_limits
from koyjabo.webkit.login import page_login, tokens

if TYPE_CHECKING:
    from koyjabo.webkit.schemas.bodies import Body

Model = TypeVar("Model", bound="Body")


class Call(Protocol):
    """One request. `environ` is its WSGI environment."""

    services: Services
    environ: dict[str, Any]

    def count_address(self, kind: str, sentence: str | None = None) -> None:
        """Count a use of the address. Raises TooManyRequests, with `sentence` if given."""

    def count_visitor(self, kind: str, visitor_id: str, sentence: str | None = None) -> None:
        """Count a use of the visitor. Raises TooManyRequests, with `sentence` if given."""

    def uncount_visitor(self, kind: str, visitor_id: str, uses: int = 1) -> None:
        """Undo `count_visitor`, for a request that did nothing, or some of `count_events`."""

    def count_events(self, visitor_id: str, size: Size) -> None:
        """Count the events of a request for its visitor and its address. Raises TooManyRequests."""

    def within_budget(self, visit: NewVisit) -> NewVisit:
        """The visit, or the visit without its texts if its address has stored too much in a day."""

    def uncount_stored(self, stored: int) -> None:
        """Undo `count_events` for bytes that were not stored."""

    def body(self, model: type[Model]) -> Model:
        """Raises UnsupportedBody, InvalidJson, InvalidInput."""

    def user_id(self) -> str | None:
        """The user whose credentials the request has, if they are valid. Raises LedgerUnavailable."""


Handler = Callable[[Call], Answer]


class FlaskCall:
    """The present request of Flask."""

    def __init__(self) -> None:
        self.services = current()
        self.environ = request.environ

    def count_address(self, kind: str, sentence: str | None = None) -> None:
        rate_limits.limits().count_address(kind, self.environ, rate_limits.tally(), sentence)

    def count_visitor(self, kind: str, visitor_id: str, sentence: str | None = None) -> None:
        rate_limits.limits().count_visitor(kind, self.environ, rate_limits.tally(), visitor_id, sentence)

    def uncount_visitor(self, kind: str, visitor_id: str, uses: int = 1) -> None:
        rate_limits.limits().uncount_visitor(kind, self.environ, visitor_id, uses)

    def count_events(self, visitor_id: str, size: Size) -> None:
        rate_limits.limits().count_events(self.environ, rate_limits.tally(), visitor_id, size)

    def within_budget(self, visit: NewVisit) -> NewVisit:
        return rate_limits.limits().within_budget(rate_limits.tally(), visit)

    def uncount_stored(self, stored: int) -> None:
        rate_limits.limits().uncount_stored(self.environ, stored)

    def body(self, model: type[Model]) -> Model:
        return model.of(request)

    def user_id(self) -> str | None:
        login = tokens.optional()
        if login is None and "HTTP_AUTHORIZATION" not in self.environ:
            login = page_login.login()  # whose access token may have expired, as on pages
        return login.account.id if login else None


def lane(handler: Handler) -> Callable[[], Response]:
    """Make a Flask view of a handler that has a lane as well."""

    @wraps(handler)
    def view() -> Response:
        return as_response(handler(FlaskCall()))

    view.handler = handler  # type: ignore[attr-defined]
    return view


def with_query(handler: Handler) -> Handler:
    """Let the lane of a handler take requests with a query, which others leave to Flask."""
    handler.takes_query = True  # type: ignore[attr-defined]
    return handler
