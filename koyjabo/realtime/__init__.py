"""Rooms and bytes: who hears an event, how fast, and how other workers come to hear of it. Knows no tables."""

from koyjabo.realtime.broadcaster import VisitorBroadcaster, visitor_broadcaster

__all__ = ["VisitorBroadcaster", "visitor_broadcaster"]
