"""Identifies visitors as users when they sign up, log in or join."""

from __future__ import annotations

import logging

from flask import request

from koyjabo.errors import LedgerUnavailable
from koyjabo.web.current import current

log = logging.getLogger(__name__)


def convert(user_id: str, visitor_id: str) -> None:
    """Does nothing for a client that asks for privacy.

    The request itself has succeeded, so a failure here is not reported: a later request records the conversion."""
    if current().counting.anonymity.is_asked(request.environ):
        return
    try:
        current().analytics.reports.convert(user_id, visitor_id)
    except LedgerUnavailable:
        log.warning("conversion_postponed")
