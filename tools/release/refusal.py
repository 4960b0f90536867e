"""Why a release is not made."""

from __future__ import annotations


class Refusal(Exception):
    """Its text says what has to be done first."""
