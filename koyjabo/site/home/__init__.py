"""The home page: the stats, the pace of visits, the next milestone, and the visitors' locations."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("pages",)


def register(base: "Base") -> None:
    """Only routes."""
