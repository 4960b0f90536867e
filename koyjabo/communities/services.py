"""The services that communities offer to other packages."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.identity import Account
from koyjabo.base.core.link_tokens import LinkTokens
from koyjabo.communities.live.admission import Admission
from koyjabo.communities.live.attendance_log import AttendanceLog
from koyjabo.communities.live.dashboard_leader import DashboardLeader
from koyjabo.communities.live.dashboards import Dashboards, ReportRooms
from koyjabo.communities.live.member_room import MemberRoom
from koyjabo.communities.live.messages import CommunityMessages
from koyjabo.communities.live.online_people import OnlinePeople
from koyjabo.communities.live.participants import Participants
from koyjabo.communities.live.people_rooms import PeopleRooms
from koyjabo.communities.live.revocation import Revocation
from koyjabo.communities.live.room_updates import RoomUpdates
from koyjabo.counting.live_stats import LiveStats
from koyjabo.counting.visits import Visits
from koyjabo.people.accounts.services import AccountServices
from koyjabo.people.accounts.users.invitations import Invitations
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.presence.members.online_members import OnlineMembers
from koyjabo.realtime.services import RealtimeServices, milestone_news
from koyjabo.web.current import current
from .communities import Communities
from .communities_by_ref import CommunitiesByRef
from .invitation_scope import CommunityScope, Joined
from .memberships import Memberships
from .permissions import Permissions
from .refs import CommunityRefs


@dataclass(frozen=True, slots=True)
class CommunityServices:
    directory: Communities
    members: Memberships
    refs: CommunityRefs
    by_ref: CommunitiesByRef
    invitations: Invitations[Joined]
    permissions: Permissions
    participants: Participants
    admission: Admission
    room_updates: RoomUpdates
    dashboards: Dashboards
    people: OnlinePeople
    people_rooms: PeopleRooms
    revocation: Revocation
    messages: CommunityMessages

    def receive_revocation(self, subject: str, message: Any) -> None:
        self.refs.forget(str(message))
        self.revocation.receive(message)
        self.people_rooms.recheck_soon()

    def forget_database(self) -> None:
        """Drop what is known from the database. Does not wait."""
        self.revocation.recheck_soon()
        self.people_rooms.version = -1
        self.refs.forget_all()


def community_services() -> CommunityServices:
    """The services of the application that handles the current request."""
    return current()[CommunityServices]


def build(base: Base) -> CommunityServices:
    """Build the services, and update communities' rooms whenever a visit is counted."""
    database, clock, runtime, services = base.database, base.clock, base.runtime, base.services
    visits, members = services[Visits], services[OnlineMembers]
    accounts, realtime = services[AccountServices], services[RealtimeServices]
    dashboards = Dashboards(realtime.rooms, _leader(base), clock, lambda: services[ReportRooms])
    participants = Participants()
    permissions = Permissions(database, runtime, clock, base.settings)
    attendance_log = AttendanceLog(base.signals.members_attended.send, runtime, clock)
    people = OnlinePeople(members, visits, attendance_log, accounts.credentials.names)
    new_room = partial(_member_room, base)
    people_rooms = PeopleRooms(realtime, members, people, participants, permissions, runtime, clock)
    admission = Admission(realtime, visits, people, dashboards, participants, permissions, people_rooms, new_room)
    updates = RoomUpdates(realtime.rooms, members, visits, dashboards)
    visits.follow(updates.stats_changed)
    revocation = Revocation(participants, permissions, realtime.bus, runtime, clock, admission.leave)
    refs = CommunityRefs(database, runtime, clock)
    on_revoked, tokens = base.signals.access_revoked.send, LinkTokens(base.settings.secret_key)
    directory = Communities(database, clock, on_revoked)
    services.identities.provide(community_id=refs.resolve, destination_of=partial(_destination, directory))
    invitations = Invitations(CommunityScope(), database, clock, on_revoked, services[MailOutbox], tokens)
    accounts.received.add(invitations)
    return CommunityServices(
        directory=directory,
        members=Memberships(database, clock, on_revoked),
        refs=refs,
        by_ref=CommunitiesByRef(database, clock, refs, accounts.external, on_revoked),
        invitations=invitations,
        permissions=permissions,
        participants=participants,
        admission=admission,
        room_updates=updates,
        dashboards=dashboards,
        people=people,
        people_rooms=people_rooms,
        revocation=revocation,
        messages=CommunityMessages(participants, realtime.fanout, realtime.bus, runtime, clock, revocation),
    )


def _member_room(base: Base, live_stats: LiveStats) -> MemberRoom:
    members = base.services[OnlineMembers]
    return MemberRoom(live_stats, members, base.clock, milestone_news(base, live_stats))


def _destination(directory: Communities, account: Account) -> tuple[str, dict[str, Any]] | None:
    """The page to open after a login: the room of the account's only community, or None."""
    home = directory.home(account)
    return None if home is None else ("pages_communities.community", {"community_id": home.id})


def _leader(base: Base) -> DashboardLeader:
    if base.cluster.redis is None:
        return DashboardLeader(base.clock)
    from koyjabo.communities.live.dashboard_leader_redis import RedisLeader  # imported late: redis-py takes 15 MB

    return RedisLeader(*base.cluster.redis, base.runtime, base.clock)
