"""A real Caddy, from Debian, with the project's configuration."""

from __future__ import annotations

import os
from pathlib import Path

from support.programs.forking import ROOT
from support.programs.installed import program
from support.programs.service import Service
from support.servers.nginx import replaced

CONFIGURATION = ROOT / "deploy" / "Caddyfile"
ADMIN = "log default {"
"""Tests insert their global options before this line."""


class Caddy(Service):
    """A Caddy in front of a server on `upstream`, without TLS."""

    def __init__(self, folder: Path, upstream: int) -> None:
        super().__init__(folder)
        kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
        home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "config")}
        self.environment = {**kept, **home, "DOMAIN": self.sites(), "UPSTREAM": f"127.0.0.1:{upstream}"}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def sites(self) -> str:
        return f"{self.url}, http://localhost:{self.port}"

    def command(self) -> tuple[str | Path, ...]:
        configuration = self.folder / "Caddyfile"
        configuration.write_text(self.configuration())
        return (program("caddy", "`make tools` brings it"), "run", "--adapter", "caddyfile", "--config", configuration)

    def configuration(self) -> str:
        """The project's configuration, adapted to a test machine, where other instances may be running."""
        return replaced(CONFIGURATION.read_text(), {ADMIN: f"admin off\n\t{ADMIN}"})
