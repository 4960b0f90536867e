"""Rooms and broadcasts: who receives an event, how often, and how it reaches other workers. Makes no
database queries.
"""

from koyjabo.realtime.broadcaster import VisitorBroadcaster, visitor_broadcaster

__all__ = ["VisitorBroadcaster", "visitor_broadcaster"]
