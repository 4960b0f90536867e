"""Pages of lists; each page has its own address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from flask import request, url_for

from koyjabo.web.api.paging import Paging


def paging() -> Paging:
    """The page that the request asks for. Raises InvalidInput."""
    return Paging.of(request)


def here(**changes: Any) -> str:
    """The address of this page with other arguments; None removes one. The flash code is removed."""
    assert request.endpoint is not None
    return _address(request.endpoint, request.view_args or {}, changes)


def numbered(endpoint: str | None = None, **path: Any) -> Callable[[int], str]:
    """The address of each page of the list. An action shows the list again, too, and names the `endpoint` of it."""
    if endpoint is None:
        return lambda number: here(page=number)
    return lambda number: _address(endpoint, path, {"page": number})


def _address(endpoint: str, path: dict[str, Any], changes: dict[str, Any]) -> str:
    """`url_for` takes some arguments for orders (`_external`, `_scheme`), and these are whoever made the link's."""
    arguments = {**request.args.to_dict(), "done": None, **changes}
    query = urlencode({name: value for name, value in arguments.items() if value not in (None, "")})
    return url_for(endpoint, **path) + (f"?{query}" if query else "")
