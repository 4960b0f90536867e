"""Proxies of the guide that only the table *front* needs."""

from pathlib import Path

from support.programs.installed import program
from support.servers.proxies import Caddy, Nginx, Proxy, documented, replaced


class NginxBelowPath(Nginx):
    """An nginx with the documented location below a path."""

    path = "/live"

    def _configuration(self) -> str:
        changed = {"http://127.0.0.1:8000/": f"http://127.0.0.1:{self.upstream}/"}
        code = replaced(documented("nginx"), changed)
        code = code.replace("location", f"server {{ listen 127.0.0.1:{self.port};\nlocation", 1)
        logs = f"access_log off; error_log {self.folder}/error.log;"
        return f"pid {self.folder}/nginx.pid; events {{}} http {{ {logs}\n{code} }} }}"


class CaddyBelowPath(Caddy):
    """A Caddy with the documented block below a path."""

    path = "/live"

    def configuration(self) -> str:
        code = replaced(documented("caddyfile"), {"127.0.0.1:8000": f"127.0.0.1:{self.upstream}"})
        return f"{{\n\tadmin off\n}}\nhttp://127.0.0.1:{self.port} {{\n{code}}}\n"


class Haproxy(Proxy):
    """An HAProxy with the configuration of the guide."""

    def command(self) -> tuple[str | Path, ...]:
        tls = f" ssl crt {self.certificate}" if self.certificate else ""
        changed = {
            ":443 ssl crt /etc/haproxy/live.pem": f"127.0.0.1:{self.port}{tls}",
            "127.0.0.1:8000": f"127.0.0.1:{self.upstream}",
        }
        configuration = self.folder / "haproxy.cfg"
        configuration.write_text(replaced(documented("haproxy"), changed))
        return (program("haproxy"), "-db", "-f", configuration)
