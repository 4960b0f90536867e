"""The server is a parent process that forks workers, which run the application on an event loop. Only two modules here
import eventlet (decision 51). Begin with `process/start.py` and `process/parent.py`.

This module imports little, because the standard library must be patched before others are imported.
"""

import os


def serve() -> int:
    """Serve until SIGTERM, SIGINT or SIGHUP. Returns the exit status: 0, or 2 for an invalid setting."""
    from koyjabo.base.core.json_output import wrap_standard_error
    from .process import parent

    wrap_standard_error()
    if parent.STATE_VARIABLE in os.environ:
        return parent.Parent().resume()
    from koyjabo.server.process.start import start

    return start()
