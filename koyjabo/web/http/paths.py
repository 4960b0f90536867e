"""What features declare about the paths of their routes: who may call them, their tag in the API's document, and the
maximum size of a body, which the server needs before it reads the body and before Flask finds a route.
"""

import re
from enum import Enum, auto
from functools import cached_property
from re import Pattern

from flask import Blueprint, Flask
from flask.sansio.app import App

from koyjabo.web.schemas.bodies import LARGER_BODY, LARGEST_BODY, Body


class PathPolicy(Enum):
    ANYONE = auto()
    """Any origin may call the paths, with or without a token. With cookies, only pages from ALLOWED_ORIGINS may."""

    ALLOWED_ORIGINS = auto()
    """The paths need a login. With cookies, only pages from ALLOWED_ORIGINS may call them."""

    SECRET = auto()
    """Pages with a secret URL. Other pages must not receive it as `Referer`, and search engines must not list it."""

    PANEL = auto()
    """Pages that show the panel's navigation to people who see the panel."""

    EMBEDDED = auto()
    """Any page may embed these pages in a frame if their status is 200."""

    OWN = auto()
    """Only programs outside of browsers and our own pages call the paths."""


EXTENSION = "koyjabo.paths"


def declare(bp: Blueprint, prefix: str, access: PathPolicy, tag: str = "") -> None:
    """Declare the paths that begin with `prefix`, which may contain `<names>` as in a route."""
    bp.record(lambda state: _declared(state.app).update({prefix: (access, tag)}))


def matching(app: Flask, *accesses: PathPolicy) -> Pattern[str]:
    """A pattern for the declared paths with one of these kinds of access; it matches no path if there are none."""
    prefixes = [prefix for prefix, (access, _) in _declared(app).items() if access in accesses]
    return re.compile("|".join(map(_below, prefixes)) or r"(?!)")


def _below(prefix: str) -> str:
    """A regular expression for the paths that begin with a prefix, in whole segments unless it ends with a dot."""
    return pattern(prefix) + ("" if prefix.endswith(("/", ".")) else "(?:/|$)")


def pattern(rule: str) -> str:
    """A regular expression for the paths of a route, whose variables are single segments."""
    return re.sub(r"<[^<>]+>", "[^/]+", re.escape(rule))


def tag_of(app: Flask, rule: str) -> str:
    """The tag of a route, or "" if no feature declared one."""
    return next((tag for prefix, (_, tag) in _declared(app).items() if tag and rule.startswith(prefix)), "")


def _declared(app: App) -> dict[str, tuple[PathPolicy, str]]:
    declared: dict[str, tuple[PathPolicy, str]] = app.extensions.setdefault(EXTENSION, {})
    return declared


SIZES = "koyjabo.body_sizes"


class BodySizes:
    """Derived from the models that the routes of `app` describe."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def largest_at(self, path: str) -> int:
        """The maximum size of a body at a path, bytes. LARGER_BODY applies only if `Content-Length` is given."""
        return LARGER_BODY if self._larger.fullmatch(path) else LARGEST_BODY

    @cached_property
    def _larger(self) -> re.Pattern[str]:
        views = self._app.view_functions
        bodies = {rule.rule: _body(views.get(rule.endpoint)) for rule in self._app.url_map.iter_rules()}
        rules = [rule for rule, body in bodies.items() if getattr(body, "largest", 0) > LARGEST_BODY]
        return re.compile("|".join(f"{pattern(rule)}/?" for rule in rules))


def _body(view: object) -> type[Body] | None:
    """The model of a route's body (`openapi.describe`)."""
    return getattr(getattr(view, "operation", None), "body", None)


def body_sizes_of(app: Flask) -> BodySizes:
    sizes: BodySizes = app.extensions[SIZES]
    return sizes
