"""Runs the README's commands as a stranger would: on a new Debian machine, as a new user (`make fresh`, as root).

A machine is the folder of a minimal Debian with what the README names, entered with chroot. Of this machine it has the
configuration of apt and pip, npm's, and the certificates. It is removed afterwards.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
SUITES = ("bookworm", "trixie", "sid")
"""Debian 12, 13 and unstable, with Python 3.11.2, 3.13 and 3.14."""

WAYS = {
    "clone": "git clone -q file:///source",
    "shallow": "git clone -q --depth 1 file:///source",
    "archive": "unpack",
}
"""How the source is fetched, in place of the README's `git clone ADDRESS-OF-THIS-REPOSITORY`."""

PACKAGES = "python3,python3-venv,make,git,curl,ca-certificates"
USER, HOME, FOLDER = "stranger", "home/stranger", "my sites"
SETTINGS = re.compile(
    "PIP_|UV_|SSL_CERT_|NODE_EXTRA_CA|REQUESTS_CA|CURL_CA|GIT_SSL|npm_config_|https?_proxy|no_proxy", re.I
)
"""Environment variables that installing needs on this machine."""

FILES = ("etc/pip.conf", "etc/npmrc", "etc/resolv.conf", "etc/hosts", "etc/ssl/certs/ca-certificates.crt")
HOME_FILES = (".npmrc", ".config/pip/pip.conf", ".pip/pip.conf")
ENTER = """
mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mount -t tmpfs tmpfs "$0/dev/shm"
setsid -w chroot "$0" "$@"
exit $?
"""
"""The shell stays, as the first process of its namespace: it reaps what others leave."""


SCRIPT = """
ulimit -n 1024
unpack() { mkdir "$1" && git -C /source archive HEAD | tar -x -C "$1"; }
cd ~/%(folder)s && %(get)s || exit
began=$(date +%%s)
setsid sh -c %(serve)s >~/run.log 2>&1 &
group=$!
until curl -s "http://127.0.0.1:$PORT/api/stats" | grep -q '"totalVisits":4000'; do
  kill -0 $group 2>/dev/null && [ $(($(date +%%s) - began)) -lt 900 ] || { tail -n 30 ~/run.log; exit 1; }
  sleep 0.5
done
echo "make run serves 4,000 after $(($(date +%%s) - began)) s"
kill -s INT -- -$group
wait $group
unset PORT
for command in %(then)s; do
  began=$(date +%%s)
  sh -c "$command" >~/log 2>&1
  status=$?
  if [ $status = 0 ]; then grep -E '^NOT TESTED|passed' ~/log; else tail -n 80 ~/log; fi
  echo "$command: status $status after $(($(date +%%s) - began)) s"
  [ $status = 0 ] || exit $status
done
[ -d .git ] || exit 0
git status --short
[ -z "$(git status --porcelain)" ] || { echo "the commands have changed these files"; exit 1; }
"""


def commands(then: list[str]) -> dict[str, str]:
    """The README's commands: `get` the source, `serve`, and `then` what "Contribute" has, or the given commands."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    get, serve = blocks[0].splitlines()
    contribute = next(block.splitlines() for block in blocks if "make test" in block)
    return {"get": get, "serve": shlex.quote(serve), "then": shlex.join(then or contribute)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", default="trixie", help=f"{', '.join(SUITES)}, several of them, or all")
    parser.add_argument("--way", default="clone", help=f"{', '.join(WAYS)}; one for each suite, or all for each")
    parser.add_argument("--arch", help="another architecture, such as arm64, with QEMU (qemu-user-static)")
    parser.add_argument("--then", action="append", default=[], help="commands in place of the README's `make test` …")
    options = parser.parse_args()
    if os.getuid() != 0 or not shutil.which("mmdebstrap"):
        sys.exit("make fresh needs root, and mmdebstrap: apt-get install mmdebstrap")
    suites = SUITES if options.suite == "all" else options.suite.split()
    failed = 0
    for suite, ways in zip(suites, _ways(options.way, len(suites)), strict=True):
        with TemporaryDirectory(prefix="fresh-", ignore_cleanup_errors=True) as folder:
            new = Path(folder) / f"{suite}.tar"
            _make(new, suite, options.arch)
            for way in ways:
                failed += not _try(new, f"{suite}, {way}", way, options.then)
    return failed


def _ways(given: str, suites: int) -> list[tuple[str, ...]]:
    if given == "all":
        return [tuple(WAYS)] * suites
    ways = given.split()
    return [(ways[number % len(ways)],) for number in range(suites)]


def _make(new: Path, suite: str, architecture: str | None) -> None:
    """Write a new machine to the archive `new`, from the first Debian mirror of this machine."""
    listed = ("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian")
    (mirror, *_) = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split() or [""]
    configured = subprocess.run(("apt-config", "dump"), capture_output=True, text=True, check=True).stdout
    settings = [line for line in configured.splitlines() if re.match(r"Acquire::https?::", line)]
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}"]
    command += [f"--aptopt={line}" for line in ('Acquire::Check-Valid-Until "false"', *settings)]
    command += [f"--architectures={architecture}"] if architecture else []
    subprocess.run([*command, suite, str(new), *([f"deb {mirror} {suite} main"] if mirror else [])], check=True)


def _try(new: Path, name: str, way: str, then: list[str]) -> bool:
    """Unpack a machine, run the commands on it, and remove it. Returns whether all have succeeded."""
    with TemporaryDirectory(prefix="fresh-", ignore_cleanup_errors=True) as folder:
        machine = Path(folder)
        subprocess.run(("tar", "-xf", new, "-C", machine), check=True)
        machine.chmod(0o755)
        _move_in(machine, way, {**commands(then), "folder": shlex.quote(FOLDER)})
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, str(machine)]
        kept = [f"{key}={value}" for key, value in os.environ.items() if SETTINGS.match(key)]
        command += ["su", USER, "-s", "/bin/sh", "-c", shlex.join(["env", "-i", *_login(kept), "sh", f"/{HOME}/go.sh"])]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(f"{name}: {line}")
            sys.stdout.flush()
        return process.wait() == 0


def _login(kept: list[str]) -> Iterator[str]:
    """The variables of a new login, those that installing needs, and a port that is free here."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    yield from (f"HOME=/{HOME}", f"USER={USER}", "PATH=/usr/local/bin:/usr/bin:/bin", f"PORT={port}", *kept)


def _move_in(machine: Path, way: str, words: dict[str, str]) -> None:
    """Copy configuration, source and script to a machine, and make its user."""
    subprocess.run(("chroot", machine, "useradd", "--create-home", USER), check=True)
    copies = [(Path("/") / name, machine / name) for name in FILES]
    copies += [(Path.home() / name, machine / HOME / name) for name in HOME_FILES]
    for source, target in copies:
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    (machine / HOME / FOLDER).mkdir()
    git = ("git", "-c", "safe.directory=*", "clone", "--quiet", "--bare", "--no-hardlinks")
    subprocess.run((*git, ROOT, machine / "source"), check=True)
    get = words["get"].replace("git clone ADDRESS-OF-THIS-REPOSITORY", WAYS[way])
    (machine / HOME / "go.sh").write_text(f"cd\n{SCRIPT % {**words, 'get': get}}")
    subprocess.run(("chroot", machine, "chown", "-R", USER, f"/{HOME}", "/source"), check=True)


if __name__ == "__main__":
    raise SystemExit(main())
