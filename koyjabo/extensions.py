"""The Flask extensions, under the name that other programs use to import them (specification: Python names)."""

from __future__ import annotations

from koyjabo.base.core.extensions import db, socketio

__all__ = ["db", "socketio"]
