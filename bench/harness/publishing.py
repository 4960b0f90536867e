"""What one message costs Redis, by how many listen: a part for the message, and a part for each listener."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import redis as client

from harness import proc

CHANNEL = "bench"
THEIRS = "flask-socketio"
"""Where the workers talk (koyjabo/realtime/message_bus.py)."""

AROUND_BYTES = len("*3\r\n$7\r\nmessage\r\n$14\r\nflask-socketio\r\n$600\r\n\r\n")
MESSAGES = 2000
FEW, MANY = 2, 102
MESSAGE_BYTES = 600
"""About as long as what workers tell each other of the site."""


@dataclass(frozen=True)
class Publishing:
    message_us: float
    listener_us: float


def publishing(port: int, pid: int) -> Publishing:
    few, many = (_message_us(port, pid, listeners) for listeners in (FEW, MANY))
    listener_us = (many - few) / (MANY - FEW)
    return Publishing(few - FEW * listener_us, listener_us)


@contextmanager
def overheard(port: int) -> Iterator[list[int]]:
    """How long what workers tell each other is on the wire, bytes; complete when the block has ended."""
    lengths: list[int] = []
    with client.Redis(port=port) as redis, redis.pubsub(ignore_subscribe_messages=True) as line:
        line.subscribe(THEIRS)
        line.get_message(timeout=1)
        yield lengths
        while (said := line.get_message(timeout=0.5)) is not None:
            lengths.append(len(said["data"]) + AROUND_BYTES)


def _message_us(port: int, pid: int, listeners: int) -> float:
    with ExitStack() as stack:
        redis = stack.enter_context(client.Redis(port=port))
        ready = [threading.Event() for _ in range(listeners)]
        threads = [threading.Thread(target=_listen, args=(port, is_ready)) for is_ready in ready]
        for thread, is_ready in zip(threads, ready, strict=True):
            thread.start()
            is_ready.wait(10)
        before = proc.cpu_us(pid)
        for _ in range(MESSAGES):
            redis.publish(CHANNEL, "x" * MESSAGE_BYTES)
        redis.publish(CHANNEL, "")
        for thread in threads:
            thread.join()
        return (proc.cpu_us(pid) - before) / MESSAGES


def _listen(port: int, is_ready: threading.Event) -> None:
    """To an empty message."""
    with client.Redis(port=port) as redis, redis.pubsub() as line:
        line.subscribe(CHANNEL)
        for message in line.listen():
            is_ready.set()
            if message["type"] == "message" and not message["data"]:
                return
