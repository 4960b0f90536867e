"""A client for a Koy Jabo Live server: counts each visit exactly once, reads the server's numbers and follows them
live.
"""

from koyjabo_client.client import Client
from koyjabo_client.errors import ApiError
from koyjabo_client.records import Event, Receipt, Stats, Visit, VisitResult

__all__ = ["ApiError", "Client", "Event", "Receipt", "Stats", "Visit", "VisitResult"]
