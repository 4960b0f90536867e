"""The server is a parent process that forks workers, which run the application on an event loop. Only two modules here
import eventlet (decision 51). Begin with `process/start.py` and `process/parent.py`.

This module imports little, because the standard library must be patched before others are imported.
"""

import os


def serve() -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit status: 0, or 2 for an invalid setting."""
    from .process import parent

    if parent.STATE_VARIABLE in os.environ:
        return parent.Parent().resume()
    from koyjabo.server.process.start import start

    return start()
