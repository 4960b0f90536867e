"""Pushed views of reports: on every worker, sockets receive the same numbers as the pages and the API."""

from contextlib import ExitStack
from typing import Any

import pytest
from support.clients.members import Member, PanelSocket, PlainMember, promote
from support.clients.worker_connections import only, two_workers, worker_connections
from support.programs.processes import wait_until
from support.servers.server import Server

VIEW = "?range=7d&compare=previous"
FIGURES = ("visits", "visitors", "new_visitors", "median_s")
FORBIDDEN = 4003


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database, redis) -> Server:
    return two_workers(module_servers(module_sqlite_database, REDIS_URL=redis.url))


@pytest.fixture(scope="module")
def admin(server) -> Member:
    member = Member(server)
    promote(server, member)
    return member


class Shown:
    """The state of a page that applies the updates of one socket."""

    def __init__(self, socket: PlainMember) -> None:
        self.socket = socket

    def ask(self, query: str = VIEW) -> "Shown":
        self.socket.say({"type": "view", "query": query})
        return self

    @property
    def updates(self) -> list[dict[str, Any]]:
        return [received.event for received in self.socket.of_type("view_update")]

    @property
    def states(self) -> list[tuple[int, dict[str, Any], dict[str, str]]]:
        """The snapshot, all cells and all versions after each update."""
        cells, versions, states = {}, {}, []
        for update in self.updates:
            if update.get("whole"):
                cells, versions = {}, {}
            cells, versions = cells | update.get("cells", {}), versions | update.get("parts", {})
            states.append((update["moment"], cells, versions))
        return states

    def shows(self, cell: str, value: object) -> bool:
        return bool(self.states) and self.states[-1][1].get(cell) == value

    def wait_for(self, moment: int) -> tuple[dict[str, Any], dict[str, str]]:
        wait_until(lambda: self.states and self.states[-1][0] >= moment, f"visit {moment} is in the view")
        return self.states[-1][1:]


def on_each_worker(stack: ExitStack, server: Server, member: Member) -> list[Shown]:
    parts = []
    for worker in server.workers():
        with only(server, worker):
            parts.append(Shown(stack.enter_context(PanelSocket(server.port, member.token))).ask())
            wait_until(lambda: parts[-1].states and parts[-1].states[-1][1], "its view is answered")
    return parts


def listed(cells: dict[str, Any], part: str) -> int:
    """The visits in a list, including its other values."""
    rows = [cell for name, cell in cells.items() if name.startswith(f"{part}.") and name.split(".")[1].isdigit()]
    return sum(row[1] for row in rows) + cells[f"{part}.other"][-1]


def test_every_pushed_update_adds_up_and_the_last_one_equals_the_api(server, admin):
    """Visits on both workers are in both workers' views. `make bench NAME=reports` measures delay and cost."""
    with ExitStack() as stack:
        both, views = stack.enter_context(worker_connections(server)), on_each_worker(stack, server, admin)
        for number in range(30):
            newest = max(server.register(f"passenger-{number}").ordinal for server in both)
        for view in views:
            cells, _ = view.wait_for(newest)
            summary = admin.call("GET", f"/api/reports/summary{VIEW}")
            assert {name: cells[f"figures.{name}"][0] for name in FIGURES} == {name: summary[name] for name in FIGURES}
            assert cells["figures.visitors"][1] == round(summary["visits"] / summary["visitors"], 1)
            moments = [moment for moment, *_ in view.states]
            assert moments == sorted(moments)
            for shown in (cells for _, cells, _ in view.states if cells):
                visits = shown["figures.visits"][0]
                assert visits == sum(cell[0] for name, cell in shown.items() if name.startswith("chart."))
                assert {listed(shown, part) for part in ("pages", "sources", "places", "devices")} == {visits}
        with only(server, server.workers()[0]):
            later = Shown(stack.enter_context(PanelSocket(server.port, admin.token))).ask()
            wait_until(lambda: later.updates, "another page of the same view is let in")
        assert later.updates[0]["whole"]
        assert later.updates[0]["cells"].keys() == views[0].states[-1][1].keys()


def test_a_socket_that_asks_for_another_view_receives_no_update_of_the_earlier_one(server, admin):
    with PanelSocket(server.port, admin.token) as socket, worker_connections(server) as (connection, _):
        view = Shown(socket).ask()
        view.wait_for(connection.register("ayesha").ordinal)
        earlier = view.updates[-1]["view"]
        view.ask("?range=today&compare=none&page=/fares")
        wait_until(lambda: view.updates[-1]["view"] != earlier, "the other view is answered")
        before, first = len(view.updates), view.updates[-1]["view"]
        for _ in range(3):  # before the last one, updates of the earlier view would have arrived
            _, answer = connection.ask("POST", "/api/visitor/register", {"visitorId": "ayesha", "page": "/fares"})
            cells, _ = view.wait_for(answer["stats"]["totalVisitors"])
        summary = admin.call("GET", "/api/reports/summary?range=today&page=/fares")
        assert cells["figures.visits"] == [summary["visits"]]
        assert {update["view"] for update in view.updates[before:]} == {first}
        view.ask("?range=today&compare=none&page=/fares")  # like a page that got no response
        wait_until(lambda: view.updates[-1].get("whole"), "it is sent again")
        assert view.states[-1][1] == cells


def test_a_moderator_can_follow_the_reports_of_a_community_and_a_member_cannot(server):
    moderator, member = Member(server), Member(server)
    community = moderator.found()
    member.join(community)
    with PlainMember(server.port, community, moderator.token, "visitor-dashboard/") as socket:
        view = Shown(socket).ask("?compare=none")
        moderator.visit("somebody")  # not in the community
        moderator.visit("somebody", community)
        cells, _ = view.wait_for(1)
        assert (cells["figures.visits"], listed(cells, "pages")) == ([1], 1)
    with PlainMember(server.port, community, member.token) as socket:
        socket.say({"type": "view", "query": ""})
        assert socket.next_of_type("error")


class SharedSocket(PlainMember):
    """`ws://…/ws/shares/{token}/`"""

    def _path(self, token: str, path: str) -> str:
        return f"/ws/shares/{token}/"


def test_the_reader_of_a_share_link_follows_its_view_until_the_link_is_revoked(server, admin):
    link = admin.call("POST", "/api/shares", {"name": "Fares", "filters": {"page": ["/shared"]}})
    with worker_connections(server) as (connection, _), SharedSocket(server.port, link["token"]) as socket:
        view = Shown(socket).ask(query="")
        for page, visits in (("/shared", 1), ("/secret", 1), ("/shared", 2)):
            connection.ask("POST", "/api/visitor/register", {"visitorId": "tania", "page": page})
            wait_until(lambda: view.shows("figures.visits", [visits]), "the visit is shown")  # noqa: B023
        assert view.states[-1][1]["pages.rows"] == ["/shared"]
        assert view.states[-1][0] > server.stats().total, "the moment is a time, not the number of visits of the site"
        for query in ("?community=dhaka", "?range=eternity", 7):
            socket.say({"type": "view", "query": query})
            assert socket.next_of_type("error")
        admin.call("DELETE", f"/api/shares/{link['id']}")
        connection.register("tania")
        assert socket.wait_for_code() == FORBIDDEN
    locked = admin.call("POST", "/api/shares", {"name": "Fares", "password": "a word that is secret"})
    for token in (link["token"], locked["token"]):
        with SharedSocket(server.port, token) as socket:
            assert socket.wait_for_code() == FORBIDDEN
