"""Broadcasts to a community's rooms from any process (specification: Broadcasting from a program). A process that has
created the application broadcasts through it. Other processes, such as a cron job, a Celery task or a shell, only need
REDIS_URL.
"""

import json
import os
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from koyjabo.base.core.clock import system_now_ms
from koyjabo.base.core.sanitize import stripped
from .events import CountChanged, DashboardUpdate, analytics_update, dashboard_room, visitors_room

if TYPE_CHECKING:
    from koyjabo.base.cluster.redis_client import RedisClient

Emit = Callable[[str, dict[str, Any], str], None]
"""Sends an event, given its name, its data and the room."""

LARGEST_EVENT = 2048
"""Maximum size of an event, in bytes (specification: Real time)."""


class NowhereToBroadcast(RuntimeError):
    """The process has neither an application nor REDIS_URL, so the broadcast has no destination."""


class VisitorBroadcaster:
    """Broadcasts values as given. At the next real change, the server broadcasts its own counts again.

    Every method raises ValueError for a community_id that is not a UUID, an invalid count, or data that is too large or
    not JSON. It raises NowhereToBroadcast if the process has neither an application nor REDIS_URL, and redis.RedisError
    if it has no application and Redis does not respond.
    """

    def __init__(self) -> None:
        self._emit: Emit | None = None
        self._client: tuple[str, RedisClient] | None = None
        self._lock = threading.Lock()

    def bind(self, emit: Emit) -> None:
        """Broadcast through this process's application from now on."""
        self._emit = emit

    def broadcast_visitor_count(self, community_id: str, count: int, change: int = 0) -> None:
        """Broadcast how many members are online. Sends a `visitor_count` event even if `change` is 0."""
        self._send_count(community_id, "visitor_count", count, change)

    def broadcast_visitor_joined(self, community_id: str, count: int) -> None:
        self._send_count(community_id, "visitor_joined", count, 1)

    def broadcast_visitor_left(self, community_id: str, count: int) -> None:
        self._send_count(community_id, "visitor_left", count, -1)

    def broadcast_dashboard_update(self, community_id: str, data: Mapping[str, Any]) -> None:
        """Broadcast `data`, with `community_id` added, to the dashboards."""
        community = _community(community_id)
        if not isinstance(data, Mapping):
            raise ValueError("data must be a mapping, such as {'today_visitors': {...}, 'realtime_count': 42}")
        self._send(
            dashboard_room(community), DashboardUpdate({**data, "community_id": community}, system_now_ms()).as_object()
        )

    def broadcast_analytics_metric(self, community_id: str, metric: str, value: Any) -> None:
        """Broadcast one metric to the dashboards; `value` is any JSON value."""
        community = _community(community_id)
        if not isinstance(metric, str) or not metric:
            raise ValueError("metric must be a name, such as 'conversion_rate'")
        self._send(dashboard_room(community), analytics_update(community, metric, value, system_now_ms()))

    def _send_count(self, community_id: str, kind: str, count: int, change: int) -> None:
        community = _community(community_id)
        for name, number, least in (("count", count, 0), ("change", change, None)):
            if type(number) is not int or (least is not None and number < least):
                raise ValueError(f"{name} must be a whole number{', 0 or more' if least == 0 else ''}, not {number!r}")
        event = CountChanged(community, count, change, system_now_ms()).as_object()
        self._send(visitors_room(community), {**event, "type": kind})

    def _send(self, room: str, event: dict[str, Any]) -> None:
        try:
            size = len(json.dumps(event, allow_nan=False).encode())
        except (TypeError, ValueError) as error:
            raise ValueError(f"the event must be valid JSON: {error}") from None
        if size > LARGEST_EVENT:
            raise ValueError(f"an event may have at most {LARGEST_EVENT} bytes, but this one has {size}")
        (self._emit or self._publish)(event["type"], event, room)

    def _publish(self, event: str, data: dict[str, Any], room: str) -> None:
        from koyjabo.base.cluster.redis_bus import SOCKETIO_CHANNEL

        url = stripped(os.environ.get("REDIS_URL", ""))
        if not url:
            raise NowhereToBroadcast(
                "There is no server to broadcast to: call koyjabo.create_app() in this process, or set REDIS_URL to "
                "the servers' Redis."
            )
        with self._lock:
            if self._client is None or self._client[0] != url:
                from koyjabo.base.cluster.redis_client import connect

                if self._client is not None:
                    self._client[1].close()
                self._client = (url, connect(url))
            client = self._client[1]
        message = {"method": "emit", "event": event, "data": data, "namespace": "/", "room": room}
        client.run("PUBLISH", SOCKETIO_CHANNEL, json.dumps(message))


def _community(community_id: object) -> str:
    """Return the id as it appears in room names, from a UUID object or a string."""
    try:
        return str(uuid.UUID(str(community_id)))
    except ValueError:
        raise ValueError(f"community_id must be the UUID of a community, not {community_id!r}") from None


visitor_broadcaster = VisitorBroadcaster()
