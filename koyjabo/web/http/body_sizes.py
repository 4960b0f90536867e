"""The maximum size of a body by path, which the server needs before it reads a body and before Flask finds a route."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property

from flask import Flask

from koyjabo.web.http.paths import pattern
from koyjabo.web.schemas.bodies import LARGER_BODY, LARGEST_BODY, Body

LARGEST_FILE = 64_000_000
"""Maximum size of a form with a file, bytes. The form is read as it arrives, and only for the site's admins."""

EXTENSION = "koyjabo.body_sizes"


class BodySizes:
    """Derived from the models that the routes of `app` describe, and from its routes that take a file."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def largest_at(self, path: str) -> int:
        """The maximum size of a body at a path, bytes. LARGER_BODY applies only if `Content-Length` is given."""
        return LARGER_BODY if self._larger.fullmatch(path) else LARGEST_BODY

    def largest_file_at(self, path: str) -> int:
        """The maximum size of a form with a file at a path, bytes; 0 if the path takes no files."""
        return LARGEST_FILE if self._files.fullmatch(path) else 0

    @cached_property
    def _larger(self) -> re.Pattern[str]:
        return self._paths(lambda view: getattr(_body(view), "largest", 0) > LARGEST_BODY)

    @cached_property
    def _files(self) -> re.Pattern[str]:
        return self._paths(lambda view: hasattr(view, "new_file"))

    def _paths(self, is_wanted: Callable[[object], bool]) -> re.Pattern[str]:
        views = self._app.view_functions
        rules = [rule.rule for rule in self._app.url_map.iter_rules() if is_wanted(views.get(rule.endpoint))]
        return re.compile("|".join(f"{pattern(rule)}/?" for rule in rules))


def _body(view: object) -> type[Body] | None:
    """The model of a route's body (`openapi.describe`)."""
    return getattr(getattr(view, "operation", None), "body", None)


def of(app: Flask) -> BodySizes:
    sizes: BodySizes = app.extensions[EXTENSION]
    return sizes
