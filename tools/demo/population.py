"""Generates the visitors of the past: of the site and of communities, members and others; many come again."""

from __future__ import annotations

from collections import defaultdict
from random import Random

from demo import cast
from demo.founding import Founding
from demo.plans import COMMUNITIES
from koyjabo.counting.visits import NewVisit
from koyjabo.models import SITE, Scope

TO_COMMUNITIES, BY_MEMBERS = 0.26, 0.35
"""The share of visits to communities, and the share of members in those. Before members join they are anonymous."""

NEW, NEW_IN_COMMUNITY = 0.32, 0.08
REGULARS, REGULARS_IN_COMMUNITY = 1500, 60
"""The share of new visitors, and how many of the newest come again."""


class Population:
    def __init__(self, founding: Founding, dice: Random) -> None:
        self._founding = founding
        self._dice = dice
        self._known: dict[str, list[str]] = defaultdict(list)  # visitor ids by community; "" is the site
        self._homes: dict[str, tuple[str, str]] = {}  # the city and the browser of each visitor
        self._named = 0

    def visit(self, at_ms: int) -> NewVisit:
        """A random visit at that time, ms since 1970."""
        if self._dice.random() >= TO_COMMUNITIES:
            return self._visit(at_ms, self._visitor_id("", NEW, REGULARS))
        (plan,) = self._dice.choices(COMMUNITIES, [plan.weight for plan in COMMUNITIES])
        scope = Scope(self._founding.community_id(plan.name))
        if self._dice.random() >= BY_MEMBERS:
            return self._visit(at_ms, self._visitor_id(plan.name, NEW_IN_COMMUNITY, REGULARS_IN_COMMUNITY), scope)
        members = [member for member in cast.MEMBERS if member.plan is plan]
        (member,) = self._dice.choices(members, [1 / n for n in range(1, len(members) + 1)])  # some come every day
        return self._visit(at_ms, member.visitor.id, scope, self._founding.account_id(member))

    def _visitor_id(self, community: str, share_of_new: float, regulars: int) -> str:
        known = self._known[community]
        if known and self._dice.random() >= share_of_new:
            return self._dice.choice(known[-regulars:])
        self._named += 1
        known.append(f"demo_{self._named:05d}")
        return known[-1]

    def _visit(self, at_ms: int, visitor_id: str, scope: Scope = SITE, user_id: str | None = None) -> NewVisit:
        home = cast.one_of(cast.NETWORKS, self._dice)[1], cast.one_of(cast.AGENTS, self._dice)[0]
        place, agent = self._homes.setdefault(visitor_id, home)
        referrer = cast.one_of(cast.REFERRERS, self._dice)[0]
        return NewVisit(
            visitor_id=visitor_id,
            visit_id=None,
            scope=scope,
            place=place,
            at_ms=at_ms,
            client_ms=at_ms,
            referrer=None if referrer == "direct" else referrer,
            user_agent=agent,
            page=cast.one_of(cast.PAGES, self._dice)[0],
            user_id=user_id,
        )
