"""No member of a community can read a visitorId, the key for erasing a visitor's data, in a response or an event."""

from functools import partial
from typing import Any

import pytest
from support.people.accounts import bare, bearer, sign_up
from support.people.page_readers import Reader
from support.people.permissions import BODIES, SOCKETS
from support.people.routes import CHANGING, method_of, path_of, rules
from support.programs.processes import wait_until

from koyjabo.base.core.extensions import socketio

MARK = "visitorid-nobody-may-read"
EVENTS = {"visitor_count", "visitor_joined", "visitor_left", "visitor_update", "dashboard_update", "analytics_update"}


@pytest.fixture(scope="module")
def community(site, cast) -> str:
    """A community visited by a stranger, by a member, and by two people who became members."""
    community = cast.kept_community()
    for n in range(3):
        site.register(f"{MARK}-{n}", visitId=f"{MARK}-visit-{n}", communityId=community, page=f"/{n}")
    site.client.post(
        "/api/visitor/register",
        json={"visitorId": f"{MARK}-member", "communityId": community},
        headers=bearer(cast["member"].access),
    )
    joined = cast["newcomer"].post(f"/api/communities/{community}/join", json={"visitorId": f"{MARK}-1"})
    assert joined.status_code == 201
    sign_up(site, "converted", visitorId=f"{MARK}-2")
    assert site.rows("SELECT count(*) FROM visits WHERE visitor_id LIKE :mark", mark=f"{MARK}%") == [(4,)]
    return community


def fetched(site, cast, community: str) -> dict[str, str]:
    """All API responses and pages about the community that its admin may read."""
    reader, pages = Reader(site).log_in("admin"), ("pages_", "docs.", "static_files.")
    answers: dict[str, Any] = {}
    for endpoint, rule in rules(site).items():
        if endpoint in SOCKETS or method_of(rule) in CHANGING or endpoint.startswith("panel_"):
            continue
        path = f"{path_of(site, cast, rule, community)}?per_page=100&granularity=hourly"
        get = partial(reader.client.get, headers=reader.headers) if endpoint.startswith(pages) else cast["admin"].get
        answers[endpoint] = get(path)
    for endpoint in ("api_counting.register_visit", "api_evidence.heartbeat"):
        body = {"visitorId": f"{MARK}-0", "communityId": community}
        answers[endpoint] = bare(site).post(rules(site)[endpoint].rule, json={**BODIES[endpoint], **body})
    return {name: f"{answer.headers} {answer.get_data()!r}" for name, answer in answers.items()}


def test_no_response_to_a_communitys_admin_contains_a_visitorid(site, cast, community):
    responses = fetched(site, cast, community)
    assert "api_communities.who_is_online" in responses
    assert [name for name, text in responses.items() if MARK in text] == []


def test_no_event_to_a_moderator_contains_a_visitorid(site, cast, community):
    """Includes visits, conversions, people who come and go, and acknowledgements of all messages."""
    client = socketio.test_client(site.app, auth={"token": cast["moderator"].access})
    received: list[Any] = []
    for room in ("visitors", "visitor_dashboard"):
        where = {"room": room, "communityId": community}
        received.append(client.emit("join", {**where, "token": cast["moderator"].access}, callback=True))
        received.append(client.emit("request_count", where, callback=True))
    assert all(answer["ok"] for answer in received), received
    for n in range(3):
        site.register(f"{MARK}-{n}", communityId=community)
    person = sign_up(site, "late")
    person.post(f"/api/communities/{community}/join", json={"visitorId": f"{MARK}-0"})
    other = socketio.test_client(site.app)
    here = {"room": "visitors", "communityId": community, "token": person.access}
    received.append(other.emit("join", here, callback=True))

    def has_come() -> bool:
        received.extend(client.get_received())
        return any(event.get("name") == "analytics_update" for event in received)

    wait_until(has_come, "analytics_update is received")
    other.disconnect()
    client.disconnect()
    assert EVENTS >= {event["name"] for event in received if "name" in event} >= {"analytics_update", "visitor_update"}
    assert MARK not in repr(received)
