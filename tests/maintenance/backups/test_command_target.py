"""BACKUP_COMMAND: what it is given, and how it fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until

from koyjabo.maintenance.backups.command_target import CommandTarget
from koyjabo.maintenance.backups.places import BackupPlaceError


def is_running(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_command_is_split_as_by_a_shell_and_given_the_path_last(tmp_path):
    path = tmp_path / "a backup; 'quoted' $HOME"
    path.write_bytes(b"contents")
    CommandTarget(f"sh -c 'cp \"$1\" {tmp_path}/copy; echo done >&2' name").send(path)
    assert (tmp_path / "copy").read_bytes() == b"contents"


FAILURES = {
    "sh -c 'echo first >&2; echo bucket is full. >&2; echo >&2; exit 3'": "ended with status 3: bucket is full.",
    "sh -c 'exit 7'": "ended with status 7: it wrote nothing to stderr.",
    "sh -c 'kill -9 $$'": "was killed by signal 9: it wrote nothing to stderr.",
    "sh -c 'printf \"\\033[31mred\\a\" >&2; exit 1'": "ended with status 1: [31mred.",
    "sh -c 'head -c 3000000 /dev/zero | tr \"\\0\" x >&2; exit 1'": f"ended with status 1: {'x' * 300}.",
    "sh -c 'echo no https://me:hidden@host/x >&2; exit 1'": "ended with status 1: no https://…@host/x.",
    "/nowhere/rclone copyto": "cannot be started: No such file or directory.",
}


def test_failure_is_said_with_the_last_line_of_stderr(tmp_path):
    for command, sentence in FAILURES.items():
        with pytest.raises(BackupPlaceError) as error:
            CommandTarget(command).send(tmp_path)
        assert str(error.value) == f"BACKUP_COMMAND {sentence}"


def test_command_that_takes_too_long_ends_with_all_that_it_started(tmp_path):
    children, limit_s = tmp_path / "children", 0.5
    command = f"sh -c 'sleep 600 & echo $! $$ > {children}.new; mv {children}.new {children}; echo busy >&2; wait'"
    while not children.exists():  # on a busy machine it may be ended before it has started anything
        with pytest.raises(BackupPlaceError, match=r"^BACKUP_COMMAND was ended, because it took more than 0 min\.$"):
            CommandTarget(command, limit_s).send(tmp_path)
        limit_s *= 2
    for pid in map(int, children.read_text().split()):
        wait_until(lambda pid=pid: not is_running(pid), "it ended")


def test_child_that_a_command_leaves_behind_is_not_waited_for_and_ends(tmp_path):
    child = tmp_path / "child"
    CommandTarget(f"sh -c 'sleep 600 & echo $! > {child}'", PATIENCE_S).send(tmp_path)
    wait_until(lambda: not is_running(int(child.read_text())), "it ended")


@pytest.mark.long(
    proved_by="maintenance/backups/test_command_target.py::test_command_that_takes_too_long_ends_with_all_that_it_started"
)
def test_command_and_what_it_has_started_end_with_the_program_that_started_it(tmp_path):
    pid = tmp_path / "pid"
    code = f"""
from pathlib import Path
from koyjabo.maintenance.backups.command_target import CommandTarget
CommandTarget("sh -c 'sleep 60 & echo $! > {pid}; wait'").send(Path("/"))
"""
    with subprocess.Popen([sys.executable, "-c", code]) as program:
        wait_until(lambda: pid.exists() and pid.read_text().strip(), "it runs")
        program.send_signal(signal.SIGKILL)
    wait_until(lambda: not is_running(int(pid.read_text())), "it ended")
