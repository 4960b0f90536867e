"""Logs, and metrics for Prometheus."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base


def register(base: "Base") -> None:
    from koyjabo.base.cluster.base import TICK_S
    from .observability_services import build

    base.services.add(build(base, TICK_S))  # `upkeep.health` publishes the gauges
