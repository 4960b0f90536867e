"""The server is a small pre-forking parent process, with workers that run the application on an event loop. Only two
modules here import eventlet (decision 51). Begin with `process/parent.py`.

This module imports only the standard library, because the parent runs as long as the service and must stay small.
"""

from __future__ import annotations


def serve() -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit status: 0, or 2 for an invalid setting."""
    from koyjabo.server.process.parent import Parent

    return Parent().run()
