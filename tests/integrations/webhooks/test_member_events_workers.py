"""Online members of communities on two workers. One worker is killed, and each change still causes exactly one
event.
"""

import json
import uuid
from collections import Counter
from contextlib import ExitStack

import pytest
from support.clients.members import KINDS, CommunityListener, Member, PlainMember, members
from support.clients.worker_connections import only, two_workers
from support.databases.database import SqliteDatabase
from support.programs.processes import wait_until

TYPES = "community.occupied community.vacated member.joined member.left"


@pytest.fixture
def database(tmp_path) -> SqliteDatabase:
    database = SqliteDatabase.migrated(tmp_path / "koyjabo.db")
    database.rows(
        "INSERT INTO webhooks (id, url, events, format, description, secret, enabled, created_ms) "
        f"VALUES ('{uuid.uuid4()}', 'https://example.invalid', '{TYPES}', 'json', '', '', true, 0)"
    )
    return database


def open_on(worker, member: Member, community: str, kind: type) -> CommunityListener:
    with only(member.server, worker):
        socket = kind(member.server.port, community, member.token)
    wait_until(lambda: socket.received, "it is let in")
    return socket


def written(database: SqliteDatabase) -> Counter[tuple[str, str]]:
    rows = database.rows("SELECT type, data FROM webhook_events WHERE type NOT LIKE 'milestone%'")
    return Counter((type, json.loads(data).get("id", "")) for type, data in rows)


@pytest.mark.long(
    proved_by="presence/members/test_member_changes.py::test_people_of_a_killed_worker_leave_once_unless_they_are_elsewhere"
)
def test_each_change_is_one_event_though_a_worker_is_killed(database, new_server, disposable_redis):
    server = two_workers(new_server(database, REDIS_URL=disposable_redis.url, LEAVE_GRACE_SECONDS=1))
    community = Member(server).found()
    left, right = server.workers()
    crowd = members(server, community, 4)
    everybody = [member.id for member in crowd]
    with ExitStack() as stack:
        for worker in (left, right):
            stack.enter_context(open_on(worker, crowd[0], community, PlainMember))
        victims = [open_on(right, one, community, KINDS[n % 2]) for n, one in enumerate(crowd[1:])]
        expected = Counter({("community.occupied", ""): 1} | {("member.joined", user): 1 for user in everybody})
        wait_until(lambda: written(database) == expected, "all have come")
        right.kill()
        again = stack.enter_context(PlainMember(server.port, community, crowd[1].token))
        assert again.next_of_type("visitor_count")["count"] == 4
        expected += Counter(("member.left", user) for user in everybody[2:])
        wait_until(lambda: written(database) >= expected, "the others have left")
        assert written(database) == expected
        assert len(victims) == 3
    expected += Counter([*(("member.left", user) for user in everybody[:2]), ("community.vacated", "")])
    wait_until(lambda: written(database) >= expected, "nobody is there")
    assert written(database) == expected


@pytest.mark.long(
    proved_by="integrations/webhooks/test_member_events.py::test_other_workers_check_recent_communities_when_a_worker_ends"
)
def test_people_seen_only_by_a_killed_worker_have_left(database, new_server, disposable_redis):
    """No other worker has a reason to read that community."""
    server = two_workers(new_server(database, REDIS_URL=disposable_redis.url, LEAVE_GRACE_SECONDS=1))
    community = Member(server).found()
    _, right = server.workers()
    (one,) = members(server, community, 1)
    open_on(right, one, community, PlainMember)
    wait_until(lambda: ("member.joined", one.id) in written(database), "they have come")
    right.kill()
    expected = Counter([(type, one.id if type.startswith("member") else "") for type in TYPES.split()])
    wait_until(lambda: written(database) >= expected, "they have left")
    assert written(database) == expected
