"""Start the product's server with something of its application changed: same parent, worker, loop and middleware."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import koyjabo

REGISTER, STATS = "api.register_visit", "api.stats"


def serve_with(handlers: Callable[[Any], dict[str, Callable]]) -> int:
    """Serve until SIGTERM. `handlers(app)` gives the views to put in place of the product's, by endpoint."""

    def replace(app) -> None:
        replaced = handlers(app)
        assert replaced.keys() <= app.view_functions.keys()
        app.view_functions.update(replaced)

    os.environ["LANES"] = "0"  # a lane would answer instead of these views
    return serve_changed(replace)


def serve_changed(change: Callable[[Any], None]) -> int:
    """Serve until SIGTERM. `change(app)` is called with each application that is made.

    Nothing may be imported before the worker has changed the standard library: let `change` do it.
    """
    create_app = koyjabo.create_app

    def create_other_app(*settings: Any, **wiring: Any):
        app = create_app(*settings, **wiring)
        change(app)
        return app

    koyjabo.create_app = create_other_app

    from koyjabo.server import serve

    return serve()
