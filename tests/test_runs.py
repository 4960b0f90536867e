"""Test runs: their order, skipped tests, and what remains afterwards."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from support.programs.processes import is_gone, wait_until
from support.runs.durations import TESTS

CONFTEST = 'pytest_plugins = ["support.runs.session", "support.runs.skips"]'
SKIPPING = """
from support.programs.chromium import chromium
from support.programs.installed import program

def test_with_a_browser(): chromium()
def test_with_a_pool(): program("pgbouncer2")
def test_with_a_pool_again(): program("pgbouncer2")
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


def run(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST)
    kept = {name: value for name, value in os.environ.items() if name != "CI"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options, "--rootdir", folder, folder],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(TESTS), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_a_run_ends_with_a_line_for_each_missing_program_and_fails_in_ci(tmp_path):
    (tmp_path / "test_skipping.py").write_text(SKIPPING)
    for environment, status in (({}, 0), ({"CI": "1"}, 1)):
        done = run(tmp_path, "--random-order", "7", PATH="", **environment)
        assert (done.stdout.startswith("random order: SEED=7\n"), done.returncode) == (True, status)
        *_, first, second, _ = done.stdout.splitlines()
        missing = {
            "NOT TESTED (1): Chromium is missing: `make tools` installs it",
            "NOT TESTED (2): pgbouncer2 is missing: `make tools` installs it",
        }
        assert ({first, second} == missing) == (status == 0)


def test_a_long_test_that_lacks_a_program_fails_and_names_it(tmp_path):
    long = SKIPPING.replace("def test_with_a_pool()", "import pytest\n@pytest.mark.long\ndef test_with_a_pool()")
    (tmp_path / "test_skipping.py").write_text(long)
    done = run(tmp_path, PATH="")
    assert done.returncode == 1
    assert done.stdout.count("does not allow: pgbouncer2 is missing: `make tools` installs it") == 1


@pytest.mark.parametrize("another_run_deletes_it", [False, True])
def test_a_killed_run_leaves_no_process_and_no_folder(another_run_deletes_it):
    command = [sys.executable, "-c", HOLDER]
    given = {**os.environ, "PYTHONPATH": str(TESTS)}
    with subprocess.Popen(command, env=given, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        folder, *pids = holder.stdout.readline().split()
        left = [psutil.Process(int(pid)) for pid in pids]
        assert Path(folder).is_dir()
        if another_run_deletes_it:
            shutil.rmtree(folder)
        holder.send_signal(signal.SIGKILL)
    wait_until(lambda: all(map(is_gone, left)), "what it started has ended")
    wait_until(lambda: not Path(folder).exists(), "its folder is gone")
