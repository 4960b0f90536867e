"""The members of the communities, and visitors as the site sees them."""

from __future__ import annotations

import hmac
from random import Random
from typing import NamedTuple

from demo import audience
from demo.plans import COMMUNITIES, Plan
from demo.site import Visitor


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
    home = audience.person(dice)
    return Visitor(visitor_id, f"{home.network}.{dice.randrange(2, 250)}", home.agent, home.languages)


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
