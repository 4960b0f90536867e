"""The navigation of the panel, and its own pages."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("command_search", "connect", "data", "navigation", "overview", "panel_stream", "server")


def register(base: "Base") -> None:
    """Only routes."""
