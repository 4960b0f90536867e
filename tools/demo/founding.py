"""How the communities of the demo began: somebody founds each, and the others join one after the other."""

from __future__ import annotations

from collections import Counter
from operator import itemgetter
from typing import NamedTuple

from demo import cast
from demo.backdated import Chronicle
from demo.cast import Member
from demo.plans import COMMUNITIES, Plan
from koyjabo.accounts.accounts import Account

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NIGHT_MS = 7 * HOUR_MS
"""From the beginning of a day, and so from midnight where `begins_ms` is one."""

EARLIER_MS = 10 * HOUR_MS
"""Founders are there before the first visit."""


class Joined(NamedTuple):
    account: Account
    community_id: str


class Founding:
    """Between two moments (ms): the founders come first, and the last ones shortly before the end."""

    def __init__(self, chronicle: Chronicle, password: str, begins_ms: int, ends_ms: int) -> None:
        self._chronicle = chronicle
        self._password = password
        plans = {plan.name: plan for plan in COMMUNITIES}
        self._plans = plans
        self._founders: dict[str, Joined] = {}
        self._joined: dict[str, Joined] = {}
        times = [_time(member, plans[member.community], begins_ms, ends_ms) for member in cast.members()]
        self._to_come = sorted(zip(times, cast.members(), strict=True), key=itemgetter(0))

    def is_due(self, at_ms: int) -> bool:
        """Somebody has something to do before that."""
        return bool(self._to_come) and self._to_come[0][0] <= at_ms

    def go_on(self, until_ms: int) -> None:
        """Whoever is due joins. Raises EmailTaken for one who has been there before."""
        while self.is_due(until_ms):
            at_ms, member = self._to_come.pop(0)
            self._chronicle.now_ms = at_ms
            self._joined[member.email] = self._join(member)

    def of(self, member: Member) -> Joined | None:
        """Their account, when they have one."""
        return self._joined.get(member.email)

    def community(self, name: str) -> str:
        """The id of one that has been founded."""
        return self._founders[name].community_id

    def sizes(self) -> dict[str, int]:
        """How many members each community has, by its id."""
        return Counter(joined.community_id for joined in self._joined.values())

    def _join(self, member: Member) -> Joined:
        account = self._chronicle.accounts.create(member.email, self._password, member.name)
        founder = self._founders.get(member.community)
        if founder is None:
            founder = self._founders[member.community] = self._found(account, self._plans[member.community])
        else:
            self._enrol(member, account, founder)
            self._chronicle.reports.convert(account.id, member.visitor_id)
        return Joined(account, founder.community_id)

    def _found(self, account: Account, plan: Plan) -> Joined:
        communities = self._chronicle.communities
        standing = communities.create(account, plan.name, plan.description, plan.is_open, is_listed=True)
        return Joined(account, standing.community.id)

    def _enrol(self, member: Member, account: Account, founder: Joined) -> None:
        communities, plan = self._chronicle.communities, self._plans[member.community]
        if plan.is_open:
            communities.join(account, founder.community_id)
        if not plan.is_open or member.role != "member":
            communities.set_role(founder.account, founder.community_id, account.id, member.role)


def _time(member: Member, plan: Plan, begins_ms: int, ends_ms: int) -> int:
    """One after the other, spread over all days, and none at night."""
    place = plan.names.index(member.name)
    if place == 0:
        return begins_ms - min(EARLIER_MS, ends_ms - begins_ms)
    part = (place + COMMUNITIES.index(plan) / len(COMMUNITIES)) / len(plan.names)
    day, into_day = divmod((ends_ms - begins_ms) * part, DAY_MS)
    return min(ends_ms, int(begins_ms + day * DAY_MS + NIGHT_MS + into_day * (DAY_MS - NIGHT_MS) / DAY_MS))
