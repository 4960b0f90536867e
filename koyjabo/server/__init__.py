"""The server is a parent process that forks workers, which run the application on an event loop. Only two modules here
import eventlet (decision 51). Begin with `process/start.py` and `process/parent.py`.

This module imports little, because the standard library must be patched before others are imported.
"""

import os
import sys


def serve() -> int:
    """Serve until SIGTERM, SIGINT or SIGHUP. Returns the exit status: 0, or 2 for an invalid setting."""
    _open_standard_streams()
    from koyjabo.base.core.json_output import wrap_standard_error
    from .process import parent

    wrap_standard_error()
    if parent.STATE_VARIABLE in os.environ:
        return parent.Parent().resume()
    from koyjabo.server.process.start import start

    return start()


def _open_standard_streams() -> None:
    """Replace standard streams that were closed before this process started. Otherwise the next files and sockets would
    get their descriptors, and receive what the server prints.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it gets the lowest free descriptor: this one
            setattr(sys, name, os.fdopen(descriptor, "w" if descriptor else "r", encoding="utf-8", closefd=False))
