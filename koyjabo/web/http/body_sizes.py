"""The maximum size of a body at each path, which the server needs before it reads the body and before Flask finds a
route.
"""

import re
from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

from flask import Flask

from koyjabo.web.schemas.bodies import MAX_BODY_BYTES, MAX_LIST_BODY_BYTES
from .paths import pattern

SIZES_EXTENSION = "koyjabo.body_sizes"

T = TypeVar("T")


class BodySizes:
    """Derived from the routes of `app`."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def largest_at(self, path: str) -> int:
        """The maximum size of a body at a path, bytes. MAX_LIST_BODY_BYTES needs a `Content-Length`."""
        return MAX_LIST_BODY_BYTES if self._larger.fullmatch(path) else MAX_BODY_BYTES

    @cached_property
    def _larger(self) -> re.Pattern[str]:
        views = self._app.view_functions
        rules = [rule.rule for rule in self._app.url_map.iter_rules() if _is_large(views.get(rule.endpoint))]
        return re.compile("|".join(f"{pattern(rule)}/?" for rule in rules))


def takes_file(view: Callable[..., T]) -> Callable[..., T]:
    """Mark a view of a form with a file, whose body may have MAX_LIST_BODY_BYTES."""
    view.takes_file = True  # type: ignore[attr-defined]
    return view


def _is_large(view: object) -> bool:
    """Whether a route takes a file, or its body (`openapi.describe`) is a list."""
    body = getattr(getattr(view, "operation", None), "body", None)
    return hasattr(view, "takes_file") or getattr(body, "largest", 0) > MAX_BODY_BYTES


def body_sizes_of(app: Flask) -> BodySizes:
    sizes: BodySizes = app.extensions[SIZES_EXTENSION]
    return sizes
