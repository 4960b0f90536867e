"""A reason why visits are not saved."""

from typing import NamedTuple


class Cause(NamedTuple):
    """Why visits are not saved, what to do, and where docs/troubleshooting.md says more."""

    sentence: str
    advice: str
    section: str
