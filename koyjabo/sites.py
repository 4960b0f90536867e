"""Which site a program works on, so that two can tell whether they work on the same one without saying which."""

from __future__ import annotations

import hmac

PATH = "/development"
"""Where a development server says its mark. In production there is no such page."""


def mark(database_url: str, secret_key: str) -> str:
    """The same for all who have these settings, and of no use to anybody else."""
    return hmac.new(secret_key.encode(), f"database {database_url}".encode(), "sha256").hexdigest()
