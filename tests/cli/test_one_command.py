"""`koyjabo` without arguments serves on this machine, with data that belongs to the user."""

from pathlib import Path

import pytest
from support.databases.database import SqliteDatabase
from support.programs.processes import run
from support.servers.server import Server

pytestmark = pytest.mark.honest_start

HOME = "KOYJABO_HOME"
DEVELOPMENT = {"ENVIRONMENT": "development", "SECRET_KEY": None}


class OwnServer(Server):
    """Started with `koyjabo`, its data in a folder."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        super().__init__(SqliteDatabase(folder / "koyjabo" / "instance" / "koyjabo.db"), folder)
        self.program = ("-m", "koyjabo", "--port", "0", *arguments)
        self.settings = {**DEVELOPMENT, "XDG_DATA_HOME": folder}


@pytest.fixture
def own_server(tmp_path):
    servers = []

    def new(*arguments: str) -> OwnServer:
        servers.append(OwnServer(tmp_path, *arguments))
        return servers[-1]

    yield new
    for server in servers:
        server.kill()


def test_command_serves_this_machine_with_private_data(own_server, tmp_path):
    server = own_server().start()
    server.register("ayesha")
    listening = [
        connection.laddr.ip for connection in server.workers()[0].net_connections() if connection.status == "LISTEN"
    ]
    assert set(listening) == {"127.0.0.1"}
    home = tmp_path / "koyjabo"
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / "instance" / "koyjabo.db").is_file()
    assert f"{HOME}={home}" in server.log
    stats = run("-m", "koyjabo", "stats", **DEVELOPMENT, KOYJABO_HOME=home)
    assert "1" in stats.stdout


def test_total_begins_a_counter_and_is_refused_once_it_has_visits(own_server, tmp_path):
    server = own_server().start()
    server.stop()
    continued = own_server("--total", "4000").start()
    assert continued.register("ayesha").ordinal == 4001
    continued.stop()
    refused = run("-m", "koyjabo", "--total", "9000", "--port", "0", **DEVELOPMENT, XDG_DATA_HOME=tmp_path)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        "Error: This counter has visits, and --total is only for a new one. To change its total, use: "
        "koyjabo total set 9000\n"
    )


def test_options_for_serving_are_refused_with_a_command():
    refused = run("-m", "koyjabo", "--total", "1", "stats")
    assert refused.returncode == 2
    assert "only for serving without a command" in refused.stderr
