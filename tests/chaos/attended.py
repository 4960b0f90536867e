"""Checks that no attended time was counted twice, even if workers were killed while they measured it."""

from __future__ import annotations

from collections import defaultdict

from chaos.faults import FROZEN_S
from chaos.journal import Journal, Visit
from chaos.world import World
from koyjabo.counting.evidence.attendance import WRITE_S
from koyjabo.counting.evidence.spans import Span, union

ATTENDED = "SELECT visitor_id, visit_id, attended_ms FROM visits WHERE visit_id = 'open'"
SLACK_MS = 2_000
"""How much later than its client the server may notice that a connection has ended, ms."""

CLOCK_FAULTS = {"clock steps", "midnight"}


def check_attended(world: World) -> None:
    """Check the times of all pages. Call it when the server has left, and has written them."""
    spans: dict[Visit, list[Span]] = defaultdict(list)
    for page in world.pages:
        spans[page.visit] += [(round(1000 * began), round(1000 * ended)) for began, ended in page.line.times_open]
    rows = world.database.rows(ATTENDED)
    check_times(world.journal, {(visitor, visit): attended_ms or 0 for visitor, visit, attended_ms in rows}, spans)


def check_times(journal: Journal, attended_ms: dict[Visit, int], spans: dict[Visit, list[Span]]) -> None:
    """Check that each visit was attended, and for no longer than one of its pages was open.

    If the clock is set, each worker follows within WRITE_S, or after it was frozen. Until then, time on two workers may
    count twice.
    """
    steps = sum(fault in CLOCK_FAULTS for fault in journal.faults)
    for visit, parts in spans.items():
        open_ms, counted_ms = sum(ended - began for began, ended in union(parts)), attended_ms.get(visit, 0)
        journal.note("seconds that pages of visits were open", open_ms // 1000)
        journal.note("seconds of these attended", counted_ms // 1000)
        if not 0 < counted_ms <= open_ms + SLACK_MS * len(parts) + steps * 1000 * (WRITE_S + FROZEN_S[1]):
            journal.breach(f"{visit} was open for {open_ms} ms, and attended for {counted_ms}")
