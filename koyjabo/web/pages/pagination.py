"""A list's page and order, as in its URL: `?page=2&sort=name`, or `?sort=-name` for descending."""

from collections.abc import Callable, Collection
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

from flask import Request, request, url_for

from koyjabo.base.database.rows import Slice
from koyjabo.web.schemas.paging import PER_PAGE, Paging

Item = TypeVar("Item")


class ListPage(NamedTuple, Generic[Item]):
    """One page of a list, for the macro `paging.pages`."""

    items: tuple[Item, ...]
    total: int  # length of the whole list
    number: int  # of this page, from 1
    start: int  # number of its first item, from 1
    last: int  # number of the last page
    url: Callable[[int], str]  # returns the URL of a page


def list_page(
    read: Callable[[int, int], Slice[Item]], endpoint: str | None = None, per_page: int = PER_PAGE, **path: Any
) -> ListPage[Item]:
    """The requested page. `read` gets the page's offset and length. An action that shows the list again passes the
    list's `endpoint`. Raises InvalidInput.
    """
    paging = Paging.of(request, per_page)
    page = read(paging.start, paging.per_page)

    def url(number: int) -> str:
        return _address(endpoint, path, {"page": number}) if endpoint else this_page(page=number)

    return ListPage(page.items, page.total, paging.page, paging.start + 1, paging.last(page.total), url)


class Sorting(NamedTuple):
    order: str
    place: tuple[str, ...] = ("page",)  # the arguments that identify the page of the list

    @classmethod
    def of(
        cls, request: Request, names: Collection[str], default: str, place: tuple[str, ...] = ("page",)
    ) -> "Sorting":
        """The requested order, if its name is one of `names`."""
        order = request.args.get("sort", "")
        return cls(order if order.removeprefix("-") in names else default, place)

    def direction(self, name: str) -> str:
        """The value of `aria-sort` for a column."""
        return {name: "ascending", f"-{name}": "descending"}.get(self.order, "none")

    def url(self, name: str, is_text: bool) -> str:
        """The URL of the first page sorted by a column: ascending for texts and descending for numbers. For the current
        column, the order is reversed.
        """
        first, second = (name, f"-{name}") if is_text else (f"-{name}", name)
        order = second if self.order == first else first
        return this_page(sort=order, **dict.fromkeys(self.place))


def this_page(**changes: Any) -> str:
    """The URL of this page with other arguments; None removes one."""
    assert request.endpoint is not None
    return _address(request.endpoint, request.view_args or {}, changes)


def _address(endpoint: str, path: dict[str, Any], changes: dict[str, Any]) -> str:
    """The URL. The query is not passed to `url_for`, which gives some arguments a meaning (`_external`, `_scheme`) that
    a link on another site could abuse.
    """
    arguments = {**request.args.to_dict(), **changes}
    query = urlencode({name: value for name, value in arguments.items() if value not in (None, "")})
    return url_for(endpoint, **path) + (f"?{query}" if query else "")
