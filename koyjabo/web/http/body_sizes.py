"""The maximum size of a body at each path, which the server needs before it reads the body and before Flask finds a
route.
"""

import re
from functools import cached_property

from flask import Flask

from koyjabo.web.schemas.bodies import MAX_BODY_BYTES, MAX_LIST_BODY_BYTES, Body
from .paths import pattern

SIZES_EXTENSION = "koyjabo.body_sizes"


class BodySizes:
    """Derived from the models that the routes of `app` describe."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def largest_at(self, path: str) -> int:
        """The maximum size of a body at a path, bytes. MAX_LIST_BODY_BYTES needs a `Content-Length`."""
        return MAX_LIST_BODY_BYTES if self._larger.fullmatch(path) else MAX_BODY_BYTES

    @cached_property
    def _larger(self) -> re.Pattern[str]:
        views = self._app.view_functions
        bodies = {rule.rule: _body(views.get(rule.endpoint)) for rule in self._app.url_map.iter_rules()}
        rules = [rule for rule, body in bodies.items() if getattr(body, "largest", 0) > MAX_BODY_BYTES]
        return re.compile("|".join(f"{pattern(rule)}/?" for rule in rules))


def _body(view: object) -> type[Body] | None:
    """The model of a route's body (`openapi.describe`)."""
    return getattr(getattr(view, "operation", None), "body", None)


def body_sizes_of(app: Flask) -> BodySizes:
    sizes: BodySizes = app.extensions[SIZES_EXTENSION]
    return sizes
