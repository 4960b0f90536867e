"""What workers tell each other, and the null object for a server with one worker.

Each room has a channel, which a worker hears while somebody is in the room there. What every worker needs is told to
all of them: `tell_workers`, and the signal `message_received` of the receivers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from typing import Any, Protocol


class Bus(Protocol):
    """Publishes to other workers soon, without blocking the caller. Messages may get lost."""

    @property
    def heard(self) -> Collection[str]:
        """The rooms that this worker hears."""

    def publish(self, room: str, state: Callable[[], Any], part: str = "", is_presence: bool = False) -> None:
        """Publish the state of a room, or of one part of it: at most one message in PUBLISH_INTERVAL_MS, unless it says
        who is present.

        `state` is called when the message is sent. It returns JSON and must not block.
        """

    def hear(self, room: str) -> None:
        """Hear what other workers publish of a room. Idempotent. The signal `room_heard` follows."""

    def leave(self, room: str) -> None:
        """Idempotent."""

    def tell_workers(self, subject: str, message: Any, key: Hashable = None) -> None:
        """Send a small message, JSON, to every other worker of this server.

        They receive it by the signal `message_received` with this subject. In order, or instead of an older message
        with the same key that waits.
        """

    def tell_everybody(self, subject: str, message: Any) -> bool:
        """As `tell_workers`, but this worker receives the message as well, and all workers receive such messages in one
        order: each before those whose call begins after this one has returned.

        Waits until this worker has received it. False if it does not, as while Redis is away: some worker may then not
        receive it, and this one does not.
        """

    def tell_changes(self, subject: str, take: Callable[[], Any], put_back: Callable[[Any], object]) -> None:
        """As `tell_workers`, of what `take` returns when the message is sent, unless that is empty. What could not be
        sent is given to `put_back`. Neither may block.
        """


class NullBus:
    """The bus of a server with one worker: it sends and receives nothing."""

    heard: Collection[str] = ()

    def publish(self, room: str, state: Callable[[], Any], part: str = "", is_presence: bool = False) -> None:
        pass

    def hear(self, room: str) -> None:
        pass

    def leave(self, room: str) -> None:
        pass

    def tell_workers(self, subject: str, message: Any, key: Hashable = None) -> None:
        pass

    def tell_everybody(self, subject: str, message: Any) -> bool:
        return False

    def tell_changes(self, subject: str, take: Callable[[], Any], put_back: Callable[[Any], object]) -> None:
        pass
