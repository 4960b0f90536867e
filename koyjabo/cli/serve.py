"""`koyjabo serve`"""

from __future__ import annotations

import sys

import click


@click.command()
def serve() -> None:
    """Serve on PORT (8000) until Ctrl+C or SIGTERM, as `python wsgi.py` and the Procfile do: WEB_CONCURRENCY worker
    processes, each replaced if it dies. After SIGTERM, the server completes and commits the requests in progress, then
    stops.
    """
    from koyjabo.server import serve

    sys.exit(serve())
