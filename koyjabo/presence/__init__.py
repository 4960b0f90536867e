"""Presence knows who is here now: `visitors` counts the active visitors of the site, and `members` the people online
in a community. Begin with `members/online_members.py`.

The package exports the tracker under the name that host programs import (specification: Python names).
"""

from koyjabo.presence.members.tracker import CommunityVisitorTracker, visitor_tracker

__all__ = ["CommunityVisitorTracker", "visitor_tracker"]
