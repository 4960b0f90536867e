"""What each feature is built from."""

from __future__ import annotations

from dataclasses import dataclass

from koyjabo.cluster.cluster import Cluster
from koyjabo.core.clock import Clock
from koyjabo.core.runtime import Runtime
from koyjabo.core.services import Services
from koyjabo.core.signals import Signals
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class Base:
    """The argument of every `build`. `services` are those of the features that were built before."""

    settings: Settings
    clock: Clock
    runtime: Runtime
    database: DatabaseExecutor
    cluster: Cluster
    services: Services

    @property
    def signals(self) -> Signals:
        return self.services.signals
