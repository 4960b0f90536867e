"""The visitors: where they are, what their browsers send, and the members among them."""

from __future__ import annotations

import hmac
from random import Random
from typing import Any, NamedTuple

from demo.plans import COMMUNITIES, Plan
from demo.site import Visitor

NETWORKS = [  # the first three numbers of an address, its city for past visits, a weight
    ("119.30.32", "Dhaka, BD", 34),
    ("37.111.200", "Dhaka, BD", 16),
    ("123.108.240", "Chattogram, BD", 14),
    ("180.211.200", "Gazipur, BD", 7),
    ("114.130.5", "Narayanganj, BD", 6),
    ("103.15.245", "Sylhet, BD", 5),
    ("203.112.200", "Khulna, BD", 4),
    ("27.147.200", "Rajshahi, BD", 3),
    ("49.36.20", "Kolkata, IN", 4),
    ("106.51.10", "Bengaluru, IN", 2),
    ("94.56.4", "Dubai, AE", 3),
    ("188.48.4", "Riyadh, SA", 2),
    ("175.136.4", "Kuala Lumpur, MY", 2),
    ("116.86.4", "Singapore, SG", 1),
    ("81.128.4", "London, GB", 2),
    ("73.20.4", "New York, US", 1),
    ("24.114.30", "Toronto, CA", 1),
]
AGENTS = [
    ("Mozilla/5.0 (Linux; Android 14; SM-A145F) AppleWebKit/537.36 Chrome/141.0.0.0 Mobile Safari/537.36", 42),
    ("Mozilla/5.0 (Linux; Android 11; Redmi 9A) AppleWebKit/537.36 Chrome/126.0.0.0 Mobile Safari/537.36", 22),
    ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile Safari/604.1", 9),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36", 15),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0", 5),
    ("Opera/9.80 (Android; Opera Mini/36.2/191.273; U; bn) Presto/2.12.423 Version/12.16", 7),
]
REFERRERS = [
    ("direct", 48),
    ("https://www.google.com/", 22),
    ("https://m.facebook.com/", 18),
    ("https://www.facebook.com/groups/dhaka-commuters", 6),
    ("https://bn.wikipedia.org/wiki/ঢাকা_মেট্রোরেল", 3),
    ("https://t.me/", 3),
]
PAGES = [
    ("/", 55),
    ("/routes/mirpur-10", 14),
    ("/routes/uttara-motijheel", 12),
    ("/map", 9),
    ("/fares", 6),
    ("/history", 4),
]


class Member(NamedTuple):
    """A person with an account. The first member of a community is its admin, the next two are moderators."""

    name: str
    email: str
    role: str
    plan: Plan
    visitor: Visitor

    @property
    def community(self) -> str:
        return self.plan.name


def password(secret_key: str) -> str:
    """The password of all members on this site."""
    return f"rickshaw-{hmac.new(secret_key.encode(), b'demo', 'sha256').hexdigest()[:8]}"


def visitor(visitor_id: str, dice: Random) -> Visitor:
    return Visitor(visitor_id, f"{one_of(NETWORKS, dice)[0]}.{dice.randrange(2, 250)}", one_of(AGENTS, dice)[0])


def one_of(rows: list[Any], dice: Random) -> Any:
    """A random row. The last value of each row is its weight."""
    return dice.choices(rows, [row[-1] for row in rows])[0]


def _member(name: str, plan: Plan, number: int, place: int) -> Member:
    role = "admin" if place == 0 else "moderator" if place < 3 else "member"
    word = name.lower().replace(" ", ".") if name.isascii() else f"member.{number + 1}.{place + 1}"
    return Member(name, f"{word}@demo.example", role, plan, visitor(f"demo_{word}", Random(word)))


MEMBERS = [
    _member(name, plan, number, place)
    for number, plan in enumerate(COMMUNITIES)
    for place, name in enumerate(plan.names)
]
"""The members of all communities, the same in every run."""

GUIDE = MEMBERS[0]
"""The member whose password the demo prints."""
