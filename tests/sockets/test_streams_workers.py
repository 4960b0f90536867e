"""Streams on several workers."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from support.event_source import StreamListener, of_community
from support.members import Member, PlainMember
from support.workers import only, two_workers


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database, redis):
    return two_workers(module_servers(module_sqlite_database, REDIS_URL=redis.url))


def test_streams_on_every_worker_hear_visits_and_people_of_the_other(server):
    founder = Member(server)
    community = founder.found()
    with ExitStack() as stack:
        streams, rooms = [], []
        for number, worker in enumerate(server.workers()):
            member = founder if number == 0 else Member(server).join(community)
            with only(server, worker):
                streams.append(stack.enter_context(StreamListener(server.port)))
                rooms.append(stack.enter_context(StreamListener(server.port, of_community(community), member.token)))
        for _ in range(4):
            total = server.register("ayesha").ordinal
            for stream in streams:
                stream.wait_for_total(total)
        for room in rooms:
            room.wait_for_count(2)
        with PlainMember(server.port, community, Member(server).join(community).token):
            for room in rooms:
                room.wait_for_count(3)
        for room in rooms:
            room.wait_for_count(2)
            room.assert_adds_up()
