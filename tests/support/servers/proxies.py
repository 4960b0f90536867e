"""A real nginx, Caddy, Apache and HAProxy, from Debian, with the project's configurations."""

from __future__ import annotations

import os
import re
import socket
import ssl
from contextlib import suppress
from pathlib import Path

from support.programs.forking import ROOT
from support.programs.installed import program
from support.programs.patience import PATIENCE_S
from support.programs.service import Service

NGINX_CONFIGURATION = ROOT / "deploy" / "nginx.conf"
CADDY_CONFIGURATION = ROOT / "deploy" / "Caddyfile"
GUIDE = (ROOT / "docs" / "behind-a-proxy.md").read_text()
APACHE_MODULES = Path("/usr/lib/apache2/modules")
PUBLIC_HOST = "live.example.com"
UNVERIFIED_TLS = ssl._create_unverified_context()  # the proxies' certificates are their own
CADDY_OPTIONS = "log default {"  # tests insert their global options before this line


class Proxy(Service):
    """A proxy in front of a server on `upstream`, with TLS if there is a `certificate` with its key."""

    path = ""
    """The path that it serves the server at, without a slash at the end."""

    def __init__(self, folder: Path, upstream: int, certificate: Path | None = None) -> None:
        super().__init__(folder)
        self.upstream, self.certificate = upstream, certificate

    @property
    def url(self) -> str:
        return f"http{'s' if self.certificate else ''}://127.0.0.1:{self.port}{self.path}"

    def _answers(self) -> bool:
        """Caddy issues its certificate after it has begun to listen."""
        if not super()._answers():
            return False
        if not self.certificate:
            return True
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as line:
            return bool(UNVERIFIED_TLS.wrap_socket(line))
        return False


class Nginx(Proxy):
    def command(self) -> tuple[str | Path, ...]:
        configuration = self.folder / "nginx.conf"
        configuration.write_text(self._configuration())
        nginx = program("nginx")
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
            "        listen 80;": f"        listen 127.0.0.1:{self.port}{' ssl' if self.certificate else ''};",
            "pid /run/nginx.pid;": f"pid {self.folder}/nginx.pid;",
            "error_log /var/log/nginx/": f"error_log {self.folder}/",
            "access_log /var/log/nginx/": f"access_log {self.folder}/",
            "worker_processes auto;": "worker_processes 1;",
        }
        if self.certificate:
            changed |= {
                "# ssl_certificate /etc/nginx/tls/fullchain.pem": f"ssl_certificate {self.certificate}",
                "# ssl_certificate_key /etc/nginx/tls/privkey.pem": f"ssl_certificate_key {self.certificate}",
                "# if ($is_in_clear)": "if ($is_in_clear)",
            }
        return replaced(NGINX_CONFIGURATION.read_text(), changed)


class Caddy(Proxy):
    """A Caddy, which issues its own certificate if it has TLS."""

    def __init__(self, folder: Path, upstream: int, certificate: Path | None = None) -> None:
        super().__init__(folder, upstream, certificate)
        others = "" if certificate else f", http://localhost:{self.port}, http://{PUBLIC_HOST}:{self.port}"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "DOMAIN": f"{self.url}{others}",
            "UPSTREAM": f"127.0.0.1:{upstream}",
        }

    def command(self) -> tuple[str | Path, ...]:
        configuration = self.folder / "Caddyfile"
        configuration.write_text(self.configuration())
        return (program("caddy"), "run", "--adapter", "caddyfile", "--config", configuration)

    def configuration(self) -> str:
        """The project's configuration, adapted to a test machine, where other instances may be running."""
        options = ("admin off", "skip_install_trust", "auto_https disable_redirects", CADDY_OPTIONS)
        return replaced(CADDY_CONFIGURATION.read_text(), {CADDY_OPTIONS: "\n\t".join(options)})


class Apache(Nginx):
    """An Apache with the virtual host of the guide."""

    def command(self) -> tuple[str | Path, ...]:
        apache = program("apache2")
        configuration = self.folder / "apache.conf"
        configuration.write_text(self._configuration())
        return (apache, "-d", self.folder, "-f", configuration, "-DFOREGROUND")

    def _configuration(self) -> str:
        modules = ("mpm_event", "authz_core", "headers", "proxy", "proxy_http", "socache_shmcb", "ssl")
        changed = {
            "<VirtualHost *:443>": f"<VirtualHost 127.0.0.1:{self.port}>",
            "/var/log/apache2/live.log": f"{self.folder}/access.log",
            "http://127.0.0.1:8000/": f"http://127.0.0.1:{self.upstream}/",
        }
        host = replaced(documented("apache"), changed)
        if self.certificate:
            host = re.sub(r"/etc/apache2/tls/\S+", str(self.certificate), host)
        else:
            host = re.sub(r"^ +SSL.*\n", "", host, flags=re.MULTILINE)
        return "\n".join(
            [
                *(f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so" for name in modules),
                f"Listen 127.0.0.1:{self.port}",
                f"PidFile {self.folder}/pid",
                f"ErrorLog {self.folder}/error.log",
                "User nobody\nGroup nogroup",
                host,
            ]
        )


def documented(language: str) -> str:
    """The only block of code in this language of the guide about proxies."""
    (code,) = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    assert isinstance(code, str)
    return code


def replaced(text: str, changed: dict[str, str]) -> str:
    for ours, theirs in changed.items():
        assert text.count(ours) == 1, ours
        text = text.replace(ours, theirs)
    return text
