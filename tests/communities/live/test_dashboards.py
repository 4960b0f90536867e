"""The moderators' dashboard is sent when it is opened, when it changes, and every 10 s. One worker computes it."""

import re

from support.application.site import Time
from support.application.visitor_workers import clock_of
from support.clients.members import Member, PlainMember, SocketioMember
from support.clients.worker_connections import all_ready, only
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.changed_server import changed_server

from koyjabo.communities.live import dashboard_leader, dashboard_leader_redis
from koyjabo.communities.live.dashboard_leader import DashboardLeader

BEAT_S = 2
DASHBOARD = "visitor-dashboard/"


def updates(listener) -> list[dict]:
    return [received.event for received in listener.of_type("dashboard_update")]


def wait_for(listener, **data) -> dict:
    """Wait for the first update with these values."""

    def shown() -> list[dict]:
        return [update for update in updates(listener) if flat(update).items() >= data.items()]

    return wait_until(shown, f"the dashboard shows {data}", every_s=0.005)[0]


def flat(update: dict) -> dict:
    return {**update["data"]["today_visitors"], "realtime_count": update["data"]["realtime_count"]}


def test_the_first_update_of_a_dashboard_contains_the_current_state(server, founder, community):
    founder.visit("a-visitor", community)
    with PlainMember(server.port, community, founder.token, DASHBOARD) as dashboard:
        first = dashboard.next_of_type("dashboard_update")
    assert list(first) == ["type", "data", "revision", "timestamp"]
    today = {"authenticated_visitors": 1, "anonymous_visitors": 0, "total_unique_visitors": 1}
    assert flat(first) == {**today, "realtime_count": 0}


def test_a_dashboard_shows_tabs_arrivals_and_departures(server, founder, community):
    member = Member(server, "nusrat").join(community)

    def seen(data: dict) -> tuple[list, int, int]:
        people = [(person["name"], person["tabs"]) for person in data["people"]]
        return people, data["arrivals"]["came"], data["arrivals"]["left"]

    def wait_until_shown(*numbers) -> dict:
        def shown() -> list[dict]:
            return [update["data"] for update in updates(dashboard) if seen(update["data"]) == numbers]

        return wait_until(shown, f"the dashboard shows {numbers}")[0]

    with PlainMember(server.port, community, founder.token, DASHBOARD) as dashboard:
        wait_until_shown([], 0, 0)
        with PlainMember(server.port, community, member.token):
            (person,) = wait_until_shown([("nusrat", 1)], 1, 0)["people"]
            assert person["user_id"] == member.id
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", person["since"])
            with PlainMember(server.port, community, member.token):
                assert wait_until_shown([("nusrat", 2)], 1, 0)["people"][0]["since"] == person["since"]
        wait_until_shown([], 1, 1)


def test_a_single_worker_refreshes_its_dashboards_every_10_s():
    now, at = Time(), []
    leader = DashboardLeader(clock_of(now))
    began = now.elapsed_ms()
    for _ in range(25):
        leader.refresh_if_due(["a"], lambda watched: at.append(now.elapsed_ms() - began))
        now.pass_(seconds=1)
    assert at == [0, 10_000, 20_000]


def test_idle_dashboards_on_all_workers_are_updated_even_after_the_leader_is_killed(tmp_path, redis_server):
    """The interval is 2 s here."""
    modules = (dashboard_leader.__name__, dashboard_leader_redis.__name__)
    beats = {f"{module}.BEAT_S": BEAT_S for module in modules}
    with changed_server(tmp_path, beats, WEB_CONCURRENCY=2, REDIS_URL=redis_server.url) as server:
        wait_until(lambda: all_ready(server, 2), "two workers serve", PATIENCE_S)
        founder = Member(server)
        community = founder.found()
        left, right = server.workers()
        with only(server, left):
            plain = PlainMember(server.port, community, founder.token, DASHBOARD)
        plain.next_of_type("dashboard_update")
        with only(server, right):
            client = SocketioMember(server.port, community, founder.token, room="visitor_dashboard")
        client.next_of_type("dashboard_update")
        since = updates(client)[0]["revision"]  # an update may arrive between the two

        def made_for_both() -> list[dict]:
            """Updates that reached both pages. On one of them, a late update may be replaced by the next."""
            return [update for update in updates(plain) if update["revision"] > since and update in updates(client)]

        wait_until(lambda: len(made_for_both()) >= 2, "two more", PATIENCE_S)
        right.kill()
        before = len(updates(plain))
        wait_until(lambda: len(updates(plain)) > before, "the other worker goes on", PATIENCE_S)
        for socket in (plain, client):
            socket.close()


def test_a_signup_by_an_anonymous_visitor_sends_one_conversion(server, founder, community):
    for visitor in ("rahim-1", "karim-1"):
        server.register(visitor, communityId=community)
    with PlainMember(server.port, community, founder.token, DASHBOARD) as dashboard:
        wait_for(dashboard, anonymous_visitors=2)
        rahim = Member(server, visitorId="rahim-1")
        events = [dashboard.next_of_type("analytics_update", after) for after in range(2)]
        wait_for(dashboard, authenticated_visitors=1, anonymous_visitors=1, total_unique_visitors=2)
        assert [event["metric"] for event in events] == ["conversion", "conversion_rate"]
        assert set(events[0]["value"]) == {"session_id", "converted_at"}
        assert "rahim" not in str(events)
        assert events[1]["value"] == 50.0
        assert {event["community_id"] for event in events} == {community}
        rahim.log_in(visitorId="rahim-1")
        rahim.join(community, visitorId="rahim-1")
        Member(server).join(community, visitorId="karim-1")
        assert dashboard.next_of_type("analytics_update", 3)["value"] == 100.0
        assert len(dashboard.of_type("analytics_update")) == 4
