"""What is said of broadcasts: a table for each number of connections, and how the ratios stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from harness import pushers as who
from harness.broadcasts import Stage, Turn
from harness.http_beside import Reading
from harness.pushers import Pusher
from harness.tables import NO_WORSE, Report, Target
from harness.versions import Version

FEW, MANY = 1_000, 10_000


@dataclass(frozen=True)
class Result:
    """What remains of a stage when it is over."""

    turns: tuple[Turn, ...]
    connect_us: float
    idle_kb: float
    later_kb: float
    lost: int
    deflated: int

    @property
    def cpu_us(self) -> float:
        return median(turn.cpu_us for turn in self.turns)


Results = Mapping[str, Result]  # by the name of the pusher


def result(stage: Stage) -> Result:
    counts = stage.crowd.counts()
    return Result(
        tuple(stage.turns), stage.connect_us, stage.idle_kb, stage.kb_a_connection(), counts.lost, counts.deflated
    )


def say_results(report: Report, size: int, results: Results) -> None:
    head = (
        "",
        "CPU µs/frame",
        "least-most",
        "last client ms",
        "least-most",
        "KB/connection",
        "later",
        "CPU µs/connect",
        "",
    )
    report.say(f"{size:,} open connections")
    report.table(head, [_row(name, seen) for name, seen in results.items()])


def _row(name: str, seen: Result) -> list[str]:
    last = [turn.last_ms for turn in seen.turns]
    return [
        name,
        f"{seen.cpu_us:.2f}",
        _spread([turn.cpu_us for turn in seen.turns], 2),
        f"{median(last):.1f}",
        _spread(last, 1),
        f"{seen.idle_kb:.1f}",
        f"{seen.later_kb:.1f}",
        f"{seen.connect_us:.0f}",
        _trouble(seen),
    ]


def _spread(values: Sequence[float], digits: int) -> str:
    return f"{min(values):.{digits}f}-{max(values):.{digits}f}"


def _trouble(seen: Result) -> str:
    counts = {
        "updates missing": sum(turn.missing for turn in seen.turns),
        "updates too many": sum(turn.extra for turn in seen.turns),
        "connections lost": seen.lost,
        "connections compress": seen.deflated,
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def pairs(before: Version | None) -> list[tuple[Pusher, Pusher]]:
    """This version and the one before, with each kind of socket."""
    return list(zip((who.OURS, who.OURS_PLAIN), who.of_version(before), strict=True)) if before else []


def targets(size: int, results: Results, floor: Pusher, pairs: Sequence[tuple[Pusher, Pusher]]) -> list[Target]:
    """Those that the results are there for. A ratio is the median of its rounds' ratios: both had the same weather."""
    wanted = [
        _ratio(size, results, who.OURS, floor, most=1.6),
        _ratio(size, results, who.OURS_PLAIN, floor, most=1.6),
        _ratio(size, results, who.OURS_STREAMS, floor, most=1.6),
        _ratio(size, results, who.CHANNELS, who.OURS, least=15),
        _ratio(size, results, who.STOCK, who.OURS, least=2.5),
        _ratio(size, results, who.NODE_SOCKET_IO, who.OURS, least=1.5 if size >= MANY else 1.0),
    ]
    if size >= MANY:
        wanted += [
            _memory(size, results, who.OURS, 5.0),
            _memory(size, results, who.OURS_PLAIN, 1.5),
            _memory(size, results, who.OURS_DEFLATE, 1.5),
            _memory(size, results, who.OURS_STREAMS, 1.5),
        ]
    wanted += [_ratio(size, results, ours, theirs, most=NO_WORSE) for ours, theirs in pairs]
    return [target for target in wanted if target] + list(_grown(size, results, pairs))


def _grown(size: int, results: Results, pairs: Sequence[tuple[Pusher, Pusher]]) -> Iterator[Target]:
    for ours, theirs in pairs:
        if ours.name in results and theirs.name in results:
            ratio = results[ours.name].idle_kb / max(results[theirs.name].idle_kb, 1e-9)
            yield Target(f"{size:,}: memory/connection, {ours.name} / {theirs.name}", ratio, most=NO_WORSE)


def http_targets(readings: Sequence[Reading], pairs: Sequence[tuple[Pusher, Pusher]]) -> list[Target]:
    older = {theirs.name for _, theirs in pairs}
    wanted = [
        Target(f"{seen.connections:,}: GET /api/stats beside {seen.name}, p99", seen.p99_ms, most=15, unit="ms")
        for seen in readings
        if seen.connections >= MANY and seen.name not in older
    ]
    p99_ms = {(seen.connections, seen.name): seen.p99_ms for seen in readings}
    for (size, name), took_ms in p99_ms.items():
        for theirs in (theirs.name for ours, theirs in pairs if ours.name == name):
            if (size, theirs) in p99_ms:
                what = f"{size:,}: GET /api/stats beside {name} / {theirs}, p99"
                wanted.append(Target(what, took_ms / p99_ms[size, theirs], most=NO_WORSE))
    return wanted


def _ratio(size: int, results: Results, over: Pusher, under: Pusher, **bounds: float) -> Target | None:
    if over.name not in results or under.name not in results:
        return None
    pairs = zip(results[over.name].turns, results[under.name].turns, strict=True)
    ratio = median(one.cpu_us / max(other.cpu_us, 1e-9) for one, other in pairs)
    return Target(f"{size:,}: CPU/frame, {over.name} / {under.name}", ratio, **bounds)


def _memory(size: int, results: Results, pusher: Pusher, most: float) -> Target | None:
    if pusher.name not in results:
        return None
    return Target(f"{size:,}: memory/connection, {pusher.name}", results[pusher.name].idle_kb, most=most, unit="KB")
