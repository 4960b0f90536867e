"""A visit's language: the first one in the Accept-Language header, without country or script."""

import re
from functools import lru_cache

ACCEPTED_LANGUAGE = re.compile(r"\s*([A-Za-z]{2,3})(?![A-Za-z0-9*])")

MAX_LANGUAGES = 1024


@lru_cache(maxsize=MAX_LANGUAGES)
def first_language(header: str | None) -> str | None:
    """`bn` for `bn-BD,en;q=0.8`; None without a valid language (RFC 9110, 12.5.4)."""
    match = ACCEPTED_LANGUAGE.match(header) if header else None
    return match[1].lower() if match else None
