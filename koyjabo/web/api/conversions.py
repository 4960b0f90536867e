"""Visitors who turn out to be users when they sign up, log in or join."""

from __future__ import annotations

import logging

from koyjabo.errors import LedgerUnavailable
from koyjabo.web.current import current

log = logging.getLogger(__name__)


def convert(user_id: str, visitor_id: str) -> None:
    """What they called for is done already, so it must not fail now: they are converted when they say so again."""
    try:
        current().analytics.reports.convert(user_id, visitor_id)
    except LedgerUnavailable:
        log.warning("conversion_postponed")
