"""The argument of handlers that serve both the fast path and a Flask route."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from flask import request

from koyjabo.base.core.identity import Account
from koyjabo.base.core.services import Services
from koyjabo.web.current import current
from koyjabo.web.http.responses import PlainResponse
from koyjabo.web.limits import limits
from koyjabo.web.limits.limits import RateLimits, Usage
from koyjabo.web.login import page_login, tokens

if TYPE_CHECKING:
    from koyjabo.web.schemas.bodies import Body

Model = TypeVar("Model", bound="Body")

Handler: TypeAlias = "Callable[[RequestContext], PlainResponse]"


class RequestContext(ABC):
    """A request, from Flask or the fast path, with its WSGI environment. The `count_…` methods raise
    TooManyRequests.
    """

    services: Services
    environ: dict[str, Any]
    usage: Usage
    _limits: RateLimits

    def count_address(self, kind: str, uses: int = 1) -> None:
        """Count uses for the request's address."""
        self._limits.count_address(kind, self.environ, self.usage, uses)

    def count_visitor(self, kind: str, visitor_id: str, uses: int = 1) -> None:
        """Count uses for a visitor."""
        self._limits.count_visitor(kind, self.environ, self.usage, visitor_id, uses)

    def uncount_visitor(self, kind: str, visitor_id: str, uses: int = 1) -> None:
        """Undo `count_visitor`, or some of its uses, because the request did nothing."""
        self._limits.uncount_visitor(kind, self.environ, visitor_id, uses)

    @property
    def limits_storage(self) -> bool:
        """Whether there is a limit on what the counted address may store per day."""
        return self._limits.limits_storage(self.usage)

    def count_stored(self, stored: int) -> None:
        """Count bytes that the request stores, for the counted address."""
        self._limits.count_stored(self.usage, stored)

    def uncount_stored(self, stored: int) -> None:
        """Undo `count_stored` for bytes that were not stored."""
        self._limits.uncount_stored(self.usage, stored)

    def count_name(self) -> None:
        """Count a new page for the counted address."""
        self._limits.count_name(self.usage)

    @abstractmethod
    def body(self, model: type[Model]) -> Model:
        """The validated body. Raises UnsupportedBody, InvalidJson, InvalidInput."""

    @abstractmethod
    def caller(self) -> Account | None:
        """The account that the request's credentials belong to, if they are valid. Raises LedgerUnavailable."""


class FlaskContext(RequestContext):
    """The current Flask request."""

    def __init__(self) -> None:
        self.services = current()
        self.environ = request.environ
        self.usage = limits.usage()
        self._limits = limits.limits()

    def body(self, model: type[Model]) -> Model:
        return model.of(request)

    def caller(self) -> Account | None:
        login = tokens.optional()
        if login is None and "HTTP_AUTHORIZATION" not in self.environ:
            login = page_login.login()  # its access token may have expired, as on pages
        return login.account if login else None
