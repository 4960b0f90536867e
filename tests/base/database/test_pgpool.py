"""A server behind pgpool-II as Debian ships it, which sends reads to a standby."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.assertions.ledger import assert_verified
from support.clients.members import Member
from support.clients.websocket import WebSocket
from support.databases.replication import Replication
from support.programs.installed import program
from support.programs.ports import free_port
from support.programs.service import Service

SHIPPED = Path("/usr/share/pgpool2/pgpool.conf")
CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
pcp_port = {pcp_port}
unix_socket_directories = '{folder}'
pcp_socket_dir = '{folder}'
pid_file_name = '{folder}/pgpool.pid'
logdir = '{folder}'
sr_check_user = 'postgres'
backend_hostname0 = '127.0.0.1'
backend_port0 = {primary}
backend_weight0 = 0
backend_hostname1 = '127.0.0.1'
backend_port1 = {standby}
"""
"""All reads that pgpool-II distributes go to the standby."""

LATE = "4s"


class Pgpool(Service):
    def __init__(self, folder: Path, pair: Replication) -> None:
        super().__init__(folder)
        self._pair = pair

    def command(self) -> tuple[str | Path, ...]:
        pgpool = program("pgpool")
        configuration, others = self.folder / "pgpool.conf", self.folder / "none.conf"
        values = {"port": self.port, "pcp_port": free_port(), "folder": self.folder}
        ports = {"primary": self._pair.primary.port, "standby": self._pair.standby.port}
        configuration.write_text(SHIPPED.read_text() + CONFIGURATION.format(**values, **ports))
        others.touch()
        return (pgpool, "-n", "-f", configuration, "-F", others, "-a", others)

    def url_of(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"


@pytest.fixture
def pair(postgres) -> Iterator[Replication]:
    made = Replication(postgres)
    yield made
    made.close()


@pytest.mark.long(
    proved_by="base/database/test_pgbouncer.py::test_the_connections_of_a_pool_keep_no_setting_and_no_lock_of_a_client"
)
def test_a_server_behind_pgpool_counts_and_logs_in_although_the_standby_is_late(pair, new_server, tmp_path):
    database = pair.new_database()
    pair.standby.set_("recovery_min_apply_delay", LATE)
    with Pgpool(tmp_path, pair) as pgpool:
        server = new_server(database, DATABASE_URL=pgpool.url_of(database.name)).start()
        page = WebSocket(server.port)
        assert [server.register(visitor, "1").ordinal for visitor in ("ayesha", "karim")] == [1, 2]
        assert server.register("ayesha", "1").ordinal == 1
        assert server.stats().total == 2
        member = Member(server)
        member.log_in()
        member.visit("karim", member.found())
        assert page.event()
        assert server.get("/readyz").status_code == 200
        assert_verified(server)
