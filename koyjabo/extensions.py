"""The Flask extensions by the name under which other programs import them (specification: Python names)."""

from __future__ import annotations

from koyjabo.core.extensions import db, socketio

__all__ = ["db", "socketio"]
