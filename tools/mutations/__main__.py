"""Apply each mutation to a copy of the project, and run the tests that must fail with it.

Prints a line per mutation. The exit status is 1 if a mutation survives one of its tests, or if a test does not pass
without it.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from checkout import files_of
from mutations.catalogue import Mutation, mutations
from mutations.pytest_runs import Run, execute

ROOT = Path(__file__).resolve().parents[2]
LINKED = (".venv", "node_modules", "clients/react/node_modules", "tests/browser/frameworks/node_modules")
BUILT = ("koyjabo/static/vendor", "koyjabo/static/min", "koyjabo/base/network/data", "koyjabo/translations")
PATIENCE_S = 360
"""Limit for the tests of one mutation. Tests that hang because of it do not pass."""

WAITING = {**os.environ, "PATIENCE_S": "15"}
"""Environment for the tests of a mutation. Waits are shorter, because many of them time out."""

OUTCOME = re.compile(r"^(PASSED|FAILED|ERROR) tests/([^\[\s]+)", re.MULTILINE)


def main() -> int:
    parser = argparse.ArgumentParser(prog="mutations")
    parser.add_argument("--area", default="", help="the name of a file of mutations, such as counting")
    parser.add_argument("--name", default="", help="only mutations whose names contain this text")
    parser.add_argument("--copies", type=int, default=4, help="how many to try at a time")
    chosen = parser.parse_args()
    selected = [mutation for mutation in mutations(chosen.area) if chosen.name in mutation.name]
    if not selected:  # without names, pytest would run all tests
        parser.error("no mutation has this area and name")
    with tempfile.TemporaryDirectory(prefix="koyjabo-mutations-") as folder:
        return _try_all(selected, [_copy(Path(folder) / str(number)) for number in range(chosen.copies)])


def _try_all(selected: list[Mutation], copies: list[Path]) -> int:
    tests = {test for mutation in selected for test in mutation.tests}
    broken = tests - _outcomes(copies[0], tests, "-n", "2", environment=WAITING).passed
    for test in sorted(broken):
        _say(f"BROKEN    {test} does not pass without a mutation")
    free: SimpleQueue[Path] = SimpleQueue()
    for copy in copies:
        free.put(copy)
    with ThreadPoolExecutor(len(copies)) as threads:
        killed = sum(threads.map(lambda mutation: _is_killed(mutation, free), selected))
    _say(f"{killed} of {len(selected)} mutations killed")
    return int(bool(broken) or killed < len(selected))


def _is_killed(mutation: Mutation, free: SimpleQueue[Path]) -> bool:
    copy = free.get()
    began = time.monotonic()
    original = (copy / mutation.file).read_text()
    try:
        mutation.apply(copy)
        _build(copy, mutation)
        # In one process, because a second one costs as much CPU time as most of these tests
        named = set(mutation.tests)
        survived = named - _outcomes(copy, named, "-n", "0", environment=WAITING, timeout_s=PATIENCE_S).failed
    finally:
        (copy / mutation.file).write_text(original)
        _build(copy, mutation)
        free.put(copy)
    verdict = "SURVIVES " if survived else "killed   "
    tests = ", ".join(sorted(survived)) or f"{len(mutation.tests)} tests fail"
    _say(f"{verdict} {time.monotonic() - began:5.1f} s  {mutation.area}: {mutation.name}: {tests}")
    return not survived


def _build(copy: Path, mutation: Mutation) -> None:
    """Rebuild assets if the mutation changed a script or a style."""
    if mutation.file.startswith("koyjabo/static/"):
        subprocess.run(["node", "tools/assets/minify.mjs"], cwd=copy, check=True)


class Outcomes(NamedTuple):
    """What is in neither did not run, which proves nothing."""

    passed: set[str]
    failed: set[str]


def _outcomes(
    copy: Path,
    tests: set[str],
    *options: str,
    environment: Mapping[str, str] = os.environ,
    timeout_s: float | None = None,
) -> Outcomes:
    """Run `tests` in `copy`. All have failed if they take too long, and none has run if they cannot be collected."""
    arguments = ["-m", "", "-rA", "--tb=no", *options, *(f"tests/{test}" for test in sorted(tests))]
    output = copy / "output.txt"
    status = execute(Run(copy, arguments, dict(environment), output), timeout_s)
    if status is None:
        return Outcomes(set(), tests)
    text = output.read_text()
    failed = {test for outcome, test in OUTCOME.findall(text) if outcome != "PASSED"}
    passed = {test for outcome, test in OUTCOME.findall(text) if outcome == "PASSED"} - failed
    if status not in (0, 1) or not passed | failed:
        sys.stderr.write(text)
        return Outcomes(set(), set())
    return Outcomes(passed, failed)


def _copy(folder: Path) -> Path:
    """Copy the project in its current state, with everything built and installed. Returns the folder."""
    for name in files_of(ROOT):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    for name in BUILT:
        shutil.copytree(ROOT / name, folder / name, dirs_exist_ok=True)
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    return folder


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
