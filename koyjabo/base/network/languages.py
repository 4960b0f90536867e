"""A visit's language: the first one in the Accept-Language header, without country or script."""

from __future__ import annotations

import re
from functools import lru_cache

FIRST = re.compile(r"\s*([A-Za-z]{2,3})(?![A-Za-z0-9*])")
CACHE_SIZE = 1024


@lru_cache(maxsize=CACHE_SIZE)
def first_of(header: str | None) -> str | None:
    """`bn` for `bn-BD,en;q=0.8`; None without a valid language (RFC 9110, 12.5.4)."""
    match = FIRST.match(header) if header else None
    return match[1].lower() if match else None
