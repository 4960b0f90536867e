"""Badges and iframes that show a number on other sites."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("api", "pages")


def register(base: "Base") -> None:
    """Only routes."""
