"""Presence: `visitors` counts the active visitors of the site, `members` the people online in a community. Exports the
tracker under the name that host programs import (specification: Python names).
"""

from koyjabo.presence.members.tracker import CommunityVisitorTracker, visitor_tracker

__all__ = ["CommunityVisitorTracker", "visitor_tracker"]
