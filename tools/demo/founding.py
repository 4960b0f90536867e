"""Creates the demo's communities: the first member founds each, and the others join over time."""

from __future__ import annotations

from collections import Counter
from operator import itemgetter

from demo import cast
from demo.backdated import Backdated
from demo.cast import COMMUNITIES, Member
from koyjabo.base.core.identity import Account

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NIGHT_MS = 7 * HOUR_MS
"""Members join after this time of day."""

EARLIER_MS = 10 * HOUR_MS
"""Founders arrive before the first visit."""


class Founding:
    """Creates the members between two times (ms since 1970): founders first, the last member just before the end."""

    def __init__(self, backdated: Backdated, password: str, begins_ms: int, ends_ms: int) -> None:
        self._backdated = backdated
        self._password = password
        self.accounts: dict[str, Account] = {}  # by email
        self._founders: dict[str, Account] = {}  # by community
        self.ids: dict[str, str] = {}  # by the community's name
        members = [(_time(member, begins_ms, ends_ms), member) for member in cast.MEMBERS]
        self._waiting = sorted(members, key=itemgetter(0))

    def advance(self, until_ms: int) -> None:
        """Create all members due by then. Raises EmailTaken if one already exists."""
        while self._waiting and self._waiting[0][0] <= until_ms:
            self._backdated.now_ms, member = self._waiting.pop(0)
            account = self._backdated.accounts.create(member.email, self._password, member.name)
            self.accounts[member.email] = account
            if member.community in self._founders:
                self._join(member, account)
            else:
                self._found(member, account)

    def sizes(self) -> dict[str, int]:
        """The number of members of each community, by its id."""
        return Counter(self.ids[member.community] for member in cast.MEMBERS if member.email in self.accounts)

    def _found(self, member: Member, account: Account) -> None:
        plan, communities = member.plan, self._backdated.communities
        texts = {name: getattr(plan, name) for name in ("name", "name_bn", "description", "description_bn")}
        values = {**texts, "is_open": plan.is_open, "count_anonymous": True, "public_count": plan.is_open}
        access = communities.create(account, values)
        self._founders[plan.name], self.ids[plan.name] = account, access.community.id

    def _join(self, member: Member, account: Account) -> None:
        plan, community_id = member.plan, self.ids[member.community]
        if plan.is_open:
            self._backdated.memberships.join(account, community_id)
        if not plan.is_open or member.role != "member":
            invitations, founder = self._backdated.invitations, self._founders[plan.name]
            made = invitations.invite(founder, account.email, member.role, "en", community_id)
            invitations.accept(account, made.token)
        self._backdated.reports.convert(account.id, member.visitor.id)


def _time(member: Member, begins_ms: int, ends_ms: int) -> int:
    """The time when a member joins, in ms. Times are spread evenly over all days, but never at night."""
    names = member.plan.names
    place = names.index(member.name)
    if place == 0:
        return begins_ms - min(EARLIER_MS, ends_ms - begins_ms)
    part = (place + COMMUNITIES.index(member.plan) / len(COMMUNITIES)) / len(names)
    day, into_day = divmod((ends_ms - begins_ms) * part, DAY_MS)
    return min(ends_ms, int(begins_ms + day * DAY_MS + NIGHT_MS + into_day * (DAY_MS - NIGHT_MS) / DAY_MS))
