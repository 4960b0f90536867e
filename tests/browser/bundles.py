"""Scripts of the folder frameworks/, each bundled with its framework."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from support.programs.processes import ROOT

FOLDER = Path(__file__).with_name("frameworks")
ESBUILD = ROOT / "node_modules/.bin/esbuild"
IN_DEVELOPMENT = '--define:process.env.NODE_ENV="development"'  # StrictMode does nothing in production


def bundled(name: str, folder: Path) -> Path:
    """Bundle a script with its framework into a folder: `vue`. A number is the version of React."""
    script = folder / f"{name}.js"
    if not script.exists():
        source, version = re.sub(r"\d", "", name), re.sub(r"\D", "", name)
        aliases = [f"--alias:{package}={package}{version}" for package in ("react", "react-dom") if version]
        options = ["--bundle", "--format=esm", IN_DEVELOPMENT, *aliases, f"--outfile={script}"]
        if source == "svelte":
            _output(ESBUILD, *options, code=_output("node", "svelte.mjs"))
        else:
            _output(ESBUILD, f"{source}.js", *options)
    return script


def _output(*command: str | Path, code: bytes | None = None) -> bytes:
    return subprocess.run(command, cwd=FOLDER, input=code, check=True, capture_output=True).stdout
