"""One pass serves sockets for a limited time, and the next one continues with the others, in rotation by network."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from support.application.runtimes import loop_on, pause_until

from koyjabo.server.loop import poller
from koyjabo.server.loop.poller import READ_EVENT, Poller


class Files:
    """Socket pairs that a poller watches. `served` has the names of files, in the order of their service."""

    def __init__(self, loop, stack: ExitStack) -> None:
        self.poller, self.served, self._stack, self._loop = Poller(loop), [], stack, loop
        self.ours: dict[str, socket.socket] = {}

    def add(self, name: str, network: str, size: int = 1) -> None:
        """Watch a file that is readable `size` times."""
        self.ours[name], theirs = map(self._stack.enter_context, socket.socketpair())
        self.ours[name].setblocking(False)

        def ready(events: int) -> None:
            self.served.append(name)
            self.ours[name].recv(1)

        theirs.send(b"x" * size)
        self.poller.add(self.ours[name].fileno(), SimpleNamespace(network=network, ready=ready), READ_EVENT)

    def wait(self, count: int) -> list[str]:
        pause_until(self._loop, lambda: len(self.served) >= count)
        return self.served


@pytest.fixture
def files(monkeypatch) -> Iterator[Files]:
    """Each pass has time for one file."""
    monkeypatch.setattr(poller, "SOCKETS_PASS_S", 0)
    with loop_on() as loop, ExitStack() as stack:
        files = Files(loop, stack)
        yield files
        for sock in files.ours.values():
            files.poller.remove(sock.fileno())


def test_the_sockets_of_different_networks_are_served_in_rotation(files):
    for number in range(20):
        files.add(f"a{number}", "a", size=5)
    files.add("b", "b", size=3)
    first = files.wait(12)[:12]
    assert first.count("b") == 3
    assert len({name for name in first if name != "b"}) == 9, "files of one network are served in rotation"


def test_requests_run_between_passes(files):
    """A request that arrives does not wait until all sockets are served."""
    for number in range(20):
        files.add(f"a{number}", "a")
    served = files.served
    files._loop.soon(lambda: served.append("request"))
    assert "request" in files.wait(21)[:4]


def test_a_new_file_does_not_get_the_events_of_a_removed_file_with_the_same_descriptor(files):
    for name in "abc":
        files.add(name, "a")
    files.poller._serve()  # one of them; the others wait
    (first,) = files.served
    gone = "c" if first != "c" else "b"
    fd = files.ours[gone].fileno()
    files.poller.remove(fd)
    files.ours[gone].close()
    files.add("silent", "a", size=0)
    assert files.ours["silent"].fileno() == fd
    files.add("last", "a")
    assert set(files.wait(3)) == {"a", "b", "c", "last"} - {gone}
