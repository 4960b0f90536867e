"""Starts the product's server with a modified application but the same parent, worker, loop and middleware."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import koyjabo


def serve_changed(change: Callable[[Any], None]) -> int:
    """Serve until SIGTERM. `change(app)` is called with each new application.

    Nothing may be imported before the worker has patched the standard library, so put imports in `change`.
    """
    create_app = koyjabo.create_app

    def create_other_app(*settings: Any, **wiring: Any):
        app = create_app(*settings, **wiring)
        change(app)
        return app

    koyjabo.create_app = create_other_app

    from koyjabo.server import serve

    return serve()
