"""A Socket.IO client that hears events in the order in which they arrive."""

from __future__ import annotations

from typing import Any

import engineio
import socketio


class _Connection(engineio.Client):
    def _trigger_event(self, event: str, *said: Any, **options: Any) -> Any:
        """Not in a thread for each message, as the library does it: of two threads the second may be first."""
        return super()._trigger_event(event, *said, **{**options, "run_async": False})


class Client(socketio.Client):
    def _engineio_client_class(self) -> type[engineio.Client]:
        return _Connection
