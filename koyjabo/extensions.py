"""The Flask extensions, under the name that other programs use to import them (specification: Python names)."""

from koyjabo.base.core.extensions import db, socketio

__all__ = ["db", "socketio"]
