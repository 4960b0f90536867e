"""The contract of online members, in memory and in Redis (koyjabo.presence.members.online_members)."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest
from member_workers import GRACE_S, HIKERS, MemoryWorld, counts, redis_world

from koyjabo.presence.members.online_members import MAX_LISTED_MEMBERS, Online, OnlineMember


@pytest.fixture(params=["memory", "redis_server"])
def world(request):
    if request.param == "memory":
        yield MemoryWorld()
    else:
        with redis_world(request.getfixturevalue("redis_server")) as world:
            yield world


def count(world, scope=HIKERS) -> int:
    """The settled count, which must equal the last published one."""
    world.members.online(scope)
    world.settle()
    online = world.members.online(scope)
    assert not online.is_estimate
    published = [published for where, published in world.news if where == scope]
    assert published[-1:] in ([], [online.count])
    return online.count


def test_a_lost_connection_counts_for_one_grace_and_a_goodbye_ends_the_grace(world):
    world.members.connect(HIKERS, "ayesha", "1")
    world.members.connection_lost(HIKERS, "ayesha", "1")
    world.pass_(seconds=3)
    world.members.connection_lost(HIKERS, "ayesha", "1")
    world.pass_(seconds=GRACE_S - 3.001)
    assert count(world) == 1
    world.pass_(seconds=0.001)
    assert count(world) == 0
    world.members.connect(HIKERS, "ayesha", "1")
    world.members.connection_lost(HIKERS, "ayesha", "1")
    world.members.disconnect(HIKERS, "ayesha", "1")
    assert count(world) == 0


def test_the_version_grows_exactly_when_the_count_changes(world):
    changes = [
        (1, lambda: world.members.connect(HIKERS, "ayesha", "1")),
        (0, lambda: world.members.connect(HIKERS, "ayesha", "2")),
        (1, lambda: world.members.connect(HIKERS, "babul", "1")),
        (0, lambda: world.members.disconnect(HIKERS, "ayesha", "1")),
        (0, lambda: world.members.connection_lost(HIKERS, "ayesha", "2")),
        (1, lambda: world.pass_(seconds=GRACE_S)),
        (1, lambda: world.members.disconnect(HIKERS, "babul", "1")),
        (1, lambda: world.members.connect(HIKERS, "babul", "1")),
    ]
    count(world)
    for is_news, change in changes:
        before = world.members.online(HIKERS)
        change()
        count(world)
        after = world.members.online(HIKERS)
        assert (after.version > before.version) == is_news
        assert is_news or after == before
    for version in (0, after.version - 1, after.version):
        world.members.apply_remote(HIKERS, Online(version, 7))
        assert world.members.online(HIKERS) == after, "an older count changes nothing"


def test_the_version_of_a_forgotten_scope_does_not_fall(world):
    world.members.connect(HIKERS, "ayesha", "1")
    world.pass_(seconds=1)
    world.members.disconnect(HIKERS, "ayesha", "1")
    count(world)
    before = world.members.online(HIKERS)
    world.pass_(seconds=40)
    world.time.put_right(hours=-1)
    assert world.members.online(HIKERS).version >= before.version
    world.members.connect(HIKERS, "ayesha", "1")
    assert count(world) == 1
    assert world.members.online(HIKERS).version > before.version


def test_people_are_listed_with_their_arrival_and_their_connections(world):
    begin_ms = world.time.ms
    world.members.connect(HIKERS, "babul", "1")
    world.pass_(seconds=2)
    world.members.connect(HIKERS, "ayesha", "1")
    for tab in "234":
        world.members.connect(HIKERS, "babul", tab)
    world.members.connection_lost(HIKERS, "babul", "2")
    world.members.connection_lost(HIKERS, "ayesha", "1")
    babul = OnlineMember("babul", begin_ms, 3)
    assert world.members.people(HIKERS) == [babul, OnlineMember("ayesha", begin_ms + 2000, 0)]
    world.pass_(seconds=GRACE_S)
    assert world.members.people(HIKERS) == [babul]
    world.members.connect(HIKERS, "ayesha", "1")
    assert world.members.people(HIKERS) == [babul, OnlineMember("ayesha", world.time.ms, 1)]


def test_the_first_thousand_people_or_the_newest_are_listed(world):
    for number in range(MAX_LISTED_MEMBERS):
        world.members.connect(HIKERS, f"person{number:04}", "1")
    world.pass_(seconds=1)
    world.members.connect(HIKERS, "a late one", "1")
    assert count(world) == MAX_LISTED_MEMBERS + 1
    first = [f"person{n:04}" for n in range(MAX_LISTED_MEMBERS)]
    assert [here.person for here in world.members.people(HIKERS)] == first
    assert [here.person for here in world.members.people(HIKERS, 1, newest_first=True)] == ["a late one"]


def test_all_workers_agree_after_a_storm_of_connections(world):
    """Eight threads open and close connections of the same people on three workers, and read in between."""
    workers = [world.new_worker() for _ in range(3)]
    assert counts(*workers) == [0, 0, 0]

    def storm(thread: int) -> list[str]:
        """Open and close connections at random. Returns the person behind each connection left open."""
        choose, mine = random.Random(thread), {}
        for number in range(100):
            hold = HIKERS, f"person{choose.randrange(20)}", f"{thread}-{number % 10}"
            if hold in mine:
                mine.pop(hold).members.disconnect(*hold)
            else:
                mine[hold] = choose.choice(workers)
                mine[hold].members.connect(*hold)
            if not number % 20:
                choose.choice(workers).look()
        return [person for _, person, _ in mine]

    with ThreadPoolExecutor(8) as pool:
        left = Counter(chain.from_iterable(pool.map(storm, range(8))))
    world.settle()
    assert counts(*workers) == [len(left)] * 3
    assert {here.person: here.connections for here in world.members.people(HIKERS)} == left
