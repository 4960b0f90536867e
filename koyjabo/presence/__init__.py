"""Who is here: `visitors` are active on the site, `members` are online in a community.

The tracker stands here under the name that other programs import (specification: Python names).
"""

from koyjabo.presence.members.tracker import CommunityVisitorTracker, visitor_tracker

__all__ = ["CommunityVisitorTracker", "visitor_tracker"]
