"""What was asked, in tables: one of each, and a thousand visitors as they come."""

from __future__ import annotations

from collections.abc import Mapping

from harness.asks_run import Asks
from harness.crowds import PLAIN, SOCKET_IO
from harness.meters import Figures
from harness.tables import Report

WORKER = ("worker 0 CPU µs", "worker 1 CPU µs")
COLUMNS = (
    ("worker µs", WORKER),
    ("Redis µs", ("Redis CPU µs",)),
    ("scripts", ("Redis evalsha",)),
    ("messages", ("Redis publish",)),
    ("KB to Redis", ("Redis bytes in",)),
    ("KB from it", ("Redis bytes out",)),
    ("SQL µs", ("PostgreSQL CPU µs",)),
    ("transactions", ("PostgreSQL transactions",)),
    ("that write", ("PostgreSQL commits that write",)),
    ("rows written", ("PostgreSQL rows written",)),
    ("KB of WAL", ("PostgreSQL WAL bytes",)),
)
VISITOR = (("visit alone", 1.0), ("half", 1.0), ("socket closed", 1.0), ("ping", 24.0), ("renewal of a page", 4.0))
"""What a visitor asks who comes, stays for 10 minutes and goes: plain and Socket.IO in halves."""


def say_asks(report: Report, asks: Asks) -> None:
    report.say("One of each, over both workers; what is asked without visitors is left out")
    rows = [_row(f"{name} (of {ask.count:,.0f})", ask.each) for name, ask in asks.asks.items()]
    rows.append(_row("no visitors, a second of both workers", asks.idle))
    report.table(("", *(name for name, _ in COLUMNS)), rows)
    report.say("A thousand visitors, each of whom comes, stays for 10 minutes and goes")
    report.table(("", *(name for name, _ in COLUMNS)), [_row("1,000 visitors", thousand(asks), digits=0)])
    assert asks.publishing is not None
    facts = {
        **asks.facts,
        "Redis µs a message": asks.publishing.message_us,
        "Redis µs a listener of a message": asks.publishing.listener_us,
    }
    report.table(("", ""), [[name, f"{value:,.2f}"] for name, value in facts.items()])


def thousand(asks: Asks) -> Figures:
    each = {name: ask.each for name, ask in asks.asks.items()}
    plain, socket_io = each[f"socket, {PLAIN}"], each[f"socket, {SOCKET_IO}"]
    each["half"] = {name: (plain[name] + socket_io[name]) / 2 for name in plain}
    return {name: 1000 * sum(times * each[what][name] for what, times in VISITOR) for name in plain}


def _row(what: str, figures: Mapping[str, float], digits: int = 2) -> list[str]:
    cells = [what]
    for column, names in COLUMNS:
        value = sum(figures[name] for name in names) / (1e3 if column.startswith("KB") else 1)
        cells.append(f"{round(value, digits) + 0.0:,.{digits}f}")
    return cells
