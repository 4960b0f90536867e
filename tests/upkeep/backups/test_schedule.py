"""When a backup is due: at BACKUP_AT, later if the server was down then, and again after a failure."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from support.application.site import Time

from koyjabo.base.core.clock import Clock, iso
from koyjabo.base.models import Backup
from koyjabo.upkeep.backups.backup_queries import FAILED, PROVEN
from koyjabo.upkeep.backups.backups import PAUSE_MS, STOPPED, TRIES, Schedule

TIME = Time()
SCHEDULE = Schedule(Clock(ZoneInfo("Asia/Dhaka"), now_ms=TIME), "03:30")
LONG_AGO_MS = 0
BEGAN_MS = 1_765_834_200_000  # 2025-12-16T03:30:00+06:00


@pytest.fixture(autouse=True)
def morning():
    TIME.go_to("2025-12-16T06:00:00+06:00")


def row(minutes: int = 0, **fields: Any) -> Backup:
    """A backup that started this many minutes after BACKUP_AT and took one minute."""
    begun_ms = BEGAN_MS + minutes * 60_000
    values = {"begun_by": "", "begun_ms": begun_ms, "ended_ms": begun_ms + 60_000, "state": FAILED, "error": "No room."}
    return Backup(**values | fields)


def proven(minutes: int = 0, **fields: Any) -> Backup:
    return row(minutes, **{"state": PROVEN, "error": None, "proven_ms": BEGAN_MS, **fields})


@pytest.mark.parametrize(
    ("zone", "at", "now", "newest", "next"),
    [
        ("Asia/Dhaka", "03:30", "2025-12-15T21:29:59Z", "2025-12-14T21:30", "2025-12-15T21:30"),
        ("Asia/Dhaka", "03:30", "2025-12-15T21:30:00Z", "2025-12-15T21:30", "2025-12-16T21:30"),
        ("UTC", "23:59", "2025-12-16T00:00:00Z", "2025-12-15T23:59", "2025-12-16T23:59"),
        ("UTC", "00:00", "2025-12-16T00:00:00Z", "2025-12-16T00:00", "2025-12-17T00:00"),
        # Clocks jump from 02:00 to 03:00 there, so 02:30 does not exist.
        ("Europe/Berlin", "02:30", "2026-03-29T01:29:59Z", "2026-03-28T01:30", "2026-03-29T01:30"),
        ("Europe/Berlin", "02:30", "2026-03-29T01:30:00Z", "2026-03-29T01:30", "2026-03-30T00:30"),
        # 02:30 occurs twice: at 00:30 and at 01:30 UTC.
        ("Europe/Berlin", "02:30", "2026-10-25T00:30:00Z", "2026-10-25T00:30", "2026-10-26T01:30"),
        ("Europe/Berlin", "02:30", "2026-10-25T01:30:00Z", "2026-10-25T00:30", "2026-10-26T01:30"),
    ],
)
def test_backup_is_due_once_on_every_local_day(zone, at, now, newest, next):
    time = Time.at(now.replace("Z", "+00:00"))
    schedule = Schedule(Clock(ZoneInfo(zone), now_ms=time), at)
    assert (iso(schedule.newest_ms()), iso(schedule.next_ms())) == (f"{newest}:00.000Z", f"{next}:00.000Z")


@pytest.mark.parametrize(
    ("begun", "due"),
    [
        ([], True),  # no server ran then
        ([proven()], False),
        ([row()], True),  # more than an hour ago
        ([row(), row(61)], True),
        ([row(), row(61), row(122)], False),
        ([row(0, error=STOPPED), row(3, error=STOPPED)], True),
        # the backup itself may cause the stops
        ([row(0, error=STOPPED), row(3, error=STOPPED), row(6, error=STOPPED)], False),
        ([row(), proven(20, begun_by="Nadia")], False),
        ([row(20, begun_by="Nadia")], True),  # not an automatic one
        ([proven(200, begun_ms=BEGAN_MS + 10**9)], True),  # its clock was wrong
        ([row(0, proven_ms=BEGAN_MS)], False),  # the failure came after the verification
    ],
)
def test_backup_is_retried_until_one_is_verified(begun, due):
    assert SCHEDULE.is_due(LONG_AGO_MS, begun) is due


def test_next_attempt_waits_an_hour_after_a_failure_but_not_after_a_stop():
    TIME.ms = BEGAN_MS + 60_000 + PAUSE_MS - 1
    assert not SCHEDULE.is_due(LONG_AGO_MS, [row()])
    assert SCHEDULE.is_due(LONG_AGO_MS, [row(error=STOPPED)])
    TIME.ms += 1
    assert SCHEDULE.is_due(LONG_AGO_MS, [row()])
    assert TRIES == 3


def test_first_backup_is_made_at_the_next_time_after_turning_backups_on():
    assert not SCHEDULE.is_due(BEGAN_MS, [])
    assert SCHEDULE.is_due(BEGAN_MS - 1, [])
