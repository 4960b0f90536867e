"""The order in which requests get the event loop: in turns, by the network that they come from (decision 80)."""

from __future__ import annotations

from collections import OrderedDict, deque
from functools import partial

from koyjabo.runtime import Runtime, Waiter, await_turn
from koyjabo.server.process.poller import Poller


class Line:
    """The waiting requests of one network. Those that have begun are served first."""

    __slots__ = ("begun", "new")

    def __init__(self) -> None:
        self.begun: deque[Waiter] = deque()
        self.new: deque[Waiter] = deque()


class Turns:
    """One request has a turn, which lasts until it waits for something or ends. Before the next turn, the sockets that
    are ready are served. Networks have their turns one after the other.

    No request is refused, and none waits while the loop is free.
    """

    def __init__(self, runtime: Runtime, poller: Poller) -> None:
        self._runtime = runtime
        self._poller = poller
        self._lines: OrderedDict[str, Line] = OrderedDict()
        self._taken_in = 0  # the pass of the poller in which the last turn began

    def begin(self, network: str, waiter: Waiter | None = None) -> None:
        """Wait for the first turn of the present request, or until somebody else wakes `waiter`. The request then takes
        another turn after each wait.
        """
        self._wait(network, is_new=True, waiter=waiter)
        await_turn.set(partial(self._wait, network, is_new=False))

    def _wait(self, network: str, is_new: bool, waiter: Waiter | None = None) -> None:
        if not self._lines:
            if self._taken_in != self._poller.passes:  # needs no timer, which would cost a tenth of a short request
                self._taken_in = self._poller.passes
                return
            self._runtime.soon(self._begin_next)
        line, waiter = self._lines.setdefault(network, Line()), waiter or self._runtime.waiter()
        (line.new if is_new else line.begun).append(waiter)
        own = await_turn.set(None)  # this wait needs no turn after it
        waiter.wait()
        await_turn.reset(own)

    def _begin_next(self) -> None:
        network, line = self._lines.popitem(last=False)
        waiter = (line.begun or line.new).popleft()
        if line.begun or line.new:
            self._lines[network] = line  # at the end
        if self._lines:
            self._runtime.soon(self._begin_next)
        self._taken_in = self._poller.passes
        waiter.wake()
