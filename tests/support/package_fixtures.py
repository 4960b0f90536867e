"""npm, and a project in which the packages of `clients/` are installed as their users install them."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.processes import ROOT

JS, REACT = ROOT / "clients" / "js", ROOT / "clients" / "react"
LINKED = {REACT: ("react", "react-dom", "jsdom"), ROOT: ("esbuild", "typescript")}
"""What the project has from other folders: a test asks no registry."""

NO_NPM = "there is no npm on this machine: `make test` brings it"
NO_MODULES = "npm has not installed what the packages are built with: `make packages` has it do so"
PATIENCE_S = 300

Npm = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def npm() -> Npm:
    """`npm("run", "check")` in the folder of the React package, or in that of `cwd=`.

    Without npm the test is skipped; where nothing may be skipped (CI), it fails.
    """
    program = shutil.which("npm")
    missing = NO_NPM if program is None else None if (REACT / "node_modules").exists() else NO_MODULES
    if missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)

    def run(*arguments: str | Path, cwd: Path = REACT) -> subprocess.CompletedProcess[str]:
        command = [program, *map(str, arguments)]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    return run


@pytest.fixture(scope="session")
def project(npm: Npm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project with both packages, from their tarballs, made once for all processes of pytest.

    Building the packages leaves `dist/` in their folders.
    """
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "project"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _install_packages(npm, folder.with_suffix(".new")).rename(folder)
    return folder


def _install_packages(npm: Npm, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
    for package in (JS, REACT):
        succeed(npm("pack", "--pack-destination", folder, cwd=package))
    tarballs = sorted(folder.glob("*.tgz"))
    succeed(npm("install", "--offline", "--legacy-peer-deps", *tarballs, cwd=folder))
    installed = folder / "node_modules"
    for modules, names in LINKED.items():
        for name in names:
            (installed / name).symlink_to((modules / "node_modules" / name).resolve())
    return folder


def succeed(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
