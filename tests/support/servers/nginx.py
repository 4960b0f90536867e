"""A real nginx, from Debian, with the project's configuration."""

from __future__ import annotations

import os
from pathlib import Path

from support.programs.forking import ROOT
from support.programs.installed import program
from support.programs.service import Service

CONFIGURATION = ROOT / "deploy" / "nginx.conf"


class Nginx(Service):
    """An nginx in front of a server on `upstream`."""

    def __init__(self, folder: Path, upstream: int) -> None:
        super().__init__(folder)
        self.upstream = upstream

    def command(self) -> tuple[str | Path, ...]:
        configuration = self.folder / "nginx.conf"
        configuration.write_text(self._configuration())
        nginx = program("nginx", "`make tools` brings it")
        return (nginx, "-p", self.folder, "-c", configuration, "-g", self._options())

    @property
    def logs(self) -> str:
        """Everything it has logged."""
        return "".join(map(self.log_of, ("access.log", "error.log"))) + self.log

    def log_of(self, name: str) -> str:
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def _options(self) -> str:
        return "daemon off;" + (" user root;" if os.getuid() == 0 else "")  # only root may enter the folder

    def _configuration(self) -> str:
        """The project's configuration, adapted to a test machine."""
        changed = {
            "server app:8000;": f"server 127.0.0.1:{self.upstream};",
            "        listen 80;": f"        listen 127.0.0.1:{self.port};",
            "pid /run/nginx.pid;": f"pid {self.folder}/nginx.pid;",
            "error_log /var/log/nginx/": f"error_log {self.folder}/",
            "access_log /var/log/nginx/": f"access_log {self.folder}/",
            "worker_processes auto;": "worker_processes 1;",
        }
        return replaced(CONFIGURATION.read_text(), changed)


def replaced(text: str, changed: dict[str, str]) -> str:
    for ours, theirs in changed.items():
        assert text.count(ours) == 1, ours
        text = text.replace(ours, theirs)
    return text
