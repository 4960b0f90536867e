"""Rooms and their broadcasts: who receives an event, how often, and how other workers receive it. Without SQL."""

from koyjabo.realtime.broadcaster import VisitorBroadcaster, visitor_broadcaster

__all__ = ["VisitorBroadcaster", "visitor_broadcaster"]
