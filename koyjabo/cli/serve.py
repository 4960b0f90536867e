"""`koyjabo serve`"""

from __future__ import annotations

import sys

from koyjabo.cli import main


@main.command()
def serve() -> None:
    """Serve on PORT (8000) until Ctrl+C or SIGTERM.

    The same server as `python wsgi.py` and the Procfile start: WEB_CONCURRENCY worker processes, replaced when they
    die; on SIGTERM what is in flight is answered and committed first.
    """
    from koyjabo.server import serve

    sys.exit(serve())
