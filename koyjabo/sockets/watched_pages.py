"""The pages that clients of the room `stats` watch (specification: Page numbers)."""

from collections.abc import Callable, Sequence
from typing import Any

from koyjabo.base.core.errors import InvalidInput, InvalidMessage
from koyjabo.base.core.services import Services
from koyjabo.counting.page_numbers.page_numbers import PageNumbers, page_of
from koyjabo.realtime.pages_room import Paths
from koyjabo.realtime.services import RealtimeServices
from .messages import WRONG_PAGES_MESSAGE


def read_paths(services: Services, paths: Sequence[str], address: str) -> Paths:
    """The paths of a list, each with its page. Raises InvalidInput, PageNumbersOff, and TooManyRequests if the address
    sends too many.
    """
    numbers = services[PageNumbers]
    if paths:
        numbers.require_on()
        numbers.count(address, len(paths))
    return [(path, page_of(path)) for path in paths]


def watch_paths(
    services: Services, member: Any, paths: Sequence[str], adds: bool, address: str, is_open: Callable[[], bool]
) -> dict[str, Any]:
    """Make a member of the room `stats` watch the pages that a message names. May block. Raises InvalidMessage, and
    what `watch_pages` raises.
    """
    try:
        pages = read_paths(services, paths, address)
    except InvalidInput:
        raise InvalidMessage(WRONG_PAGES_MESSAGE) from None
    return watch_pages(services, member, pages, address, is_open, adds)


def watch_pages(
    services: Services, member: Any, pages: Paths, address: str, is_open: Callable[[], bool], adds: bool = False
) -> dict[str, Any]:
    """Make a member of the room `stats` watch pages. Returns what was sent. May block. Raises what `PagesRoom.watch`
    raises.
    """
    room = services[RealtimeServices].pages
    value = room.watch(member, pages, adds, address)
    if not is_open():
        room.leave(member)
    return value or {}
