"""What workers tell each other about rooms, and the null object where there is one worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Bus(Protocol):
    """What is told to other workers, in a while and without waiting for it."""

    def say(self, room: str, state: Callable[[], Any], part: str = "") -> None:
        """Tell the state of a room, or of one part of it, as it is when it is sent: JSON; making it does not wait."""


class Silence:
    """There are no other workers."""

    def say(self, room: str, state: Callable[[], Any], part: str = "") -> None:
        pass
