"""The time zone of all servers in a test run."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

HOUR = 9  # the local hour when a run begins: long after the nightly work, and long before midnight


def _name() -> str:
    ahead = (HOUR - datetime.now(UTC).hour + 12) % 24 - 12  # hours that local time is ahead of UTC
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


ZONE = ZoneInfo(os.environ.setdefault("TEST_TIMEZONE", _name()))
"""Programs started by the first process of a run inherit the same zone."""
