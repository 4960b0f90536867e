"""Users with accounts on a running server, and their sockets in communities."""

from __future__ import annotations

from itertools import count
from typing import Any

import requests

from support.clients.forms import PASSWORD, answer
from support.clients.listener import Listener, PlainSocket, SocketioSocket
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.server import Server

numbers = count(1)


class Member:
    """A signed-up user. `call` authenticates with the access token; cookies are stored but not sent."""

    def __init__(self, server: Server, name: str = "", **fields: Any) -> None:
        self.server = server
        self.name = name or f"person{next(numbers)}"
        self.email = f"{self.name}@example.com"
        self.http = requests.Session()
        self.http.trust_env = False
        body = {"email": self.email, "password": PASSWORD, "name": self.name, **fields}
        self._welcome(self.http.post(self._url("/api/auth/signup"), json=body, timeout=PATIENCE_S))

    def log_in(self, **fields: Any) -> None:
        body = {"email": self.email, "password": PASSWORD, **fields}
        self._welcome(self.http.post(self._url("/api/auth/login"), json=body, timeout=PATIENCE_S))

    def call(self, method: str, path: str, body: Any = None, status: int | None = None) -> Any:
        """The JSON of the response, or None. Asserts `status`, or any 2xx by default."""
        answer = requests.request(
            method, self._url(path), json=body, headers=self.bearer, timeout=PATIENCE_S, proxies={}
        )
        assert answer.ok if status is None else answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def found(self, name: str = "Mirpur 10", **fields: Any) -> str:
        return self.call("POST", "/api/communities", {"name": name, **fields})["id"]

    def give(self, community: str, to: Member, role: str = "member") -> None:
        """Give `to` a role: change it for a member, or invite and accept for another user."""
        path = f"/api/communities/{community}/members"
        if to.id in {member["user_id"] for member in self.call("GET", f"{path}?per_page=100")}:
            self.call("PUT", f"{path}/{to.id}", {"role": role})
            return
        link = self.call("POST", path, {"email": to.email, "role": role})["link"]
        to.call("POST", f"/api/invitations/{link.rpartition('/')[2]}/accept")

    def join(self, community: str, **body: Any) -> Member:
        self.call("POST", f"/api/communities/{community}/join", body)
        return self

    def visit(self, visitor: str, community: str | None = None, **fields: Any) -> Any:
        body = {"visitorId": visitor, **({"communityId": community} if community else {}), **fields}
        return self.call("POST", "/api/visitor/register", body)

    def send_form(self, path: str) -> None:
        """Send a form of the admin panel as a browser does, and confirm if asked."""
        cookies = self.http.cookies.get_dict()  # they are HTTPS only, so the client would not send them
        done = self._post_form(path, {"csrf_token": cookies["csrf_access_token"]})
        if done.status_code == 200:
            done = self._post_form(path, answer(done.text).fields)
        assert (done.status_code, "/login" in done.headers["Location"]) == (303, False), done.headers

    def _post_form(self, path: str, fields: dict[str, str]) -> requests.Response:
        cookies = self.http.cookies.get_dict()
        return requests.post(
            self._url(f"/admin{path}"),
            data=fields,
            headers={"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())},
            allow_redirects=False,
            timeout=PATIENCE_S,
            proxies={},
        )

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.port}{path}"

    def _welcome(self, answer: requests.Response) -> None:
        assert answer.ok, answer.text
        user = answer.json()
        self.token, self.refresh, self.id = user["access_token"], user["refresh_token"], user["user"]["id"]


def members(server: Server, community: str, count: int) -> list[Member]:
    return [Member(server).join(community) for _ in range(count)]


def promote(server: Server, member: Member) -> None:
    """Make a user an admin of the site."""
    server.database.rows(f"UPDATE users SET is_admin = true WHERE id = '{member.id}'")


class CommunityListener(Listener):
    """A socket in a community's room, of either kind."""

    @property
    def counts(self) -> list[dict[str, Any]]:
        kinds = ("visitor_count", "visitor_joined", "visitor_left")
        return [received.event for received in list(self.received) if received.event["type"] in kinds]

    @property
    def count(self) -> int:
        return self.counts[-1]["count"]

    def wait_for_count(self, count: int, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """The first event with this count."""
        wait_until(lambda: self.counts and self.count == count, f"{count} are online", timeout_s, 0.002)
        return self.counts[-1]

    def assert_adds_up(self) -> None:
        """Assert that adding up changes gives the announced count, and that revisions only grow."""
        shown, before = self.counts[0]["count"], 0
        for event in self.counts:
            shown += event["change"]
            assert shown == event["count"], self.counts
            assert event["revision"] > before, self.counts
            before = event["revision"]
            kinds = {1: "visitor_joined", -1: "visitor_left"}
            assert event["type"] == kinds.get(event["change"], "visitor_count"), self.counts


class PlainMember(PlainSocket, CommunityListener):
    """`ws://…/ws/communities/{id}/visitors/`, or the dashboard's socket."""

    def __init__(
        self,
        port: int,
        community: str,
        token: str | None = None,
        path: str = "visitors/",
        query: str = "",
        **options: Any,
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        super().__init__(f"ws://127.0.0.1:{port}{self._path(community, path)}{query}", headers, **options)

    def _path(self, community: str, path: str) -> str:
        return f"/ws/communities/{community}/{path}"

    def ask(self, kind: str, answer: str) -> dict[str, Any]:
        before = len(self.of_type(answer))
        self.say({"type": kind})
        return self.next_of_type(answer, before)

    def wait_for_code(self, timeout_s: float = PATIENCE_S) -> int:
        wait_until(lambda: self.code is not None, "it is closed", timeout_s, 0.002)
        assert self.code is not None
        return self.code


def code_for(port: int, community: str, token: str | None, **options: Any) -> int | None:
    """The close code, or None if the client is let in."""
    with PlainMember(port, community, token, **options) as socket:
        wait_until(lambda: socket.received or socket.code, "it is let in or not")
        return socket.code


class PanelSocket(PlainMember):
    """`ws://…/ws/admin/`"""

    def __init__(self, port: int, token: str | None = None, **options: Any) -> None:
        super().__init__(port, "", token, **options)

    def _path(self, community: str, path: str) -> str:
        return "/ws/admin/"

    @property
    def events(self) -> list[dict[str, Any]]:
        return [received.event for received in self.of_type("panel_update")]


class SocketioMember(SocketioSocket, CommunityListener):
    """Joins `room`; `joined` is the acknowledgement."""

    def __init__(
        self,
        port: int,
        community: str,
        token: str | None = None,
        room: str = "visitors",
        auth: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(f"http://127.0.0.1:{port}/", transports=["websocket"], auth=auth, headers=headers or {})
        self.where = {"room": room, "communityId": community}
        self.joined = self.ask("join", {**self.where, **({"token": token} if token else {}), **arguments})


KINDS = [PlainMember, SocketioMember]
