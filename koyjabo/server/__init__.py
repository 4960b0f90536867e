"""The server: a small pre-fork parent, and workers that run the application on an event loop.

The only code of the product that imports eventlet (decision 5). This module imports nothing outside the
standard library, because the parent lives as long as the service and stays as small as it began.
"""

from __future__ import annotations


def serve() -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit status: 0, or 2 when a setting cannot be used."""
    from koyjabo.server.process.parent import Parent

    return Parent().run()
