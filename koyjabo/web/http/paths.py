"""What features declare about the paths of their routes: who may call them, and their tag in the API's document."""

import re
from enum import Enum, auto
from re import Pattern

from flask import Blueprint, Flask
from flask.sansio.app import App

PATHS_EXTENSION = "koyjabo.paths"


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
    """Any page may embed these pages in a frame. Their error pages are one line, without links and forms."""

    OWN = auto()
    """Only programs outside of browsers and our own pages call the paths."""


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
    declared: dict[str, tuple[PathPolicy, str]] = app.extensions.setdefault(PATHS_EXTENSION, {})
    return declared
