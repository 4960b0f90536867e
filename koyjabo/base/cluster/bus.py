"""Messages between workers. `RedisBus` sends them.

Each room has a channel; workers subscribe to it while they serve the room. Messages for all workers are sent with
`send_to_workers`, and received through the signal `message_received`.
"""

from collections.abc import Callable, Collection, Hashable
from typing import Any


class Bus:
    """Publishes to other workers without blocking the caller. Messages can get lost. A server with one worker uses this
    class, which sends and receives nothing.
    """

    @property
    def refused(self) -> int:
        """Number of received messages that could not be used."""
        return 0

    @property
    def heard(self) -> Collection[str]:
        """The rooms that this worker is subscribed to."""
        return ()

    def publish(self, room: str, state: Callable[[], Any], part: str = "", is_presence: bool = False) -> None:
        """Publish the state of a room, or one part of it.

        At most one message is sent per PUBLISH_INTERVAL_MS, unless it is about presence. `state` is called when the
        message is sent. It returns JSON and must not block.
        """

    def hear(self, room: str) -> None:
        """Subscribe to a room's messages from other workers. Idempotent. Sends the signal `room_heard` when done."""

    def leave(self, room: str) -> None:
        """Unsubscribe. Idempotent."""

    def send_to_workers(self, subject: str, message: Any, key: Hashable = None) -> None:
        """Send a small JSON message to every other worker of this server.

        They receive it through the signal `message_received` with this subject. Messages arrive in order. A message
        with a `key` replaces an older one that is still waiting under the same key.
        """

    def broadcast(self, subject: str, message: Any) -> bool:
        """Send a message to all workers, including this one, in the same order for all. Messages sent after this call
        returns are delivered later. Waits until this worker has received the message.

        Returns False if it did not, for instance while Redis is down. Other workers may have missed it as well.
        """
        return False

    def send_changes(self, subject: str, take: Callable[[], Any], put_back: Callable[[Any], object]) -> None:
        """Call `take` when the message is sent, and send its result to the other workers, unless the result is empty.
        If sending fails, the result is passed to `put_back`. Neither function may block.
        """
