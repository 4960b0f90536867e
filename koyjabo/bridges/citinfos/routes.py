"""The two paths of one report: the one that the React code of Citinfos calls, and the one of its server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import Response

from koyjabo.bridges.citinfos import bp

View = TypeVar("View", bound=Callable[[], Response])


def both(name: str) -> Callable[[View], View]:
    """Serve a report under `/api/analytics/visitors/` and `/api/analytics/`."""

    def add(view: View) -> View:
        bp.add_url_rule(f"/api/analytics/visitors/{name}", view.__name__, view)
        bp.add_url_rule(f"/api/analytics/{name}", f"{view.__name__}_of_server", view)
        return view

    return add
