"""`koyjabo` without arguments serves on this machine, with data that belongs to the user."""

from pathlib import Path

import pytest
from support.databases.database import SqliteDatabase
from support.programs.processes import run
from support.servers.server import Server

pytestmark = pytest.mark.honest_start

DEVELOPMENT = {"ENVIRONMENT": "development", "SECRET_KEY": None}


class OwnServer(Server):
    def __init__(self, folder: Path) -> None:
        super().__init__(SqliteDatabase(folder / "koyjabo" / "instance" / "koyjabo.db"), folder)
        self.program = ("-m", "koyjabo", "--port", "0", "--total", "4000")
        self.settings = {**DEVELOPMENT, "XDG_DATA_HOME": folder}


@pytest.fixture
def server(tmp_path):
    server = OwnServer(tmp_path)
    yield server.start()
    server.kill()


def test_the_command_serves_only_this_machine_and_accepts_an_earlier_total_once(server, tmp_path):
    assert server.register("ayesha").ordinal == 4001
    (worker,) = server.workers()
    assert {line.laddr.ip for line in worker.net_connections() if line.status == "LISTEN"} == {"127.0.0.1"}
    home = tmp_path / "koyjabo"
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / "instance" / "koyjabo.db").is_file()
    assert f"KOYJABO_HOME={home}" in server.log
    server.stop()
    refused = run("-m", "koyjabo", "--total", "9000", "--port", "0", **DEVELOPMENT, XDG_DATA_HOME=tmp_path)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "koyjabo total set 9000" in refused.stderr
