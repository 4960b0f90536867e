"""Compatibility with clients of other systems. Off by default (docs/bridges.md)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base


def register(base: "Base") -> None:
    """Only a route, if a setting turns it on."""
    if base.settings.bridges:
        from flask import current_app

        from . import koyjabo

        current_app.register_blueprint(koyjabo.bp)
