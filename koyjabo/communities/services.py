"""What communities offer to other packages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from koyjabo.accounts.services import AccountServices
from koyjabo.cluster.base import Base
from koyjabo.communities.communities import Communities
from koyjabo.communities.invitations import Invitations
from koyjabo.communities.live.attendance_log import AttendanceLog
from koyjabo.communities.live.community_rooms import CommunityRooms
from koyjabo.communities.live.dashboard_room import DashboardLeader, Dashboards, LocalLeader
from koyjabo.communities.live.online_people import OnlinePeople
from koyjabo.communities.live.participant import Participants
from koyjabo.communities.live.revocation import Revocation
from koyjabo.communities.live.stats_rooms import StatsRooms
from koyjabo.communities.live.time_spent import TimeSpent
from koyjabo.communities.permissions import Permissions
from koyjabo.counting.services import CountingServices
from koyjabo.mail.link_tokens import LinkTokens
from koyjabo.mail.outbox import Outbox
from koyjabo.presence.services import PresenceServices
from koyjabo.realtime.services import RealtimeServices, milestone_news


@dataclass(frozen=True, slots=True)
class CommunityServices:
    directory: Communities
    invitations: Invitations
    permissions: Permissions
    participants: Participants
    rooms: CommunityRooms
    dashboards: Dashboards
    people: OnlinePeople
    stats_rooms: StatsRooms
    time_spent: TimeSpent
    revocation: Revocation


def build(base: Base) -> CommunityServices:
    database, clock, runtime, services = base.database, base.clock, base.runtime, base.services
    visits, realtime = services[CountingServices].visits, services[RealtimeServices]
    rooms, members = realtime.rooms, services[PresenceServices].members
    dashboards, participants = Dashboards(rooms, _leader(base), clock), Participants()
    permissions = Permissions(database, runtime, clock, base.settings.require_two_factor)
    attendance_log = AttendanceLog(base.signals.members_attended.send, runtime, clock)
    time_spent, stats_rooms = TimeSpent(database, runtime, clock), StatsRooms(rooms, dashboards)
    community_rooms = CommunityRooms(
        rooms,
        members,
        visits,
        dashboards,
        attendance_log,
        time_spent,
        participants,
        permissions,
        clock,
        partial(milestone_news, base),
    )
    visits.on_change = stats_rooms.changed
    return CommunityServices(
        directory=Communities(database, clock, base.signals.access_revoked.send),
        invitations=Invitations(database, clock, services[Outbox], LinkTokens(base.settings.secret_key)),
        permissions=permissions,
        participants=participants,
        rooms=community_rooms,
        dashboards=dashboards,
        people=OnlinePeople(members.people, services[AccountServices].credentials.names),
        stats_rooms=stats_rooms,
        time_spent=time_spent,
        revocation=Revocation(participants, permissions, realtime.bus, runtime, clock, community_rooms.leave),
    )


def _leader(base: Base) -> DashboardLeader:
    if base.cluster.redis is None:
        return LocalLeader(base.clock)
    from koyjabo.communities.live.dashboard_leader_redis import RedisLeader  # late: Redis' client is 15 MB

    return RedisLeader(*base.cluster.redis, base.runtime, base.clock)
