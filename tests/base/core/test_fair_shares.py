"""Fair shares of what waits: a flood from one network displaces nothing of another network."""

import random
from collections import Counter

from koyjabo.base.core.fair_shares import FairShares


def test_memory_of_an_owner_keeps_the_newest_entries():
    memory: FairShares[int] = FairShares(100, 2, lambda *_: None, keeps_newest=True)
    for number in range(5):
        memory.add("network", "ayesha", number, number)
    assert memory.of("ayesha") == [3, 4]
    assert len(memory) == 2


def test_repetition_takes_no_room_and_an_owner_has_a_limit():
    dropped: list[tuple[str, bool]] = []
    shares: FairShares[int] = FairShares(100, 2, lambda *lost: dropped.append(lost))
    for _ in range(50):
        for key in ("a", "b", "c"):
            shares.add("network", "ayesha", key, 1)
    assert shares.of("ayesha") == [1, 1]
    assert (len(shares), dropped) == (2, [("ayesha", True)] * 50)


def test_networks_are_served_in_rotation():
    shares: FairShares[int] = FairShares(100, 10, print)
    for network in "aaabbc":
        shares.add(network, f"{network}{len(shares)}", None, 0)
    assert [kept.owner for kept in shares.take(4, 9)] == ["a0", "b3", "c5", "a1"]
    assert [kept.owner for kept in shares.take(4, 9)] == ["b4", "a2"]
    for network in "ddde":
        shares.add(network, f"{network}{len(shares)}", None, 0)
    assert [kept.owner for kept in shares.take(9, 2)] == ["d0", "e3", "d1"], "at most two of one network"


def test_entries_that_are_given_back_come_first():
    shares: FairShares[int] = FairShares(100, 10, print)
    for number in range(4):
        shares.add("a", "ayesha", number, number)
    taken = shares.take(2, 9)
    shares.add("a", "ayesha", 1, 10)
    shares.give_back(taken)
    assert [kept.entry for kept in shares.take(9, 9)] == [0, 2, 3, 10]


def test_after_random_changes_the_largest_network_still_loses_its_oldest_entry():
    chooser, known = random.Random(7), {}  # by owner and key: the network, oldest first
    shares: FairShares[int] = FairShares(20, 20, print)
    for number in range(3000):
        network, owner, key = chooser.choice("aaabcdef"), chooser.choice("uvwxyz"), number % 9
        match chooser.randrange(8):
            case 0:
                for kept in shares.take(chooser.randrange(4), 9):
                    del known[kept.owner, kept.key]
            case 1:
                shares.forget(owner)
                known = {name: network for name, network in known.items() if name[0] != owner}
            case _:
                shares.add(network, owner, key, number)
                known.setdefault((owner, key), network)
        lost = [name for name in known if shares.get(*name) is None]
        assert len(lost) == max(0, len(known) - 20)
        for name in lost:
            sizes = Counter(known.values())
            assert sizes[known[name]] == max(sizes.values())
            assert name == next(other for other, network in known.items() if network == known[name])
            del known[name]
        assert len(shares) == len(known)
