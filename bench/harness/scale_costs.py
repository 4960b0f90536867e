"""The model's costs, out of what `bench/asks.py` has measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.crowds import PLAIN, SOCKET_IO
from harness.scale_model import Costs

WORKERS = 2
OWN, OTHER = "worker 0 CPU µs", "worker 1 CPU µs"


def read(path: Path) -> Costs:
    return costs_of(json.loads(path.read_text()))


def costs_of(asks: dict[str, Any]) -> Costs:
    """`asks` are `harness.asks_run.Asks`, as JSON."""
    each = {name: ask["each"] for name, ask in asks["asks"].items()}
    alone, crowd, closed = each["visit alone"], each["visit in a crowd"], each["socket closed"]
    opened = _mean(each[f"socket, {PLAIN}"], each[f"socket, {SOCKET_IO}"])
    facts, idle, spoken = asks["facts"], asks["idle"], asks["publishing"]
    message_us = spoken["message_us"] + WORKERS * spoken["listener_us"]
    script_us = (alone["Redis CPU µs"] - alone["Redis publish"] * message_us) / alone["Redis evalsha"]
    sql_commit_us, sql_visit_us = parted(alone, crowd, "PostgreSQL CPU µs")
    wal_commit, wal_visit = parted(alone, crowd, "PostgreSQL WAL bytes")
    return Costs(
        visit_us=max(alone[OWN], alone[OTHER]),
        open_us=_workers(opened),
        close_us=_workers(closed),
        ping_us=_workers(each["ping"]),
        renewal_us=_workers(each["renewal of a page"]),
        frame_us=_workers(each["frame of a push"]),
        hear_us=min(alone[OWN], alone[OTHER]) / alone["Redis publish"],
        worker_us=_workers(idle) / WORKERS,
        worker_mb=facts["worker MB"],
        page_kb=facts["worker KB a visitor"] + _mean_fact(facts, "worker KB a page, {}"),
        update_bytes=facts["bytes of an update"],
        message_bytes=facts["bytes of a message"],
        messages_a_visitor=_messages(each),
        redis_visitor_us=each["visitor alone"]["Redis evalsha"] * script_us,
        redis_renewal_us=max(0.0, each["renewal of a page"]["Redis CPU µs"]),
        redis_worker_us=max(0.0, idle["Redis CPU µs"] - facts["Redis CPU µs a second, without workers"]) / WORKERS,
        redis_message_us=spoken["message_us"],
        redis_listener_us=spoken["listener_us"],
        redis_visitor_bytes=facts["Redis bytes a visitor"],
        member_us=_workers(each["member for a second"]),
        member_moves_us=_workers(each["member comes"]) + _workers(each["member goes"]),
        redis_member_us=max(0.0, each["member for a second"]["Redis CPU µs"]),
        redis_member_moves_us=each["member comes"]["Redis CPU µs"] + each["member goes"]["Redis CPU µs"],
        sql_commit_us=sql_commit_us,
        sql_visit_us=sql_visit_us,
        sql_worker_us=idle["PostgreSQL CPU µs"] / WORKERS,
        sql_connections=facts["PostgreSQL connections a worker"],
        # With two workers half of the sockets open where their visit was registered; with many, hardly one.
        sql_open_us=WORKERS * max(0.0, opened["PostgreSQL CPU µs"]),
        sql_member_us=each["member comes"]["PostgreSQL CPU µs"],
        wal_commit_bytes=wal_commit,
        wal_visit_bytes=wal_visit,
        visit_row_bytes=facts["bytes a row of visits"],
        visitor_row_bytes=facts["bytes a row of visitors"],
    )


def parted(alone: dict[str, float], crowd: dict[str, float], name: str) -> tuple[float, float]:
    """What a batch takes, and each visit in it: alone is a batch of one, and in the crowd there are several in each."""
    share = crowd["PostgreSQL commits that write"]
    visit = max(0.0, (crowd[name] - share * alone[name]) / (1 - share))
    return alone[name] - visit, visit


def _workers(figures: dict[str, float]) -> float:
    return max(0.0, figures[OWN] + figures[OTHER])


def _messages(each: dict[str, dict[str, float]]) -> float:
    """Of one who comes and goes while others do: then workers also tell what Redis has told them of each other."""
    alone = each["visitor alone"]["Redis publish"]
    return max(alone, *(figures["Redis publish"] for name, figures in each.items() if name.endswith("a second")))


def _mean(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {name: (one[name] + other[name]) / 2 for name in one}


def _mean_fact(facts: dict[str, float], name: str) -> float:
    return sum(facts[name.format(kind)] for kind in (PLAIN, SOCKET_IO)) / 2
