"""Scripts of the folder frameworks/, each bundled with its framework."""

from __future__ import annotations

import os
import re
import subprocess
from hashlib import sha256
from pathlib import Path

from support.programs.processes import ROOT

FOLDER = Path(__file__).with_name("frameworks")
ESBUILD = ROOT / "node_modules/.bin/esbuild"
IN_DEVELOPMENT = '--define:process.env.NODE_ENV="development"'  # StrictMode does nothing in production


def bundled(name: str) -> Path:
    """Bundle a script with its framework: `vue`. A number is the version of React.

    Bundles are kept next to the installed packages, until a script or a package changes.
    """
    source, version = re.sub(r"\d", "", name), re.sub(r"\D", "", name)
    sources = sorted(filter(Path.is_file, FOLDER.iterdir()))
    digest = sha256(b"".join(map(Path.read_bytes, sources))).hexdigest()[:16]
    script = FOLDER / "node_modules" / ".bundles" / f"{name}-{digest}.js"
    if not script.exists():
        unfinished = script.with_name(f"{os.getpid()}-{name}.js")
        aliases = [f"--alias:{package}={package}{version}" for package in ("react", "react-dom") if version]
        options = ["--bundle", "--format=esm", IN_DEVELOPMENT, *aliases, f"--outfile={unfinished}"]
        if source == "svelte":
            _output(ESBUILD, *options, code=_output("node", "svelte.mjs"))
        else:
            _output(ESBUILD, f"{source}.js", *options)
        unfinished.replace(script)
    return script


def _output(*command: str | Path, code: bytes | None = None) -> bytes:
    return subprocess.run(command, cwd=FOLDER, input=code, check=True, capture_output=True).stdout
