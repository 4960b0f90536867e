"""What a server reads from its own machine, with its distortions: a disk, a file of cities, and the clock."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from mmdb_writer import MMDBWriter
from netaddr import IPSet
from support.databases.database import SqliteDatabase
from support.faults.disks import slow_disk, small_disk
from support.faults.distorted_line import DELAY_S
from support.faults.shared_numbers import SharedNumber
from support.servers.changed_server import ChangedServer
from support.servers.server import Server

from matrix.behind import ANOTHER, CLOSES, FULL, GONE, PASSWORD, PROTOCOL, READ_ONLY, REFUSES, SILENT, SLOW
from matrix.behind_faults import Behind

BANGLADESH = "103.4.145.245"
DAY_MS, YEARS_MS = 86_400_000, 84 * 365 * 86_400_000


class OnDisk(Behind):
    """A SQLite file on a small disk."""

    def set_up(self) -> None:
        self.disk = self.stack.enter_context(small_disk(self.folder / "disk", "size=8m"))
        assert self.disk, "this user may not mount a disk"
        self.path, self.kept, self.filler = (self.disk / name for name in ("koyjabo.db", "kept", "filler"))
        self.database = SqliteDatabase.migrated(self.path)
        self.delay, preload = slow_disk(self.folder)
        self.settings |= preload if self.how == SLOW else {}

    def distort(self) -> None:
        if self.how == SLOW:
            self.delay.set(int(DELAY_S * 1_000_000))
        elif self.how == SILENT:
            self.lock = ExitStack()
            self.lock.enter_context(self.database.locked())
        elif self.how == FULL:
            with suppress(OSError):
                self.filler.write_bytes(bytes(8 << 20))
        elif self.how == READ_ONLY:
            self._remount("ro")
        elif self.how == ANOTHER:
            self.database.go_back(self.remembered)
        else:
            self._move(self.disk, self.kept)
            if self.how == REFUSES:
                self.path.mkdir()
            elif self.how in (PROTOCOL, PASSWORD):
                self.path.write_bytes(b"not a database\n" * 999 if self.how == PROTOCOL else os.urandom(99_999))

    def mend(self) -> None:
        if self.how == SILENT:
            self.lock.close()
        elif self.how == FULL:
            self.filler.unlink()
        elif self.how == READ_ONLY:
            self._remount("rw")
        elif self.how not in (SLOW, ANOTHER):
            for path in self._database(self.disk):
                path.rmdir() if path.is_dir() else path.unlink()
            self._move(self.kept, self.disk)

    def _move(self, source: Path, target: Path) -> None:
        target.mkdir(exist_ok=True)
        for path in self._database(source):
            path.rename(target / path.name)

    @staticmethod
    def _database(folder: Path) -> list[Path]:
        """The database and its log. The lock file stays: it remembers the total."""
        return [path for path in folder.glob("koyjabo.db*") if path.suffix != ".lock"]

    def _remount(self, how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", self.disk], check=True)


class WithCities(Behind):
    """A database of cities, which is mapped into memory."""

    def set_up(self) -> None:
        self.file = self.folder / "cities.mmdb"
        self._write("Dhaka")
        self.settings |= {"GEOIP_DATABASE": self.file, "TRUSTED_PROXIES": 1}

    def _write(self, city: str) -> None:
        writer = MMDBWriter(6, ipv4_compatible=True, database_type="City" if city else "ASN")
        record = {"city": city, "country_code": "BD"} if city else {"autonomous_system_number": 1}
        writer.insert_network(IPSet([f"{BANGLADESH}/16"]), record)
        writer.to_db_file(str(self.file))

    def distort(self) -> None:
        whole = self.file.read_bytes()
        contents = {CLOSES: whole[: len(whole) // 2], PROTOCOL: b"<!doctype html>" * 999, FULL: b""}
        contents[PASSWORD] = os.urandom(len(whole))
        if self.how == READ_ONLY:
            self.file.chmod(0o400)
            return
        self.file.unlink()
        if self.how in contents:
            self.file.write_bytes(contents[self.how])
            os.truncate(self.file, 1 << 32 if self.how == FULL else len(contents[self.how]))
        elif self.how == REFUSES:
            self.file.mkdir()
        elif self.how == SILENT:
            os.mkfifo(self.file)
        elif self.how != GONE:
            self._write("Khulna" if self.how == ANOTHER else "")

    def mend(self) -> None:
        if self.file.is_dir():
            self.file.rmdir()
        self.file.unlink(missing_ok=True)
        self._write("Dhaka")

    def use(self, server: Server) -> None:
        """A visit from Dhaka, which the mapped file knows."""
        visit = {"json": {"visitorId": "ayesha"}, "headers": {"X-Forwarded-For": BANGLADESH}}
        answer = server.post("/api/visitor/register", **visit)
        assert answer.ok, answer.text
        ((place,),) = self.database.rows("SELECT place FROM visits ORDER BY ordinal DESC LIMIT 1")
        assert place in ("Dhaka, BD", "Khulna, BD")


class MovedClock(Behind):
    program = ChangedServer.program

    def set_up(self) -> None:
        self.number = SharedNumber(self.folder / "clock")
        states = [*range(6)] if self.how == READ_ONLY else []  # whether the kernel says that the network sets it
        changes = f'{{"koyjabo.base.core.clock.SYNCHRONISED_STATES": {states}}}'
        self.settings |= {"CLOCK": self.number.path, "CHANGES": changes}

    def distort(self) -> None:
        jumps = {PROTOCOL: -time.time_ns() // 1_000_000, FULL: YEARS_MS, READ_ONLY: -2 * DAY_MS, ANOTHER: -2 * DAY_MS}
        self.number.set(jumps.get(self.how, -DAY_MS // 24 if self.how == GONE else 0))
        self._ends, began = threading.Event(), time.monotonic()
        lost = {SILENT: 1.0, SLOW: 0.5}.get(self.how, 0)

        def lag() -> None:
            while lost and not self._ends.wait(0.01):
                self.number.set(round(-1000 * lost * (time.monotonic() - began)))

        threading.Thread(target=lag, daemon=True).start()

    def mend(self) -> None:
        self._ends.set()
        self.number.set(0)
