"""Strangers who ask a server for logins, as many and as fast as it lets them."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from threading import Thread

LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)")


class LoginFlood:
    """`connections` from each address, which log in to `emails` with made-up passwords. `*` in an email stands for a
    number that differs each time.
    """

    def __init__(self, port: int, addresses: Sequence[str], *emails: str, connections: int = 3) -> None:
        self.statuses: Counter[int] = Counter()
        self._port = port
        self._addresses = [address for address in addresses for _ in range(connections)]
        self._emails = emails
        self._numbers = count()
        self._loop = asyncio.new_event_loop()

    @contextmanager
    def running(self) -> Iterator[LoginFlood]:
        thread = Thread(target=self._loop.run_until_complete, args=[self._all()], daemon=True)
        thread.start()
        yield self
        self._loop.call_soon_threadsafe(self._stop.set)
        thread.join(timeout=30)

    async def _all(self) -> None:
        self._stop = asyncio.Event()
        tasks = [asyncio.create_task(self._one(address)) for address in self._addresses]
        await self._stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(self, address: str) -> None:
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                while True:
                    writer.write(self._request(address))
                    head = await reader.readuntil(b"\r\n\r\n")
                    await reader.readexactly(int(LENGTH.search(head)[1]))
                    status = int(head.split(b" ", 2)[1])
                    self.statuses[status] += 1
                    await asyncio.sleep(0.5 if status in (429, 503) else 0)
            await asyncio.sleep(0.5)

    def _request(self, address: str) -> bytes:
        number = next(self._numbers)
        email = self._emails[number % len(self._emails)].replace("*", str(number))
        body = json.dumps({"email": email, "password": f"guess number {number}"}).encode()
        head = (
            f"POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {address}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body
