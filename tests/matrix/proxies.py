"""Proxies of the guide, caches and a firewall, which only tables and walks through them need."""

from pathlib import Path

from support.programs.installed import MissingProgram, program
from support.servers.proxies import APACHE_MODULES, Apache, Caddy, Nginx, Proxy, documented, replaced

FIREWALL_FILES = ("/etc/modsecurity/modsecurity.conf-recommended", "/usr/share/modsecurity-crs/owasp-crs.load")


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


class Firewall(Apache):
    """An Apache with Debian's ModSecurity, the recommended file, and the OWASP rules, set to refuse."""

    modules = (*Apache.modules, "unique_id", "security2")
    exceptions = ""

    def _configuration(self) -> str:
        recommended, rules = (Path(path) for path in FIREWALL_FILES)
        if not (APACHE_MODULES / "mod_security2.so").exists() or not (recommended.exists() and rules.exists()):
            raise MissingProgram("ModSecurity is missing: `make tools` installs it")
        data = self.folder / "firewall"
        data.mkdir(exist_ok=True)
        data.chmod(0o777)
        changed = {
            "SecRuleEngine DetectionOnly": "SecRuleEngine On",
            "SecTmpDir /tmp/": f"SecTmpDir {data}",
            "SecDataDir /tmp/": f"SecDataDir {data}",
            "SecAuditLog /var/log/apache2/modsec_audit.log": f"SecAuditLog {self.folder}/audit.log",
            "SecUnicodeMapFile unicode.mapping": f"SecUnicodeMapFile {recommended.parent}/unicode.mapping",
        }
        (self.folder / "modsecurity.conf").write_text(replaced(recommended.read_text(), changed))
        includes = self.exceptions + f"Include {self.folder}/modsecurity.conf\nInclude {rules}\n"
        return super()._configuration().replace("<VirtualHost", f"{includes}<VirtualHost", 1)


class OpenFirewall(Firewall):
    """With the exceptions of the guide."""

    exceptions = documented("modsecurity")


class CachingNginx(Nginx):
    """An nginx with a cache that keeps what the server allows, by path and coding, whatever `Vary` says."""

    def _configuration(self) -> str:
        cache = (
            f"proxy_cache_path {self.folder}/cache keys_zone=all:1m; proxy_cache all; proxy_ignore_headers Vary;"
            " proxy_cache_key $http_host$request_uri$http_accept_encoding; add_header X-Cache $upstream_cache_status;"
        )
        return replaced(super()._configuration(), {"server_tokens off;": f"server_tokens off; {cache}"})


class Varnish(Proxy):
    """A Varnish with its built-in rules and the rules of the guide."""

    @property
    def rules(self) -> str:
        return documented("vcl")

    def command(self) -> tuple[str | Path, ...]:
        configuration = self.folder / "default.vcl"
        backend = f'backend default {{ .host = "127.0.0.1"; .port = "{self.upstream}"; }}'
        configuration.write_text(f"vcl 4.1;\n{backend}\n{self.rules}")
        options = ("-F", "-j", "none", "-T", "none", "-s", "default,16m", "-n", self.folder / "varnish")
        return (program("varnishd"), *options, "-a", f"127.0.0.1:{self.port}", "-f", configuration)


class BuiltinVarnish(Varnish):
    rules = ""
