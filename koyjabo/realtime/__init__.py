"""Realtime decides who receives an event, how often, and how it reaches other workers, without database queries. Begin
with `room.py`.
"""

from .broadcaster import VisitorBroadcaster, visitor_broadcaster

__all__ = ["VisitorBroadcaster", "visitor_broadcaster"]
