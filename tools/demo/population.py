"""Who visited: members and strangers of the communities, and everybody else, many of them again and again."""

from __future__ import annotations

from random import Random

from demo import cast
from demo.backdated import NewVisit
from demo.founding import Founding
from demo.plans import COMMUNITIES
from koyjabo.models import SITE, Scope

TO_COMMUNITIES = 0.26
BY_MEMBERS = 0.35
"""Of the visits to communities. Those who have not joined yet come as strangers."""

NEW, NEW_IN_COMMUNITY = 0.32, 0.08
REGULARS, REGULARS_IN_COMMUNITY = 1500, 60
"""So many of the newest come again."""


class Population:
    def __init__(self, founding: Founding, dice: Random) -> None:
        self._founding = founding
        self._dice = dice
        self._members = {
            plan.name: [each for each in cast.members() if each.community == plan.name] for plan in COMMUNITIES
        }
        self._known: dict[str, list[str]] = {"": [], **{plan.name: [] for plan in COMMUNITIES}}
        self._homes: dict[str, tuple[str, str]] = {}  # their city and their browser
        self._names = 0

    def visit(self, at_ms: int) -> NewVisit:
        """One that happened at that time."""
        if self._dice.random() >= TO_COMMUNITIES:
            return self._by(self._somebody("", NEW, REGULARS), at_ms)
        plan = self._dice.choices(COMMUNITIES, [plan.share for plan in COMMUNITIES])[0]
        scope = Scope(self._founding.community(plan.name))
        if self._dice.random() < BY_MEMBERS:
            members = self._members[plan.name]
            (member,) = self._dice.choices(members, [1 / n for n in range(1, len(members) + 1)])  # some come every day
            joined = self._founding.of(member)
            return self._by(member.visitor_id, at_ms, scope, joined.account.id if joined else None)
        return self._by(self._somebody(plan.name, NEW_IN_COMMUNITY, REGULARS_IN_COMMUNITY), at_ms, scope)

    def _somebody(self, where: str, share_of_new: float, regulars: int) -> str:
        known = self._known[where]
        if not known or self._dice.random() < share_of_new:
            self._names += 1
            known.append(f"demo_{self._names:05d}")
            return known[-1]
        return self._dice.choice(known[-regulars:])

    def _by(self, visitor_id: str, at_ms: int, scope: Scope = SITE, user_id: str | None = None) -> NewVisit:
        place, agent = self._homes.setdefault(visitor_id, self._home())
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

    def _home(self) -> tuple[str, str]:
        return cast.one_of(cast.NETWORKS, self._dice)[1], cast.one_of(cast.AGENTS, self._dice)[0]
