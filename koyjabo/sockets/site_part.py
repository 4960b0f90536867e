"""What a feature implements to take part in the sockets and streams of the site."""

from collections.abc import Callable
from typing import Any, Protocol

from koyjabo.base.core.services import Services


class SitePart(Protocol):
    """A feature's message for the site's sockets, and its part of a stream's query."""

    type: str
    """The message's type."""

    def parse(self, message: Any) -> Any:
        """Parse a message: an object or, from a Socket.IO client, any JSON value. Raises InvalidMessage."""

    def respond(
        self, services: Services, member: Any, parsed: Any, address: str, is_open: Callable[[], bool]
    ) -> dict[str, Any]:
        """Respond to a parsed message of a member of the room `stats`, and return what was sent. May block. Raises
        InvalidMessage, and other KoyJaboErrors.
        """

    def requested(self, services: Services, environ: dict[str, Any]) -> Any:
        """What a stream's request names; empty if it names nothing. May block. Raises KoyJaboErrors."""

    def join(self, services: Services, member: Any, requested: Any, is_open: Callable[[], bool]) -> None:
        """Send a stream what its request names, after it has joined the room `stats`. May block."""

    def leave(self, services: Services, member: Any) -> None:
        """Clean up after a member that has disconnected. Idempotent."""
