"""What every way of holding a place promises, in memory as in Redis (koyjabo.presence.members.online_members)."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.member_worlds import GRACE_S, HIKERS, RIDERS

from koyjabo.presence.members.connections_with_grace import MOST_TOLD
from koyjabo.presence.members.online_members import Online, OnlineMember

PATIENCE_S = 10


def count(world, scope=HIKERS) -> int:
    """What is counted when all is said, which is also what news told last."""
    world.members.online(scope)
    world.settle()
    online = world.members.online(scope)
    assert not online.is_estimate
    told = [told for where, told in world.news if where == scope]
    assert told[-1:] in ([], [online.count])
    return online.count


def test_nobody_is_here_at_first(world):
    assert count(world) == 0
    assert world.members.people(HIKERS) == []


def test_one_with_many_lines_is_one(world):
    for tab in ("1", "2", "3", "3"):
        world.members.connect(HIKERS, "ayesha", tab)
        assert count(world) == 1


def test_they_leave_with_their_last_line(world):
    for tab in "12":
        world.members.connect(HIKERS, "ayesha", tab)
    world.members.disconnect(HIKERS, "ayesha", "1")
    assert count(world) == 1
    world.members.disconnect(HIKERS, "ayesha", "2")
    assert count(world) == 0


def test_goodbye_that_is_said_twice_is_said_once(world):
    for tab in "12":
        world.members.connect(HIKERS, "ayesha", tab)
    for _ in range(2):
        world.members.disconnect(HIKERS, "ayesha", "1")
    assert count(world) == 1


def test_they_are_found_where_they_are(world):
    for scope, person in ((HIKERS, "ayesha"), (RIDERS, "ayesha"), (RIDERS, "babul")):
        world.members.connect(scope, person, "1")
    assert (count(world), count(world, RIDERS)) == (1, 2)
    both = [HIKERS, RIDERS]
    for person, where in {"ayesha": {HIKERS, RIDERS}, "babul": {RIDERS}, "chanda": set()}.items():
        assert world.members.online_in(person, both) == where
    assert world.members.online_in("ayesha", [RIDERS]) == {RIDERS}
    assert world.members.online_in("ayesha", []) == set()
    world.members.disconnect(RIDERS, "ayesha", "1")
    assert world.members.online_in("ayesha", both) == {HIKERS}


@pytest.mark.parametrize("end", ["disconnect", "connection_lost"])
def test_end_of_an_unknown_hold_changes_nothing(world, end):
    getattr(world.members, end)(HIKERS, "ayesha", "1")
    assert count(world) == 0
    world.members.connect(HIKERS, "ayesha", "1")
    for scope, person, connection_id in ((HIKERS, "babul", "1"), (HIKERS, "ayesha", "2"), (RIDERS, "ayesha", "1")):
        getattr(world.members, end)(scope, person, connection_id)
    world.pass_(seconds=GRACE_S)
    assert (count(world), count(world, RIDERS)) == (1, 0)


def test_lost_line_lasts_for_the_grace(world):
    world.members.connect(HIKERS, "ayesha", "1")
    world.members.connection_lost(HIKERS, "ayesha", "1")
    world.pass_(seconds=GRACE_S - 0.001)
    assert count(world) == 1
    world.pass_(seconds=0.001)
    assert count(world) == 0


def test_line_lost_twice_has_one_grace(world):
    world.members.connect(HIKERS, "ayesha", "1")
    world.members.connection_lost(HIKERS, "ayesha", "1")
    world.pass_(seconds=3)
    world.members.connection_lost(HIKERS, "ayesha", "1")
    world.pass_(seconds=GRACE_S - 3)
    assert count(world) == 0


@pytest.mark.parametrize("returns_as", ["1", "2"])
def test_who_returns_within_the_grace_was_never_away(world, returns_as):
    world.members.connect(HIKERS, "ayesha", "1")
    count(world)
    before = world.members.online(HIKERS)
    world.members.connection_lost(HIKERS, "ayesha", "1")
    world.pass_(seconds=GRACE_S - 1)
    world.members.connect(HIKERS, "ayesha", returns_as)
    world.pass_(seconds=2 * GRACE_S)
    assert count(world) == 1
    assert world.members.online(HIKERS) == before
    assert world.news == [(HIKERS, 1)]
    assert [here.connections for here in world.members.people(HIKERS)] == [1]


def test_goodbye_ends_a_grace(world):
    world.members.connect(HIKERS, "ayesha", "1")
    world.members.connection_lost(HIKERS, "ayesha", "1")
    world.members.disconnect(HIKERS, "ayesha", "1")
    assert count(world) == 0


def test_grace_of_a_line_that_is_up_again_is_over(world):
    world.members.connect(HIKERS, "ayesha", "1")
    for _ in range(3):
        world.members.connection_lost(HIKERS, "ayesha", "1")
        world.members.connect(HIKERS, "ayesha", "1")
        world.pass_(seconds=GRACE_S - 1)
    assert count(world) == 1


def test_clock_on_the_wall_ends_no_grace(world):
    world.members.connect(HIKERS, "ayesha", "1")
    world.members.connection_lost(HIKERS, "ayesha", "1")
    world.time.put_right(hours=1)
    assert count(world) == 1
    world.time.put_right(hours=-2)
    world.pass_(seconds=GRACE_S)
    assert count(world) == 0


def test_scopes_do_not_mix(world):
    for scope, person in ((HIKERS, "ayesha"), (RIDERS, "ayesha"), (RIDERS, "babul")):
        world.members.connect(scope, person, "1")
    assert (count(world, HIKERS), count(world, RIDERS)) == (1, 2)
    world.members.disconnect(RIDERS, "ayesha", "1")
    assert (count(world, HIKERS), count(world, RIDERS)) == (1, 1)


def test_settled_count_has_what_was_done_before(world):
    for number in range(1, 4):
        world.members.connect(HIKERS, f"person{number}", "1")
        assert world.members.wait_until_counted(HIKERS, f"person{number}", PATIENCE_S)
        assert world.members.online(HIKERS).count == number
    world.members.disconnect(HIKERS, "person1", "1")
    assert world.members.wait_until_counted(HIKERS, "person1", PATIENCE_S)
    assert world.members.online(HIKERS).count == 2


def test_version_grows_with_each_change_of_the_count_and_with_nothing_else(world):
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


def test_version_of_a_scope_that_was_forgotten_does_not_go_back(world):
    world.members.connect(HIKERS, "ayesha", "1")
    world.pass_(seconds=1)
    world.members.disconnect(HIKERS, "ayesha", "1")
    count(world)
    before = world.members.online(HIKERS)
    world.pass_(seconds=100)
    world.time.put_right(hours=-1)
    assert world.members.online(HIKERS).version >= before.version
    world.members.connect(HIKERS, "ayesha", "1")
    assert count(world) == 1
    assert world.members.online(HIKERS).version > before.version


def test_older_count_changes_nothing(world):
    world.members.connect(HIKERS, "ayesha", "1")
    count(world)
    newest = world.members.online(HIKERS)
    for version in (0, newest.version - 1, newest.version):
        world.members.apply_remote(HIKERS, Online(version, 7))
        assert world.members.online(HIKERS) == newest


def test_people_are_told_since_when_and_with_how_many_lines(world):
    begin_ms = world.time.ms
    world.members.connect(HIKERS, "babul", "1")
    world.pass_(seconds=2)
    world.members.connect(HIKERS, "ayesha", "1")
    world.pass_(seconds=2)
    for tab in "234":
        world.members.connect(HIKERS, "babul", tab)
    world.members.connection_lost(HIKERS, "babul", "2")
    world.members.connection_lost(HIKERS, "ayesha", "1")
    assert world.members.people(HIKERS) == [
        OnlineMember("babul", begin_ms, 3),
        OnlineMember("ayesha", begin_ms + 2000, 0),
    ]
    world.pass_(seconds=GRACE_S)
    assert world.members.people(HIKERS) == [OnlineMember("babul", begin_ms, 3)]


def test_who_left_and_came_again_is_here_since_then(world):
    world.members.connect(HIKERS, "ayesha", "1")
    world.members.disconnect(HIKERS, "ayesha", "1")
    world.pass_(seconds=2)
    world.members.connect(HIKERS, "ayesha", "1")
    assert world.members.people(HIKERS) == [OnlineMember("ayesha", world.time.ms, 1)]


def test_person_may_have_any_name(world):
    names = ["আয়েশা", "a:b:c", "u:1", "", "-1", "a b\n"]
    for name in names:
        world.members.connect(HIKERS, name, "1")
    assert sorted(here.person for here in world.members.people(HIKERS)) == sorted(names)
    for name in names:
        world.members.disconnect(HIKERS, name, "1")
    assert count(world) == 0


def test_thousand_who_came_first_are_told_by_name(world):
    for number in range(MOST_TOLD):
        world.members.connect(HIKERS, f"person{number:04}", "1")
    world.pass_(seconds=1)
    world.members.connect(HIKERS, "a late one", "1")
    assert count(world) == MOST_TOLD + 1
    assert [here.person for here in world.members.people(HIKERS)] == [f"person{n:04}" for n in range(MOST_TOLD)]


def test_count_is_right_after_a_storm(world):
    """Eight threads open and close lines of the same people, each its own."""
    members, people = world.members, [f"person{number}" for number in range(20)]

    def storm(thread: int) -> set[tuple[str, str]]:
        choose, mine = random.Random(thread), set()
        for number in range(200):
            each = (choose.choice(people), f"{thread}-{number % 30}")
            if each in mine:
                members.disconnect(HIKERS, *each)
                mine.remove(each)
            else:
                members.connect(HIKERS, *each)
                mine.add(each)
        return mine

    with ThreadPoolExecutor(8) as pool:
        left = set().union(*pool.map(storm, range(8)))
    world.settle()
    assert world.members.online(HIKERS).count == len({person for person, _ in left})
    lines = {here.person: here.connections for here in world.members.people(HIKERS)}
    assert lines == {person: sum(each == person for each, _ in left) for person, _ in left}
