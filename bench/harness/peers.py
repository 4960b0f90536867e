"""Packages of the Python and Node peers, pinned, in the cache folder: installed on first use."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import click

from harness.folders import BENCH, CACHE

PEERS = BENCH / "peers"
VENV = CACHE / "venv"
VENV_BIN = VENV / "bin"
NODE = CACHE / "node"
NODE_MODULES = NODE / "node_modules"
PATIENCE_S = 600


def install() -> None:
    """Make both ready. Does nothing when they are as the pinned files say."""
    CACHE.mkdir(exist_ok=True)
    _once(VENV, PEERS / "requirements.txt", _install_python)
    _once(NODE, PEERS / "package-lock.json", _install_node)


def node_versions(packages: Sequence[str]) -> dict[str, str]:
    return {name: json.loads((NODE_MODULES / name / "package.json").read_text())["version"] for name in packages}


def _once(folder: Path, pinned: Path, install_into) -> None:
    done = folder / "installed"
    if done.exists() and done.read_bytes() == pinned.read_bytes():
        return
    click.echo(f"installing what {pinned.parent.name}/{pinned.name} pins", err=True)
    shutil.rmtree(folder, ignore_errors=True)
    install_into()
    shutil.copyfile(pinned, done)


def _install_python() -> None:
    requirements = str(PEERS / "requirements.txt")
    uv = _uv()
    if uv:
        _run(*uv, "venv", "--quiet", "--python", sys.executable, str(VENV))
        _run(*uv, "pip", "install", "--quiet", "--python", str(VENV_BIN / "python"), "-r", requirements)
    else:
        _run(sys.executable, "-m", "venv", str(VENV))
        _run(str(VENV_BIN / "python"), "-m", "pip", "install", "--quiet", "-r", requirements)


def _install_node() -> None:
    NODE.mkdir()
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copyfile(PEERS / name, NODE / name)
    _run("npm", "ci", "--silent", "--prefix", str(NODE))


def _uv() -> list[str]:
    if shutil.which("uv"):
        return ["uv"]
    return [sys.executable, "-m", "uv"] if find_spec("uv") else []


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=PATIENCE_S, stdin=subprocess.DEVNULL)
