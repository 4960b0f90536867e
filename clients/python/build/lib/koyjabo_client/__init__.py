"""A client of a Koy Jabo Live server: counts visits, each exactly once, reads its numbers and follows them live."""

from koyjabo_client.client import Client
from koyjabo_client.errors import ApiError
from koyjabo_client.records import Event, Receipt, Stats, Visit

__all__ = ["ApiError", "Client", "Event", "Receipt", "Stats", "Visit"]
