"""The patterns of PAGE_NUMBERS, which select the pages with public numbers."""

import re
from functools import lru_cache

from .sanitize import MAX_TEXT_LENGTH
from .urls import normal

ALL_PAGES = "*"
PATTERN = re.compile(r"\*|/[^\s?#\x00-\x1f\x7f]*")


def parse(value: str) -> list[str]:
    """The patterns in a list separated by commas, spelled like stored pages. Raises ValueError."""
    patterns = [part.strip() for part in value.split(",")]
    if not all(map(PATTERN.fullmatch, patterns)):
        raise ValueError("neither * nor a path")
    spelled = [pattern if pattern == ALL_PAGES else normal(pattern) for pattern in patterns]
    if max(map(len, spelled)) > MAX_TEXT_LENGTH:
        raise ValueError("a path is too long")
    return spelled


@lru_cache(maxsize=16)
def matcher(value: str) -> re.Pattern[str] | None:
    """A regular expression for the pages that a valid value names; None for an empty value."""
    return re.compile("|".join(map(_expression, parse(value))), re.DOTALL) if value else None


def _expression(pattern: str) -> str:
    """A regular expression that takes linear time: each atomic group ends at the first place that fits."""
    first, *rest = map(re.escape, pattern.split(ALL_PAGES))
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>.*?{part})" for part in middle if part) + ".*" + last
