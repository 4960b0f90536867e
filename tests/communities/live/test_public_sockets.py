"""A community with public numbers: calls and sockets. Watchers do not count as online."""

from contextlib import ExitStack

import pytest
from support.application.site import Site
from support.clients.event_source import StreamListener, of_community
from support.clients.members import KINDS, Member, PlainMember, SocketioMember, promote
from support.people.accounts import sign_up
from support.people.communities import PATH, found, losses
from support.programs.processes import wait_until

from koyjabo.base.core.errors import Forbidden
from koyjabo.communities.live.participant import Participant
from koyjabo.communities.permissions import RequiredAccess
from koyjabo.communities.services import CommunityServices
from koyjabo.realtime.services import RealtimeServices
from koyjabo.web.login.claims import Tokens

LOG_IN, FORBIDDEN = 4001, 4003


class Socket:
    """A plain WebSocket that discards what is written."""

    kind = ""

    def write_event(self, event: object) -> None: ...


def seat_of(site, person, community: str, end=lambda problem: None) -> Participant:
    """A person who asks to join as a member. `end` receives the reason if they are removed."""
    session = site.services[Tokens].read(person.access).session_id
    return Participant(Socket(), RequiredAccess(session, person.id, community, "member"), False, end)


def open_all(server, stack: ExitStack, community: str, token: str | None):
    stream = StreamListener(server.port, of_community(community), token)
    return [
        stack.enter_context(client) for client in (*(kind(server.port, community, token) for kind in KINDS), stream)
    ]


def test_watchers_receive_arrivals_and_departures_and_do_not_count_as_online(server, founder):
    community = founder.found(public_count=True)
    member, stranger = Member(server).join(community), Member(server)
    with ExitStack() as stack:
        watchers = [*open_all(server, stack, community, None), *open_all(server, stack, community, stranger.token)]
        for watcher in watchers:
            assert watcher.next_of_type("visitor_count")["count"] == 0
        with PlainMember(server.port, community, member.token) as inside:
            assert inside.wait_for_count(1)["type"] == "visitor_count"
            for watcher in watchers:
                assert watcher.wait_for_count(1)["type"] == "visitor_joined"
            people = founder.call("GET", f"{PATH}/{community}/visitors/online")
            assert [(person["user_id"], person["tabs"]) for person in people] == [(member.id, 1)]
        for watcher in watchers:
            watcher.wait_for_count(0)
            watcher.assert_adds_up()
        dashboard = stack.enter_context(PlainMember(server.port, community, None, path="visitor-dashboard/"))
        assert dashboard.wait_for_code() == LOG_IN
    today = founder.call("GET", f"{PATH}/{community}/visitors/today")
    assert today["authenticated_visitors"] == 1, "those who look have not come"


@pytest.mark.parametrize("how", ["turned off", "archived"])
def test_a_watcher_is_disconnected_when_the_public_numbers_end(server, founder, how):
    community = founder.found(public_count=True)
    member, stranger = Member(server).join(community), Member(server)
    with ExitStack() as stack:
        inside = stack.enter_context(PlainMember(server.port, community, member.token))
        inside.wait_for_count(1)
        watchers = open_all(server, stack, community, None), open_all(server, stack, community, stranger.token)
        for watcher in (*watchers[0], *watchers[1]):
            watcher.wait_for_count(1)
        lost = "forbidden"
        if how == "turned off":
            founder.call("PATCH", f"{PATH}/{community}", {"public_count": False})
        else:
            promote(server, boss := Member(server))
            boss.log_in()
            boss.send_form(f"/communities/{community}/archive")
            lost = "unknown_community"
        for (plain, socketio, stream), code in zip(watchers, (LOG_IN, FORBIDDEN), strict=True):
            assert plain.wait_for_code() == code
            assert socketio.next_of_type("kicked")["code"] == code
            assert stream.next_of_type("error")["code"] == ("unauthenticated" if code == LOG_IN else lost)
            wait_until(lambda stream=stream: stream.has_ended, "it has ended")
        if how == "archived":
            assert inside.wait_for_code() == FORBIDDEN
            return
        assert inside.ask("request_count", "visitor_count")["count"] == 1
        with PlainMember(server.port, community, stranger.token) as again:
            assert again.wait_for_code() == FORBIDDEN
        with SocketioMember(server.port, community) as again:
            assert again.joined["code"] == LOG_IN


