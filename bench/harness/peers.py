"""Packages of the Python and Node peers, pinned, in the cache folder: installed on first use."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import click

from harness import virtualenv
from harness.folders import BENCH, CACHE

PEERS = BENCH / "peers"
VENV = CACHE / "venv"
VENV_BIN = VENV / "bin"
NODE = CACHE / "node"
NODE_MODULES = NODE / "node_modules"


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
    virtualenv.make(VENV, PEERS / "requirements.txt")


def _install_node() -> None:
    NODE.mkdir()
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copyfile(PEERS / name, NODE / name)
    virtualenv.run("npm", "ci", "--silent", "--prefix", str(NODE))
