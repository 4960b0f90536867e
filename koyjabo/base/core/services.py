"""The application's services, by class."""

import logging
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from .clock import Clock
from .identity import Identities
from .lifetime import Lifetime
from .signals import Signals

log = logging.getLogger(__name__)


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Services:
    """Services by class. Features add their services here, and pages and later features look them up:
    `services[Erasure]`.
    """

    clock: Clock
    signals: Signals
    lifetime: Lifetime
    identities: Identities = field(default_factory=Identities)
    _by_class: dict[type, Any] = field(default_factory=dict)

    def add(self, service: T, kind: type[T] | None = None) -> T:
        """Add a service under its class, or under the interface `kind` that it implements."""
        self._by_class[kind or type(service)] = service
        return service

    def __getitem__(self, kind: type[T]) -> T:
        """The service of this class. Raises KeyError if its feature has not been built."""
        return cast(T, self._by_class[kind])

    def start(self) -> None:
        """Start the periodic work. Idempotent."""
        self.lifetime.start()

    def close(self) -> None:
        """Commit pending writes and close the database. Idempotent."""
        self.lifetime.close()
