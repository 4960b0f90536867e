"""A server whose clocks a test moves, to check how long a visit was attended."""

from __future__ import annotations

import json
from pathlib import Path
from struct import pack

from support.databases.database import Database
from support.faults.shared_numbers import SharedNumber
from support.programs.processes import wait_until
from support.servers.changed_server import ChangedServer

SLACK_MS = 30_000  # time that a test may take on a busy machine


class Timed:
    """A server whose clocks a test can advance, and which writes spans almost immediately."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self._clocks = [SharedNumber(folder / name) for name in ("clock", "elapsed")]
        (folder / "ahead").write_bytes(pack("=q", 0))
        changed = json.dumps({"koyjabo.counting.evidence.attendance_writer.WRITE_ATTENDANCE_S": 0.05})
        wall, elapsed = (clock.path for clock in self._clocks)
        clocks = {"CLOCK": wall, "ELAPSED": elapsed, "AHEAD": folder / "ahead"}
        self.server = ChangedServer(database, folder, CHANGES=changed, **clocks)
        self.server.ahead = folder / "ahead"
        self.server.start()

    def pass_(self, seconds: float) -> None:
        for clock in reversed(self._clocks):  # monotonic clock first: otherwise the wall clock appears to jump forward
            clock.set(clock.get() + round(1000 * seconds))
        self.server.pass_(seconds)

    def visit(self, visit: str) -> tuple[int, bool]:
        row = f"SELECT attended_ms, acted FROM visits WHERE visit_id = '{visit}'"
        ((attended_ms, acted),) = self.database.rows(row)
        return attended_ms or 0, bool(acted)

    def has(self, visit: str, seconds: float, acted: bool) -> bool:
        """Whether a visit has been attended for this long, with or without an action."""
        attended_ms, has_acted = self.visit(visit)
        return attended_ms >= 1000 * seconds and has_acted == acted

    def wait_for(self, visit: str, seconds: float, acted: bool = False) -> None:
        """Wait until a visit has been attended for this long."""
        wait_until(lambda: self.has(visit, seconds, acted), f"{visit}: {seconds} s, {acted}")
        attended_ms, has_acted = self.visit(visit)
        assert (attended_ms < 1000 * seconds + SLACK_MS, has_acted) == (True, acted), attended_ms
