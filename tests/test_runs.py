"""Test runs: their order, skipped tests, and what remains afterwards."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
from support.programs.processes import is_gone, wait_until
from support.runs.durations import TESTS

CONFTEST = 'pytest_plugins = ["support.runs.session", "support.runs.skips"]'
SKIPPING = """
import pytest

def test_without_a_program(): pytest.skip("there is no such program")
"""

HOLDER = """
import subprocess, time
from support.programs.run_folder import RunFolder
from support.databases.redis import Redis

folder = RunFolder()
left = subprocess.Popen(["sleep", "600"], start_new_session=True)
redis = Redis().start()  # it writes its title over its environment
print(folder.path, left.pid, redis.pid, flush=True)
time.sleep(600)
"""


def run(folder: Path, *options: str, **environment: str) -> str:
    (folder / "conftest.py").write_text(CONFTEST)
    kept = {name: value for name, value in os.environ.items() if name != "CI"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", *options, "--rootdir", folder, folder],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(TESTS), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return done.stdout


def test_a_skipped_test_fails_in_ci_and_a_run_says_its_seed(tmp_path):
    (tmp_path / "test_skipping.py").write_text(SKIPPING)
    for environment in ({}, {"CI": "1"}):
        output = run(tmp_path, "--random-order", "7", **environment)
        assert output.startswith("random order: SEED=7\n")
        assert ("1 failed" in output) == bool(environment)
        assert ("NOT TESTED, 1 times: there is no such program" in output) != bool(environment)


def test_a_killed_run_leaves_no_process_and_no_folder(tmp_path):
    command = [sys.executable, "-c", HOLDER]
    given = {**os.environ, "PYTHONPATH": str(TESTS)}
    with subprocess.Popen(command, env=given, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        folder, *pids = holder.stdout.readline().split()
        left = [psutil.Process(int(pid)) for pid in pids]
        assert Path(folder).is_dir()
        holder.send_signal(signal.SIGKILL)
    wait_until(lambda: all(map(is_gone, left)), "what it started has ended")
    wait_until(lambda: not Path(folder).exists(), "its folder is gone")
