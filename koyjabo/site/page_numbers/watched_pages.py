"""The pages that clients of the room `stats` watch, by sockets and streams (specification: Page numbers)."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from koyjabo.base.core.errors import InvalidInput, InvalidMessage
from koyjabo.base.core.sanitize import MAX_TEXT_LENGTH
from koyjabo.base.core.services import Services
from koyjabo.base.core.urls import before_query
from koyjabo.base.network import client_address
from koyjabo.sockets.messages import MAX_MESSAGE_BYTES, is_true
from .page_numbers import MAX_PATHS, PageNumbers, page_of
from .pages_room import PagesRoom
from .schemas import PagesResponse, paths_of
from .watched import Paths

WRONG_PAGES_MESSAGE = (
    f'Send {{"type": "pages", "paths": ["/posts/a"]}}, with up to {MAX_PATHS} paths of up to {MAX_TEXT_LENGTH} '
    "characters."
)

PATH_QUERY = {"path": f"path of a page whose number to send, up to {MAX_PATHS} times"}
PATH_RESPONSES = {
    400: f"a path is wrong, or there are more than {MAX_PATHS}",
    404: "this server shows the number of no page (PAGE_NUMBERS)",
}


class PageUpdateEvent(PagesResponse):
    """The views of the pages in `path`, sent immediately, and of changed pages after every change."""

    type: Literal["page_update"]


class WatchedPages:
    """The message `pages`, and the parameter `path` of streams."""

    type = "pages"

    def parse(self, message: Any) -> tuple[list[str], bool]:
        """The paths in a message, which are not read yet, and whether earlier paths remain. A large message may
        wait in memory, so its paths lose their query strings. Raises InvalidMessage.
        """
        fields = message if isinstance(message, dict) else {"paths": message}
        paths = fields.get("paths")
        if not isinstance(paths, list) or len(paths) > MAX_PATHS or not all(isinstance(path, str) for path in paths):
            raise InvalidMessage(WRONG_PAGES_MESSAGE)
        is_large = sum(map(len, paths)) > MAX_MESSAGE_BYTES
        return list(dict.fromkeys(map(before_query, paths) if is_large else paths)), is_true(fields.get("adds"))

    def respond(
        self,
        services: Services,
        member: Any,
        parsed: tuple[Sequence[str], bool],
        address: str,
        is_open: Callable[[], bool],
    ) -> dict[str, Any]:
        """Make a member watch the pages that a message names. May block. Raises InvalidMessage, and what `_read` and
        `PagesRoom.watch` raise.
        """
        paths, adds = parsed
        try:
            pages = self._read(services, paths, address)
        except InvalidInput:
            raise InvalidMessage(WRONG_PAGES_MESSAGE) from None
        return self._watch(services, member, pages, address, is_open, adds)

    def requested(self, services: Services, environ: dict[str, Any]) -> Paths:
        """The pages that a stream watches. Raises what `_read` raises."""
        paths = list(dict.fromkeys(paths_of(environ)))
        return self._read(services, paths, client_address.limit_key(environ))

    def join(self, services: Services, member: Any, requested: Paths, is_open: Callable[[], bool]) -> None:
        self._watch(services, member, requested, member.address, is_open)

    def leave(self, services: Services, member: Any) -> None:
        services[PagesRoom].leave(member)

    def _read(self, services: Services, paths: Sequence[str], address: str) -> Paths:
        """The paths of a list, each with its page. Raises InvalidInput, PageNumbersOff, and TooManyRequests if the
        address sends too many.
        """
        numbers = services[PageNumbers]
        if paths:
            numbers.require_on()
            numbers.count(address, len(paths))
        return [(path, page_of(path)) for path in paths]

    def _watch(
        self,
        services: Services,
        member: Any,
        pages: Paths,
        address: str,
        is_open: Callable[[], bool],
        adds: bool = False,
    ) -> dict[str, Any]:
        """Make a member watch pages. Returns what was sent. May block. Raises what `PagesRoom.watch` raises."""
        room = services[PagesRoom]
        value = room.watch(member, pages, adds, address)
        if not is_open():
            room.leave(member)
        return value or {}


PAGES_PARTS = {"pages": WatchedPages()}
PAGES_EVENTS = {"page_update": PageUpdateEvent}