def test_a_watcher_who_joins_again_as_a_member_is_online(server, founder):
    """This happens on Socket.IO, after a login on the same page. Joining again gets the same response."""
    community = founder.found(public_count=True)
    with SocketioMember(server.port, community, "x.y.z") as client:
        assert client.joined["code"] == 4002, "not treated as a stranger"
    with SocketioMember(server.port, community) as client:
        assert (client.joined["ok"], client.joined["count"]) == (True, 0)
        for token, count in ((None, 0), (founder.token, 1), (None, 1)):
            joined = client.ask("join", {**client.where, **({"token": token} if token else {})})
            assert (joined["ok"], joined["count"]) == (True, count)


# Badges and frames show the same, or nothing if the numbers are not public.


def test_the_numbers_of_a_community_are_private_until_an_admin_publishes_them(site, cast):
    community = cast.community()
    path, realtime = f"{PATH}/{community}", f"{PATH}/{community}/visitors/realtime"
    assert cast.call("nobody", "GET", realtime).status_code == 401
    assert cast["admin"].patch(path, json={"public_count": True}).json["public_count"] is True
    assert cast.call("nobody", "GET", realtime).json["current_online"] == 0
    for closed in (path, f"{path}/stats", f"{path}/visitors/online", f"{path}/members"):
        assert cast.call("nobody", "GET", closed).status_code == 401
    before = losses(site)
    for is_public, lost in ((True, 0), (False, 1), (False, 1)):
        cast["admin"].patch(path, json={"public_count": is_public})
        assert losses(site) - before == lost, "every server checks those who look, once"


def test_a_permission_check_keeps_a_new_watcher_and_removes_a_revoked_one(site, cast, monkeypatch):
    community, communities, reasons = cast.community(public_count=True), site.services[CommunityServices], []
    seat, revoked = (seat_of(site, cast["outsider"], community, reasons.append) for _ in range(2))
    revoked.is_checked = True
    recheck = communities.permissions.recheck

    def joined(accesses):
        monkeypatch.undo()
        problems = recheck(accesses)
        communities.admission.join(seat)
        return problems

    monkeypatch.setattr(communities.permissions, "recheck", joined)
    assert communities.revocation._recheck([seat, revoked])
    assert [type(problem) for problem in reasons] == [Forbidden]
    assert (seat.is_taken, revoked.is_taken) == (True, False)
    communities.admission.leave(seat)


def test_a_participant_is_online_until_leaving(site, cast):
    community, services = cast.community(), site.services[CommunityServices]
    seat = seat_of(site, cast["member"], community)
    assert services.admission.join(seat)["count"] == services.people.online(community)[0] == 1
    services.admission.leave(seat)
    assert services.people.online(community)[0] == 0
    assert site.services[RealtimeServices].rooms.find(f"visitors_{community}") is None


def test_the_expiry_of_a_token_and_of_its_session_closes_no_open_socket(sqlite_database):
    with Site(sqlite_database.url) as site:
        services, member, problems = site.services[CommunityServices], sign_up(site), []
        seat = seat_of(site, member, found(member)["id"], problems.append)
        services.admission.join(seat)
        site.time.pass_(days=31)
        assert member.get("/api/auth/me").status_code == 401
        services.revocation.recheck_soon()
        services.revocation.recheck_if_revoked()
        assert (problems, seat.is_taken) == ([], True)
        services.admission.leave(seat)


def test_a_join_fails_with_the_reason_if_its_permission_is_revoked_during_the_call(site, cast, monkeypatch):
    community, services, problems = cast.community(), site.services[CommunityServices], []
    member = cast["member"]
    seat = seat_of(site, member, community, problems.append)
    settled = services.people._members.wait_until_counted

    def removed(*arguments):
        site.rows("DELETE FROM memberships WHERE user_id = :user", user=member.id)
        services.revocation.publish(member.id)
        wait_until(lambda: problems, "the revocation removes the participant")
        return settled(*arguments)

    monkeypatch.setattr(services.people._members, "wait_until_counted", removed)
    with pytest.raises(Forbidden):
        services.admission.join(seat)
    assert [type(problem) for problem in problems] == [Forbidden]
    assert services.people.online(community)[0] == 0
