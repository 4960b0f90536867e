"""The bus that carries the values of rooms between workers, and the null object for a server with one worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Bus(Protocol):
    """Publishes to other workers soon, without blocking the caller."""

    def publish(self, room: str, state: Callable[[], Any], part: str = "") -> None:
        """Publish the state of a room, or of one part of it.

        `state` is called when the message is sent. It returns JSON and must not block.
        """


class NullBus:
    """The bus of a server with one worker: it sends and receives nothing."""

    def publish(self, room: str, state: Callable[[], Any], part: str = "") -> None:
        pass
