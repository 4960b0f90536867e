"""Test folders mirror the package, and the folders of `support` have a fixed order (tests/support/README.md)."""

import ast
import os
import re
import subprocess
import sys

import psutil
from support.programs.processes import ROOT, is_stopped, wait_until
from support.runs.durations import TESTS

OTHERS = {"browser", "chaos", "clients", "support", "tools"}
"""Test folders that mirror no package."""

SUPPORT = TESTS / "support"
FOLDERS = re.findall(r"^\| `(\w+)/` \|", (SUPPORT / "README.md").read_text(), re.MULTILINE)


def test_folders_of_tests_match_the_package():
    folders = {module.parent.relative_to(TESTS) for module in TESTS.glob("*/**/test_*.py")}
    ours = {folder for folder in folders if folder.parts[0] not in OTHERS}
    assert len(ours) > 40
    assert [folder for folder in ours if not (ROOT / "koyjabo" / folder).is_dir()] == []


def test_folders_of_support_import_only_those_above_them():
    assert sorted(FOLDERS) == sorted(path.parent.name for path in SUPPORT.glob("*/__init__.py"))
    wrong = [
        (str(path.relative_to(SUPPORT)), node.module)
        for path in SUPPORT.glob("*/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("support.")
        if FOLDERS.index((node.module or "").split(".")[1]) > FOLDERS.index(path.parent.name)
    ]
    assert wrong == []


SPAWNING = """
import os, signal, sys, threading
pipe = (os.POSIX_SPAWN_OPEN, 0, sys.argv[1], os.O_RDONLY, 0)
threading.Thread(target=os.posix_spawn, args=("/bin/true", ["true"], {}), kwargs={"file_actions": [pipe]}).start()
signal.pause()
"""
"""A program with a thread inside a system call that SIGSTOP does not interrupt, until the pipe has a writer."""


def test_process_is_stopped_once_all_its_threads_are(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    program = subprocess.Popen([sys.executable, "-I", "-S", "-c", SPAWNING, pipe])
    try:
        process = psutil.Process(program.pid)
        wait_until(process.children, "a thread waits for its child to open the pipe")
        process.suspend()
        wait_until(lambda: process.status() == psutil.STATUS_STOPPED, "the main thread is stopped")
        assert not is_stopped(process)
        with pipe.open("w"):
            wait_until(lambda: is_stopped(process), "the other one is stopped")
    finally:
        program.kill()
        program.wait()
