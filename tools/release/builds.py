"""Builds the packages reproducibly: two builds of a commit are identical byte for byte."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HATCH = "import hatchling.build as build, sys; build.build_{kind}(sys.argv[1])"
"""Runs in the project's folder, with the backend from pyproject.toml."""


def names(version: str) -> dict[str, str]:
    """The file name of each package."""
    return {
        "wheel": f"koyjabo-{version}-py3-none-any.whl",
        "sdist": f"koyjabo-{version}.tar.gz",
        "npm": f"koyjabo-{version}.tgz",
        "npm react": f"koyjabo-react-{version}.tgz",
    }


def build_all(root: Path, folder: Path, epoch_s: int) -> None:
    """Write all packages to `folder`. `epoch_s` is the modification time of their files, in s since 1970 UTC."""
    for kind in ("sdist", "wheel"):
        build(kind, root, folder, epoch_s)
    for project in (root / "clients" / "js", root / "clients" / "react"):
        _run(["npm", "pack", "--silent", "--pack-destination", str(folder)], project, epoch_s)


def build(kind: str, project: Path, folder: Path, epoch_s: int) -> None:
    """Build one package. `kind` is "sdist" or "wheel"."""
    _run([sys.executable, "-c", HATCH.format(kind=kind), str(folder)], project, epoch_s)


def wheel_of_sdist(sdist: Path, folder: Path, epoch_s: int) -> Path:
    """Build a wheel from an sdist, without the checkout."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(("tar", "-xzf", sdist, "-C", folder), check=True)
    (project,) = folder.iterdir()
    build("wheel", project, folder, epoch_s)
    (wheel,) = folder.glob("*.whl")
    return wheel


def _run(command: list[str], folder: Path, epoch_s: int) -> None:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch_s)}
    environment.pop("PYTHONPATH", None)
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=600)
