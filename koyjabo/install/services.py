"""What the installation offers to other packages."""

from __future__ import annotations

from koyjabo.cluster.base import Base
from koyjabo.install.page_checks import PageChecks
from koyjabo.outbound.client import HttpClient
from koyjabo.outbound.messages import ANYWHERE, PUBLIC


def build(base: Base) -> PageChecks:
    """In development, a page may be on this machine."""
    destinations = ANYWHERE if base.settings.environment == "development" else PUBLIC
    return PageChecks(HttpClient(base.runtime), destinations, base.signals.page_found.send)
