"""The product's server with a resolver that does not respond while the file SILENT exists."""

import os
import sys
import time
from pathlib import Path

RESOLVER_S = 600
"""How long a silent resolver blocks a lookup."""


def look_up_slowly(silent: Path) -> None:
    """Replace getaddrinfo in `_socket`, which eventlet does not patch. Like the system's, it blocks the calling
    thread.
    """
    import _socket

    look_up, sleep = _socket.getaddrinfo, time.sleep

    def slow_look_up(host, port, family=0, type=0, proto=0, flags=0):
        if flags & _socket.AI_NUMERICHOST:
            return look_up(host, port, family, type, proto, flags)
        for _ in range(RESOLVER_S * 10):
            if not silent.exists():
                return look_up(host, port, family, type, proto, flags)
            sleep(0.1)
        raise _socket.gaierror(_socket.EAI_AGAIN, "no answer")

    _socket.getaddrinfo = slow_look_up


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[3])
    look_up_slowly(Path(os.environ["SILENT"]))
    from koyjabo.server import serve

    sys.exit(serve())
