"""A real nginx, from Debian, with the project's own configuration."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from pathlib import Path

from support.databases.redis import free_port
from support.programs.installed import program
from support.programs.processes import ROOT, wait_until

CONFIGURATION = ROOT / "deploy" / "nginx.conf"
WAITING = re.compile(r"^        # (listen 443 |ssl_certificate |ssl_certificate_key |if )", re.MULTILINE)
"""How the lines begin that are for whoever has a certificate."""


class Nginx:
    """In front of a server on `upstream`. It keeps its port when that is restarted."""

    def __init__(self, folder: Path, upstream: int) -> None:
        self.port = free_port()
        self.upstream = upstream
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Nginx:
        nginx, configuration = program("nginx", "`make nginx` brings it"), self._folder / "nginx.conf"
        configuration.write_text(self._configuration())
        with (self._folder / "said").open("wb") as said:
            self._process = subprocess.Popen(
                [nginx, "-p", self._folder, "-c", configuration, "-g", self._options()],
                cwd=self._folder,
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
        changed = {
            "server app:8000;": f"server 127.0.0.1:{self.upstream};",
            "        listen 80;": f"        listen 127.0.0.1:{self.port};",
            "pid /run/nginx.pid;": f"pid {self._folder}/nginx.pid;",
            "error_log /var/log/nginx/": f"error_log {self._folder}/",
            "access_log /var/log/nginx/": f"access_log {self._folder}/",
            "worker_processes auto;": "worker_processes 1;",
        }
        return replaced(CONFIGURATION.read_text(), changed)


class TlsNginx(Nginx):
    """It speaks TLS, too, by the lines that wait for that, with a certificate of its own."""

    def __init__(self, folder: Path, upstream: int) -> None:
        super().__init__(folder, upstream)
        self.tls_port = free_port()
        self.certificate = folder / "fullchain.pem"

    def start(self) -> Nginx:
        made = [program("openssl", "Debian has it"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
        made += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        made += ["-keyout", str(self._folder / "privkey.pem"), "-out", str(self.certificate)]
        subprocess.run(made, check=True, capture_output=True)
        return super().start()

    def _configuration(self) -> str:
        text, waited = WAITING.subn(r"        \1", super()._configuration())
        assert waited == 4
        return replaced(
            text,
            {
                "listen 443 ssl;": f"listen 127.0.0.1:{self.tls_port} ssl;",
                "/etc/nginx/tls/fullchain.pem": str(self.certificate),
                "/etc/nginx/tls/privkey.pem": str(self._folder / "privkey.pem"),
            },
        )


def replaced(text: str, changed: dict[str, str]) -> str:
    for ours, theirs in changed.items():
        assert text.count(ours) == 1, ours
        text = text.replace(ours, theirs)
    return text
