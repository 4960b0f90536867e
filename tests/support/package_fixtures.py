"""A copy of the checkout for programs that write, and a project in which `clients/` is installed as by its users."""

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

LINKED = {"clients/react": ("react", "react-dom", "jsdom"), ".": ("esbuild", "typescript")}
"""What the project has from other folders: a test asks no registry."""

STAMPS = ("made", "run", "dev", "node", "assets", "minified")
"""Of the Makefile, in the order in which they are made."""

NO_NPM = "there is no npm on this machine: `make test` brings it"
NO_MODULES = "npm has not installed what the packages are built with: `make packages` has it do so"
PATIENCE_S = 300

Npm = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with all that `make` has installed and built: programs write into it, and nothing into the original."""
    return _made_once(tmp_path_factory, "checkout", _copy_checkout)


@pytest.fixture(scope="session")
def npm(checkout: Path) -> Npm:
    """`npm("run", "check")` in the folder of the React package, or in that of `cwd=`.

    Without npm the test is skipped.
    """
    program = shutil.which("npm")
    missing = NO_NPM if program is None else None if (ROOT / "clients/react/node_modules").exists() else NO_MODULES
    if missing:
        pytest.skip(missing)

    def run(*arguments: str | Path, cwd: Path = checkout / "clients" / "react") -> subprocess.CompletedProcess[str]:
        command = [program, *map(str, arguments)]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    return run


@pytest.fixture(scope="session")
def project(checkout: Path, npm: Npm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project with both npm packages, from their tarballs."""
    return _made_once(tmp_path_factory, "project", lambda folder: _install_packages(checkout, npm, folder))


def succeed(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder for all processes of pytest."""
    own = factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / name
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            new = folder.with_suffix(".new")
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            make(new)
            new.rename(folder)
    return folder


def _copy_checkout(folder: Path) -> None:
    """Its files, also new ones, what is built, and links to what is installed, which `make` takes for up to date."""
    for which in (["-co"], ["-oi", "koyjabo"]):
        for name in _git_files(*which):
            if (ROOT / name).is_file() and "__pycache__" not in name:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
    for name in (".venv", "node_modules", "clients/react/node_modules"):
        if (ROOT / name).exists():
            (folder / name).mkdir()
            for each in (ROOT / name).iterdir():
                if name != ".venv" or each.name not in STAMPS:
                    (folder / name / each.name).symlink_to(each.resolve())
    for stamp in STAMPS:
        (folder / ".venv" / stamp).touch()


def _git_files(*which: str) -> list[str]:
    command = ["git", "ls-files", "-z", "--exclude-standard", *which]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")[:-1]


def _install_packages(checkout: Path, npm: Npm, folder: Path) -> None:
    (folder / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
    for package in ("js", "react"):
        succeed(npm("pack", "--pack-destination", folder, cwd=checkout / "clients" / package))
    tarballs = [tarball.name for tarball in sorted(folder.glob("*.tgz"))]
    succeed(npm("install", "--offline", "--legacy-peer-deps", *tarballs, cwd=folder))
    for modules, names in LINKED.items():
        for name in names:
            (folder / "node_modules" / name).symlink_to((ROOT / modules / "node_modules" / name).resolve())
