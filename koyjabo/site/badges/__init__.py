"""Badges and iframes that show a number on other sites."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("api", "pages")
FILLS = {
    "site.looks:LOOKS": "api:BADGE_LOOKS",
}


def register(base: "Base") -> None:
    """Only routes."""
