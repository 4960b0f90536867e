"""Identifies visitors as users when they sign up, log in or join."""

from __future__ import annotations

import logging

from koyjabo.errors import LedgerUnavailable
from koyjabo.web.current import current

log = logging.getLogger(__name__)


def convert(user_id: str, visitor_id: str) -> None:
    """The request itself has succeeded, so a failure here is not reported: a later request records the conversion."""
    try:
        current().analytics.reports.convert(user_id, visitor_id)
    except LedgerUnavailable:
        log.warning("conversion_postponed")
