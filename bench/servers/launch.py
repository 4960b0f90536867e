"""Start the product's server with another handler behind its routes: same parent, worker, loop and middleware."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import koyjabo

REGISTER, STATS = "api.register_visit", "api.stats"


def serve_with(handlers: Callable[[Any], dict[str, Callable]]) -> int:
    """Serve until SIGTERM. `handlers(app)` gives the views to put in place of the product's, by endpoint.

    Nothing may be imported before the worker has changed the standard library: let `handlers` do it.
    """
    create_app = koyjabo.create_app

    def create_other_app(*settings: Any, **wiring: Any):
        app = create_app(*settings, **wiring)
        replaced = handlers(app)
        assert replaced.keys() <= app.view_functions.keys()
        app.view_functions.update(replaced)
        return app

    koyjabo.create_app = create_other_app

    from koyjabo.server import serve

    return serve()
