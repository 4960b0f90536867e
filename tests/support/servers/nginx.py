"""A real nginx, from Debian, with the project's configuration."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from support.programs.forking import ROOT
from support.programs.installed import program
from support.programs.ports import free_port
from support.programs.service import Service

CONFIGURATION = ROOT / "deploy" / "nginx.conf"
WAITING = re.compile(r"^        # (listen 443 |ssl_certificate |ssl_certificate_key |if )", re.MULTILINE)
"""Commented-out lines of the configuration that need a certificate."""


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


class TlsNginx(Nginx):
    """An nginx that also serves TLS, with the commented-out lines enabled and its own certificate."""

    def __init__(self, folder: Path, upstream: int) -> None:
        super().__init__(folder, upstream)
        self.tls_port = free_port()
        self.certificate = folder / "fullchain.pem"

    def command(self) -> tuple[str | Path, ...]:
        made = [program("openssl", "Debian has it"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
        made += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        made += ["-keyout", str(self.folder / "privkey.pem"), "-out", str(self.certificate)]
        subprocess.run(made, check=True, capture_output=True)
        return super().command()

    def _configuration(self) -> str:
        text, waited = WAITING.subn(r"        \1", super()._configuration())
        assert waited == 4
        return replaced(
            text,
            {
                "listen 443 ssl;": f"listen 127.0.0.1:{self.tls_port} ssl;",
                "/etc/nginx/tls/fullchain.pem": str(self.certificate),
                "/etc/nginx/tls/privkey.pem": str(self.folder / "privkey.pem"),
            },
        )


def replaced(text: str, changed: dict[str, str]) -> str:
    for ours, theirs in changed.items():
        assert text.count(ours) == 1, ours
        text = text.replace(ours, theirs)
    return text
