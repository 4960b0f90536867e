"""Tries the Python packages without a checkout: in a new virtual environment and an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import venv
from pathlib import Path
from sysconfig import get_path
from urllib.request import Request, urlopen

from release.refusal import Refusal

SERVING = re.compile(r"is serving.* (http://localhost:\d+)")
START_S = 120
CLIENT = """
import sys
from koyjabo_client import Client
with Client(sys.argv[1]) as client:
    assert client.register("release", "1")["visit"]["ordinal"] == 1
    assert client.register("release", "1")["visit"]["duplicate"]
    assert client.stats()["totalVisits"] == 1
"""


def try_packages(wheel: Path, client: Path, version: str, folder: Path) -> None:
    """Check that the wheel's server reports its version and serves, and that the client counts a visit on it. `folder`
    is empty.
    """
    python = _environment(folder / "venv", wheel, client)
    (work := folder / "work").mkdir()
    output = _output([str(python.parent / "koyjabo"), "--version"], work)
    if version not in output.split():
        raise Refusal(f"`koyjabo --version` of the wheel prints: {output}")
    log = folder / "serve.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [python.parent / "koyjabo", "serve"], cwd=work, env=_clean() | {"PORT": "0"}, stdout=out, stderr=out
        )
    try:
        url = _wait_for_url(log, server)
        with urlopen(Request(url, headers={"Accept-Language": "bn"}), timeout=30) as page:
            if '<html lang="bn"' not in page.read().decode():
                raise Refusal("The home page of the wheel is not translated")
        _output([str(python), "-I", "-c", CLIENT, url], work)
        server.terminate()
        if server.wait(15):
            raise Refusal(f"The server of the wheel did not stop cleanly:\n{log.read_text()}")
    finally:
        server.kill()
        server.wait()


def _environment(folder: Path, *wheels: Path) -> Path:
    """Create an environment with the wheels, and return its Python. Their requirements come from the current
    environment.
    """
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    install = ["pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index", *map(str, wheels)]
    _output([sys.executable, "-m", *install], folder)
    borrowed = Path(get_path("purelib", vars={"base": str(folder)})) / "borrowed.pth"
    borrowed.write_text(get_path("purelib"))  # without its .pth files, because one of them adds the checkout
    return python


def _wait_for_url(log: Path, server: subprocess.Popen[bytes]) -> str:
    until = time.monotonic() + START_S
    while time.monotonic() < until and server.poll() is None:
        if match := SERVING.search(log.read_text()):
            return match[1]
        time.sleep(0.1)
    raise Refusal(f"The server of the wheel did not start:\n{log.read_text()}")


def _output(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, env=_clean(), capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise Refusal(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def _clean() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
