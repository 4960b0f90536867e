"""Fair queueing: shares the event loop fairly among the networks that requests come from (decision 80)."""

import time
from collections import OrderedDict, deque
from functools import partial

from koyjabo.base.core.runtime import Runtime, Waiter, await_slot
from .poller import Poller

SHARE_S = 0.001
"""How long slots may follow each other before sockets are served, s. Serving sockets after every slot would make short
requests a quarter slower.
"""

REST_FOR_SOCKETS = 3
"""While ready sockets wait, they get this many times as long as the slots before: their requests may be short ones of
other networks.
"""


class NetworkQueue:
    """The waiting requests of one network. Requests that have already begun continue first."""

    __slots__ = ("begun", "new")

    def __init__(self) -> None:
        self.begun: deque[Waiter] = deque()
        self.new: deque[Waiter] = deque()


class FairQueue:
    """Gives requests slots, one at a time. A slot lasts until its request waits for something or ends. Networks get
    slots in rotation.

    Sockets that are ready are served before the next slot, unless the slots since sockets were last served took less
    than SHARE_S in total. While ready sockets wait for the next pass, so does a request, because those sockets
    may have requests of other networks. No request is refused, and none waits while the loop is free.
    """

    def __init__(self, runtime: Runtime, poller: Poller) -> None:
        self._runtime = runtime
        self.poller = poller
        self._queues: OrderedDict[str, NetworkQueue] = OrderedDict()
        self._pass = 0  # the poller pass when slots were last handed out
        self._since = 0.0  # when the first of them began, monotonic s
        self._rests_until = 0.0  # monotonic s
        self._is_due = False

    def begin(self, network: str, waiter: Waiter | None = None) -> None:
        """Wait for the current request's first slot, or until `waiter` is woken. After each later wait, the request
        needs another slot.
        """
        self._wait(network, is_new=True, waiter=waiter)
        await_slot.set(partial(self._wait, network, is_new=False))

    def _wait(self, network: str, is_new: bool, waiter: Waiter | None = None) -> None:
        if not self._queues and not self.poller.is_behind and self._has_time():
            return
        queue, waiter = self._queues.setdefault(network, NetworkQueue()), waiter or self._runtime.waiter()
        (queue.new if is_new else queue.begun).append(waiter)
        self._begin_soon()
        own = await_slot.set(None)  # no slot is needed after this wait
        waiter.wait()
        await_slot.reset(own)

    def _has_time(self) -> bool:
        """Whether another slot may begin before sockets are served."""
        if self._pass == self.poller.passes:
            return time.monotonic() - self._since < SHARE_S
        self._pass, self._since = self.poller.passes, time.monotonic()
        return True

    def _begin_soon(self) -> None:
        if self._queues and not self._is_due:
            self._is_due = True
            self._runtime.soon(self._begin_next)

    def _begin_next(self) -> None:
        self._is_due = False
        began = time.monotonic()
        if self.poller.is_behind and began < self._rests_until:
            self._begin_soon()
            return
        self._pass, self._since = self.poller.passes, began
        while self._queues:
            network, queue = self._queues.popitem(last=False)
            waiter = (queue.begun or queue.new).popleft()
            if queue.begun or queue.new:
                self._queues[network] = queue  # at the end
            waiter.wake()
            if not self._has_time():
                break
        ended = time.monotonic()
        self._rests_until = ended + REST_FOR_SOCKETS * (ended - began)
        self._begin_soon()
