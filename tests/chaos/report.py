"""Prints the results: Markdown tables and a verdict."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from statistics import median

from chaos.campaign import Outcome, Recovery
from chaos.group_commit import CLIENTS, MEASURED_DELAY_US
from chaos.journal import Breach, Journal

AT_ONCE = "two at once"
SHORT = 200


def text(name: str, seed: int, outcome: Outcome, journal: Journal) -> str:
    faults = f"Seed {seed}, {outcome.seconds:.0f} s of faults, {sum(outcome.faults.values())} faults."
    parts = (_recoveries(outcome.faults, outcome.recoveries), _figures(outcome, journal), _breaches(journal))
    return "\n\n".join([f"## {name}", faults, *("\n".join(part) for part in parts)])


def table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> list[str]:
    lines = [head, tuple("---" for _ in head), *rows]
    return [f"| {' | '.join(map(str, line))} |" for line in lines]


def _recoveries(faults: Counter[str], recoveries: list[Recovery]) -> list[str]:
    by_kind: dict[str, list[Recovery]] = defaultdict(list)
    for recovery in recoveries:
        by_kind[recovery.kinds[0] if len(recovery.kinds) == 1 else AT_ONCE].append(recovery)
    rows = [(kind, faults.get(kind, 0), *_times(by_kind[kind])) for kind in sorted(faults)]
    if by_kind[AT_ONCE]:
        rows.append((f"of these, {AT_ONCE}", len(by_kind[AT_ONCE]), *_times(by_kind[AT_ONCE])))
    head = ("fault", "times", "until all are counted: median, worst, s", "until all pages show it: median, worst, s")
    return table(head, rows)


def _times(recoveries: list[Recovery]) -> tuple[str, str]:
    return _middle_and_worst([recovery.acknowledged_s for recovery in recoveries]), _middle_and_worst(
        [recovery.agreed_s for recovery in recoveries]
    )


def _middle_and_worst(times_s: list[float]) -> str:
    return f"{median(times_s):.2f}, {max(times_s):.2f}" if times_s else "–"


def _figures(outcome: Outcome, journal: Journal) -> list[str]:
    rows: list[tuple[object, ...]] = [
        ("visits acknowledged", f"{journal.counts['visits acknowledged']:,}"),
        ("of these lost", journal.counts["visits lost"]),
    ]
    rows += [
        (name, f"{times:,}")
        for name, times in sorted(journal.counts.items())
        if name not in ("visits acknowledged", "visits lost")
    ]
    before, after = outcome.before[1:], outcome.after[1:]
    megabytes = (max(usage.megabytes for usage in before), max(usage.megabytes for usage in after), outcome.most_mb)
    rows += [
        ("presence right after people kept still: median, worst, s", _middle_and_worst(outcome.presence_s)),
        ("from SIGTERM until it has left: median, worst, s", _middle_and_worst(outcome.exits_s)),
        ("MB of workers: after the warm-up, at the end, ever", ", ".join(f"{megabyte:.0f}" for megabyte in megabytes)),
        (
            "files of workers without clients: after the warm-up, at the end",
            f"{max(usage.files for usage in before)}, {max(usage.files for usage in after)}",
        ),
        ("age of the oldest worker at the end, s", f"{max(usage.age_s for usage in after):.0f}"),
    ]
    if outcome.commits is not None:
        rows.append((f"commits of {CLIENTS} visits that waited together", outcome.commits))
    if outcome.sync_delay is not None:
        without, delayed = outcome.sync_delay
        what = f"visits a second, and with each sync {MEASURED_DELAY_US // 1000} ms longer"
        rows.append((what, f"{without:,.0f}, {delayed:,.0f}"))
    rows += [("NOT TESTED", what) for what in outcome.missing]
    return table(("", ""), rows)


def _breaches(journal: Journal) -> list[str]:
    if not journal.breaches:
        return ["No invariant was breached."]
    return [f"**{journal.counts['breaches']} BREACHES**", "", *map(_at_length, journal.breaches)]


def in_short(breach: Breach) -> str:
    """One line about a breach."""
    line = _at_length(breach).replace("\n", " ")
    return line if len(line) <= SHORT else line[: SHORT - 1] + "…"


def _at_length(breach: Breach) -> str:
    return f"- at {breach.at_s:.1f} s, after {', '.join(breach.after) or 'nothing'}: {breach.what}"
