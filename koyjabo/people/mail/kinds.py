"""Kinds of emails that features add."""

from collections.abc import Callable, Mapping
from typing import Any

from .contents import KINDS, Contents, Localizer
from .outbox_queries import ORDER, TEST

LABELS: dict[str, str] = {}
"""Labels of these kinds on the page Server, marked with `N_`."""


def add_kind(name: str, label: str, contents: Callable[[Localizer, Mapping[str, Any]], Contents]) -> None:
    """Add a kind. Its emails wait for the emails of all earlier kinds, but not for tests. Idempotent."""
    KINDS[name], LABELS[name] = contents, label
    if name not in ORDER:
        ORDER.insert(ORDER.index(TEST), name)
