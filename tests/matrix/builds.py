"""Earlier builds, made from the history: their folders, servers and client files."""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from support.databases.database import Database, made_once
from support.programs.exports import commit_named, export, translate
from support.programs.forking import Program, start_anew
from support.programs.installed import MissingProgram
from support.programs.processes import ROOT, environment
from support.servers.server import Server

from matrix.versions import NOW

BUILDS_FOLDER = ROOT / ".venv" / "builds"
"""Builds stay here after a run, so that each is exported and compiled once."""

INSTALL = ("-m", "uv", "pip", "install", "--quiet", "--require-hashes", "--python", sys.executable)
SCRIPTS = "koyjabo/static/counting"
ESBUILD = (ROOT / "node_modules/.bin/esbuild", "--bundle", "--minify", "--jsx=automatic")


@cache
def build(name: str) -> Path:
    """The checkout of now or of a commit. Its folder `packages` has what it needs, if that differs from now."""
    if name == NOW:
        return ROOT
    if not commit_named(name):
        raise MissingProgram(
            "the history is missing: `git fetch --unshallow` brings it, or a clone instead of an archive"
        )
    BUILDS_FOLDER.mkdir(exist_ok=True)
    folder = BUILDS_FOLDER / name
    requirements, packages = folder / "requirements.txt", folder / "packages"
    with made_once(folder) as is_made:
        if not is_made:
            shutil.rmtree(folder, ignore_errors=True)
            export(name, folder)
            translate(folder)
        if not packages.exists() and requirements.read_text() != (ROOT / "requirements.txt").read_text():
            command = [sys.executable, *INSTALL, "--target", str(packages), "-r", str(requirements)]
            subprocess.run(command, check=True, capture_output=True)
    return folder


@cache
def bundle(build: Path, script: str, is_classic: bool) -> str:
    """A script that imports the element or an npm package of a build, with everything that it imports."""
    with TemporaryDirectory() as folder:
        files = Path(folder) / "files"
        shutil.copytree(build / SCRIPTS, files)
        shutil.copytree(build / "clients/js/src", files, dirs_exist_ok=True)
        if is_classic:
            (files / "client/origin.js").write_text('export * from "../classic-origin.js";')
        (files / "page.jsx").write_text(script)
        packages = {"koyjabo": files / "index.js", "@koyjabo/react": build / "clients/react/src/index.ts"}
        variables = os.environ | {"NODE_PATH": str(ROOT / "clients/react/node_modules")}
        options = [f"--alias:{package}={source}" for package, source in packages.items()]
        command = [*ESBUILD, files / "page.jsx", *options, f"--format={'iife' if is_classic else 'esm'}"]
        return subprocess.run(command, env=variables, check=True, capture_output=True, text=True).stdout


class BuiltServer(Server):
    """A server of a build, in a new interpreter."""

    def __init__(self, build: Path, database: Database, folder: Path, **settings: Any) -> None:
        super().__init__(database, folder, PYTHONPATH=build / "packages", **settings)
        self.build = build

    def _start(self, *files: IO[Any]) -> Program:
        return start_anew([sys.executable, "wsgi.py"], environment(**self.settings), files, self.build)

    def koyjabo(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        command, variables = [sys.executable, "-m", "koyjabo", *arguments], environment(**self.settings)
        return subprocess.run(command, cwd=self.build, env=variables, input=typed, capture_output=True, text=True)
