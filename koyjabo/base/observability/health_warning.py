"""Warnings on the page Server, and of /readyz, which features bring."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from koyjabo.base.core.registry import Registry

WARNING, DANGER = "warning", "danger"
"""Amber and red."""

FEATURE_WARNINGS: Registry[str, Callable[[], "HealthWarning | None"]] = Registry()
"""Functions that warn the current reader of the page Server. They may raise LedgerUnavailable. Features fill it."""

READY_WARNINGS: Registry[str, Callable[[], str | None]] = Registry()
"""Functions that return a sentence of /readyz. They do not wait. Features fill it."""


class PageLink(NamedTuple):
    """A link in a sentence, for admins."""

    label: str  # marked with `N_`
    row: str  # of the page Server
    edits: bool = False  # opens the row's form


class HealthWarning(NamedTuple):
    """What is wrong, and what to do. Pages translate the texts and fill in `values` and `links`."""

    name: str  # a group of settings on the page Server, if it is about one
    sentence: str
    advice: str
    section: str  # of docs/troubleshooting.md
    values: Mapping[str, object] = MappingProxyType({})
    level: str = WARNING
    cause: str = ""  # one more sentence
    rank: int = 0  # the most harmful first, among warnings of the same level
    links: Mapping[str, PageLink] = MappingProxyType({})
