"""A real nginx, from Debian, with the project's own configuration."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from support.processes import ROOT, wait_until
from support.redis import free_port

MISSING = "there is no nginx on this machine: `make nginx` brings it"
CONFIGURATION = ROOT / "deploy" / "nginx.conf"


def nginx() -> str:
    """Where it is. Without one the test is skipped; where nothing may be skipped (CI), it fails."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not found:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    return found


class Nginx:
    """In front of a server on `upstream`. It keeps its port when that is restarted."""

    def __init__(self, folder: Path, upstream: int) -> None:
        self.port = free_port()
        self.upstream = upstream
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Nginx:
        configuration = self._folder / "nginx.conf"
        configuration.write_text(self._configuration())
        with (self._folder / "said").open("wb") as said:
            self._process = subprocess.Popen(
                [nginx(), "-p", self._folder, "-c", configuration, "-g", self._options()],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        wait_until(self._listens, "nginx listens")
        return self

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(10)

    @property
    def logs(self) -> str:
        """Everything it has written anywhere."""
        return "".join(self.log(name) for name in ("access.log", "error.log", "said"))

    def log(self, name: str) -> str:
        path = self._folder / name
        return path.read_text() if path.exists() else ""

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"nginx ended at start:\n{self.logs}"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _options(self) -> str:
        return "daemon off;" + (" user root;" if os.getuid() == 0 else "")  # the folder is ours alone

    def _configuration(self) -> str:
        """What has to differ on a machine that is nobody's; all else is what people run."""
        text = CONFIGURATION.read_text()
        changed = {
            "server app:8000;": f"server 127.0.0.1:{self.upstream};",
            "        listen 80;": f"        listen 127.0.0.1:{self.port};",
            "pid /run/nginx.pid;": f"pid {self._folder}/nginx.pid;",
            "error_log /var/log/nginx/": f"error_log {self._folder}/",
            "access_log /var/log/nginx/": f"access_log {self._folder}/",
            "worker_processes auto;": "worker_processes 1;",
        }
        for ours, theirs in changed.items():
            assert text.count(ours) == 1, ours
            text = text.replace(ours, theirs)
        return text
