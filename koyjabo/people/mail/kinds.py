"""Kinds of emails that features add."""

from collections.abc import Callable, Mapping
from typing import Any

from .contents import CONTENTS_BY_KIND, Contents
from .localizer import Localizer
from .outbox_queries import MAIL_ORDER, TEST_MAIL

KIND_LABELS: dict[str, str] = {}
"""Labels of these kinds on the page Server, marked with `N_`."""


def add_kind(name: str, label: str, contents: Callable[[Localizer, Mapping[str, Any]], Contents]) -> None:
    """Add a kind. Its emails wait for the emails of all earlier kinds, but not for tests. Idempotent."""
    CONTENTS_BY_KIND[name], KIND_LABELS[name] = contents, label
    if name not in MAIL_ORDER:
        MAIL_ORDER.insert(MAIL_ORDER.index(TEST_MAIL), name)
