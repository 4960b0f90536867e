"""Earlier builds, made from the history: their servers, commands and client files."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest
from support.databases.database import Database
from support.programs.exports import commit_named, export, translate
from support.programs.forking import Program, start_anew
from support.programs.processes import ROOT, environment
from support.servers.server import Server

ESBUILD = ROOT / "node_modules/.bin/esbuild"
REACT = ROOT / "clients/react/node_modules"
INSTALL = ("-m", "uv", "pip", "install", "--quiet", "--require-hashes", "--python", sys.executable)
APPLICATIONS = {
    "client": """
        import { KoyJabo } from "koyjabo";
        globalThis.begin = (baseUrl) => {
          const koyjabo = new KoyJabo({ baseUrl });
          koyjabo.subscribe((stats) => { document.body.textContent = stats?.totalVisits ?? ""; });
          koyjabo.start();
        };""",
    "react": """
        import { useKoyJabo } from "@koyjabo/react";
        import { KoyJabo } from "koyjabo";
        import { createElement } from "react";
        import { createRoot } from "react-dom/client";
        const Total = ({ koyjabo }) => useKoyJabo(koyjabo).stats?.totalVisits.toLocaleString("en") ?? "";
        globalThis.begin = (baseUrl) => {
          const koyjabo = new KoyJabo({ baseUrl });
          const main = document.body.appendChild(document.createElement("main"));
          createRoot(main).render(createElement(Total, { koyjabo }));
          koyjabo.start();
        };""",
}
"""Pages of the npm packages, which show the total."""


@dataclass(frozen=True)
class Build:
    """A checkout in `folder`, and the folder of the packages that only it needs."""

    name: str
    folder: Path
    packages: str = ""

    @property
    def scripts(self) -> Path:
        return self.folder / "koyjabo" / "static" / "counting"

    def bundle(self, name: str, target: Path) -> str:
        """The script of a page that uses an npm package of this build, or the element as one classic script."""
        shutil.copytree(self.scripts, copy := target.with_suffix(""))
        if name == "classic":
            shutil.copy(copy / "classic-origin.js", copy / "client/origin.js")
            source, options = copy / "koyjabo-count.js", ["--format=iife"]
        else:
            shutil.copytree(self.folder / "clients/js/src", copy, dirs_exist_ok=True)
            source = target.with_suffix(".mjs")
            source.write_text(APPLICATIONS[name])
            folders = {package: REACT / package for package in ("react", "react-dom")}
            folders |= {"koyjabo": copy / "index.js", "@koyjabo/react": self.folder / "clients/react/src/index.ts"}
            options = ["--format=esm", "--jsx=automatic", '--define:process.env.NODE_ENV="production"']
            options += [f"--alias:{package}={folder}" for package, folder in folders.items()]
        command = [str(ESBUILD), str(source), "--bundle", *options, f"--outfile={target}"]
        subprocess.run(command, check=True, capture_output=True)
        return target.read_text()


NOW = Build("now", ROOT)


def build(commit: str, folder: Path) -> Build:
    """Export a commit to `folder`, and install what it needs if that differs from now."""
    if commit_named(commit) is None:
        pytest.fail(f"{commit} is missing: upgrade tests need a checkout with full history")
    export(commit, folder)
    translate(folder)
    packages = folder / "packages"
    if (folder / "requirements.txt").read_text() == (ROOT / "requirements.txt").read_text():
        return Build(commit, folder)
    install = [sys.executable, *INSTALL, "--target", str(packages), "-r", str(folder / "requirements.txt")]
    subprocess.run(install, check=True, capture_output=True)
    return Build(commit, folder, str(packages))


class BuiltServer(Server):
    """A server of an earlier build, in a new interpreter."""

    def __init__(self, build: Build, database: Database, folder: Path, **settings: Any) -> None:
        super().__init__(database, folder, **settings)
        self.build = build

    def _start(self, *files: IO[Any]) -> Program:
        return start_anew([sys.executable, "wsgi.py"], self._environment(), files, self.build.folder)

    def koyjabo(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "koyjabo", *arguments]
        folder, variables = self.build.folder, self._environment()
        return subprocess.run(
            command, cwd=folder, env=variables, input=typed, capture_output=True, text=True, check=False
        )

    def _environment(self) -> dict[str, str]:
        return environment(**self.settings) | ({"PYTHONPATH": self.build.packages} if self.build.packages else {})
