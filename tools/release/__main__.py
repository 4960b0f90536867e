"""Build the packages of this version in dist/, check them, and print the commands that would publish them."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from sysconfig import get_path
from typing import Any
from urllib.request import Request, urlopen

from release.builds import build_all, names
from release.checks import (
    Refusal,
    agreed_version,
    changes_without_release,
    check_files,
    check_requirements,
    check_sdist,
    write_release_day,
)

SERVING = re.compile(r"is serving.* (http://localhost:\d+)")
START_S = 120


def try_wheel(wheel: Path, version: str, folder: Path) -> None:
    """Check that the wheel's server reports its version, serves, and counts a visit. `folder` is empty."""
    python = _environment(folder / "venv", wheel)
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
        for is_duplicate in (False, True):
            visit = _register(url)
            if (visit["ordinal"], visit["duplicate"]) != (1, is_duplicate):
                raise Refusal(f"The server of the wheel counts wrongly: {visit}")
        server.terminate()
        if server.wait(15):
            raise Refusal(f"The server of the wheel did not stop cleanly:\n{log.read_text()}")
    finally:
        server.kill()
        server.wait()


def _register(url: str) -> dict[str, Any]:
    body = json.dumps({"visitorId": "release", "visitId": "1"}).encode()
    request = Request(f"{url}/api/visitor/register", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as response:
        visit: dict[str, Any] = json.load(response)["visit"]
    return visit


def _environment(folder: Path, wheel: Path) -> Path:
    """Create an environment with the wheel, and return its Python. The requirements come from the current
    environment.
    """
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    install = ["pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index", str(wheel)]
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


ROOT = Path(__file__).resolve().parents[2]
SUMS = "SHA256SUMS"
SENDING = """
{count} packages of {version} are in {folder}, and nothing was sent. To send them:

  git tag -s v{version} -m "Koy Jabo Live {version}" {commit} && git push origin v{version}
  uv publish {folder}/koyjabo-{version}.tar.gz {folder}/koyjabo-{version}-py3-none-any.whl
  npm publish --access public {folder}/koyjabo-{version}.tgz
  npm publish --access public {folder}/koyjabo-react-{version}.tgz
  docker buildx build --platform linux/amd64,linux/arm64 --build-arg SOURCE_DATE_EPOCH={epoch_s} \\
    -t REGISTRY/koyjabo:{version} -t REGISTRY/koyjabo:latest --push .
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="release", description=__doc__)
    parser.add_argument("--to", type=Path, default=ROOT / "dist", metavar="FOLDER", help="instead of dist/")
    try:
        release(parser.parse_args().to.resolve())
    except Refusal as refusal:
        sys.stderr.write(f"{refusal}\nNothing was released.\n")
        return 1
    return 0


def release(folder: Path) -> None:
    """Write the packages and SHA256SUMS to `folder` if all checks pass. Raises Refusal."""
    _require_clean("The checkout has changes. Commit or stash them before a release:")
    version = agreed_version(ROOT)
    if changes_without_release(ROOT):
        raise Refusal(f'CHANGELOG.md has changes below "Unreleased". Move them to {version} or the next release')
    write_release_day(ROOT)
    commit, epoch_s = _git("rev-parse", "HEAD"), int(_git("log", "-1", "--format=%ct"))
    with tempfile.TemporaryDirectory(prefix="koyjabo-release-") as scratch:
        built, of_sdist, trial = (Path(scratch) / name for name in ("built", "of-sdist", "trial"))
        for directory in (built, of_sdist, trial):
            directory.mkdir()
        _say(f"Building {version}")
        build_all(ROOT, built, epoch_s)
        _say("Checking what was built")
        check_files(built, version)
        wheel, sdist = (built / names(version)[kind] for kind in ("wheel", "sdist"))
        check_requirements(wheel)
        check_sdist(sdist, wheel, of_sdist, epoch_s)
        try_wheel(wheel, version, trial)
        _require_clean("The build has changed the checkout:")
        _publish(built, folder)
    count = len(names(version))
    _say(SENDING.format(count=count, version=version, folder=folder, commit=commit[:12], epoch_s=epoch_s))


def _publish(built: Path, folder: Path) -> None:
    """Copy all packages to `folder`, and write their checksums. Replaces the files of an earlier release."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("koyjabo*"), folder / SUMS):
        old.unlink(missing_ok=True)
    lines = []
    for package in sorted(built.iterdir()):
        shutil.copy(package, folder)
        lines.append(f"{hashlib.sha256(package.read_bytes()).hexdigest()}  {package.name}\n")
        _say(f"{package.stat().st_size:>12,}  {package.name}")
    (folder / SUMS).write_text("".join(lines))


def _require_clean(why: str) -> None:
    if changed := _git("status", "--porcelain"):
        raise Refusal(f"{why}\n{changed}")


def _git(*arguments: str) -> str:
    return subprocess.run(("git", *arguments), cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
