"""Sends messages from programs to a community's online members, and disconnects members.

Messages are never merged, and reach all members in the order they were sent. Like all traffic between workers, a
message can be lost while Redis is down (decision 7). It is never sent twice.
"""

import json
import logging
import threading
import time
from collections import deque
from typing import Any

from koyjabo.base.cluster.bus import Bus
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.models import Scope
from koyjabo.communities.errors import MessageTooLarge
from koyjabo.realtime.events import MESSAGE_TYPE, community_message, visitors_room
from koyjabo.realtime.fanout import WRITES_IN_A_ROW, LocalFanout
from .participants import Participants
from .revocation import Revocation

log = logging.getLogger(__name__)

MESSAGES_SUBJECT, DISCONNECT_SUBJECT = "messages", "ended"
"""Subjects of messages between workers: a `community_message`, and [community, user] to disconnect."""

MAX_DATA_BYTES = 4096
"""Maximum size of a message as UTF-8 JSON without spaces, bytes."""

MAX_DEPTH = 64
"""Maximum depth of nested lists and objects. Client libraries parse them recursively, and have a limit."""


class CommunityMessages:
    """Sends messages and disconnects members. Callers check the permission."""

    def __init__(
        self,
        participants: Participants,
        fanout: LocalFanout,
        bus: Bus,
        runtime: Runtime,
        clock: Clock,
        revocation: Revocation,
    ) -> None:
        self._participants = participants
        self._fanout = fanout
        self._bus = bus
        self._runtime = runtime
        self._clock = clock
        self._revocation = revocation
        self._waiting: deque[dict[str, Any]] = deque()
        self._is_sending = False
        self._lock = threading.Lock()  # guards both; never wait while holding it

    def send(self, scope: Scope, data: Any) -> None:
        """Send any JSON value to the members online, on all workers. Watchers do not receive it. Messages sent after
        this call returns, on any worker, arrive later. Raises MessageTooLarge, and InvalidInput for invalid JSON.
        """
        _check(data)
        message = community_message(scope, data, self._clock.now_ms())
        if not self._bus.broadcast(MESSAGES_SUBJECT, message):
            self.receive(MESSAGES_SUBJECT, message)

    def receive(self, subject: str, message: Any) -> None:
        """Deliver a message from any worker to the members on this one."""
        if not isinstance(message, dict) or not isinstance(message.get("community_id"), str):
            return  # other programs may publish there
        with self._lock:
            self._waiting.append(message)
            if self._is_sending:
                return
            self._is_sending = True
        self._runtime.start_task(self._send_waiting)

    def disconnect(self, scope: Scope, user_id: str) -> None:
        """End a person's sockets, streams and rooms in a community, on all workers. The person may reconnect at
        once.
        """
        self._bus.send_to_workers(DISCONNECT_SUBJECT, [scope, user_id])
        self._revocation.end_those_of(scope, user_id)

    def receive_end(self, subject: str, message: Any) -> None:
        """Disconnect a member on this worker, as requested by another one."""
        if isinstance(message, list) and list(map(type, message)) == [str, str]:
            self._revocation.end_those_of(Scope(message[0]), message[1])

    def _send_waiting(self) -> None:
        while (message := self._next()) is not None:
            try:
                self._send_to_members(Scope(message["community_id"]), message)
            except Exception:  # later messages must still be sent
                log.exception("message_not_sent community=%s", message["community_id"])

    def _next(self) -> dict[str, Any] | None:
        with self._lock:
            self._is_sending = bool(self._waiting)
            return self._waiting.popleft() if self._waiting else None

    def _send_to_members(self, scope: Scope, message: dict[str, Any]) -> None:
        room, written = visitors_room(scope), 0
        for participant in self._participants.of(scope):
            if participant.is_online and participant.is_taken:
                self._fanout.send_to(room, participant.client, MESSAGE_TYPE, message)
                written += 1
                if written % WRITES_IN_A_ROW == 0:
                    time.sleep(0)


def _check(data: Any) -> None:
    try:
        size = len(json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode())
    except (ValueError, RecursionError):  # NaN, a lone surrogate, or a thousand nested lists
        raise InvalidInput(details={"data": "must be JSON that every client can read"}) from None
    if size > MAX_DATA_BYTES:
        raise MessageTooLarge
    if _is_deeper(data, MAX_DEPTH):
        raise InvalidInput(details={"data": f"must not have more than {MAX_DEPTH} levels"})


def _is_deeper(data: Any, levels: int) -> bool:
    parts = data.values() if isinstance(data, dict) else data if isinstance(data, list) else None
    return parts is not None and (levels == 0 or any(_is_deeper(part, levels - 1) for part in parts))
