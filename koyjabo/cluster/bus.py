"""Messages between workers, and the null object for a server with one worker.

Each room has a channel, which a worker subscribes to while it serves the room. Messages for all workers go through
`send_to_workers`, and arrive by the signal `message_received`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from typing import Any, Protocol


class Bus(Protocol):
    """Publishes to other workers soon, without blocking the caller. Messages may get lost."""

    @property
    def heard(self) -> Collection[str]:
        """The rooms that this worker is subscribed to."""

    def publish(self, room: str, state: Callable[[], Any], part: str = "", is_presence: bool = False) -> None:
        """Publish the state of a room, or one part of it. Unless it says who is present, at most one message is sent
        per PUBLISH_INTERVAL_MS.

        `state` is called when the message is sent. It returns JSON and must not block.
        """

    def hear(self, room: str) -> None:
        """Subscribe to a room's messages from other workers. Idempotent. The signal `room_heard` follows."""

    def leave(self, room: str) -> None:
        """Unsubscribe. Idempotent."""

    def send_to_workers(self, subject: str, message: Any, key: Hashable = None) -> None:
        """Send a small message, JSON, to every other worker of this server.

        They receive it by the signal `message_received` with this subject. Messages arrive in order; one with a `key`
        replaces an older one that is still waiting under the same key.
        """

    def broadcast(self, subject: str, message: Any) -> bool:
        """Send a message to all workers, including this one, in the same order for all. A call that begins after this
        one has returned is delivered after it.

        Waits until this worker has received the message. Returns False if it does not, for instance while Redis is
        down: this worker has not received it then, and others may not have.
        """

    def send_changes(self, subject: str, take: Callable[[], Any], put_back: Callable[[Any], object]) -> None:
        """Send to the other workers what `take` returns at the time of sending, unless it is empty. If sending fails,
        it is passed to `put_back`. Neither may block.
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

    def send_to_workers(self, subject: str, message: Any, key: Hashable = None) -> None:
        pass

    def broadcast(self, subject: str, message: Any) -> bool:
        return False

    def send_changes(self, subject: str, take: Callable[[], Any], put_back: Callable[[Any], object]) -> None:
        pass
