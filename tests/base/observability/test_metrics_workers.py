"""Metrics of several workers, and their folder."""

import shutil
from pathlib import Path

import pytest
from support.clients.members import Member, PlainMember
from support.clients.websocket import SocketIO, WebSocket
from support.clients.worker_connections import all_ready, two_workers
from support.programs.processes import wait_until
from support.servers.server import START_S, Server

from koyjabo.server.process.metrics_folder import FOLDER_PREFIX

ENDED = "koyjabo_connection_duration_seconds_count"
FILES = [f"{kind}_{place}" for kind in ("counter", "histogram", "now") for place in (0, 1)]
"""The files of two workers: one per kind and worker. A worker writes its last file a second or more after its start."""


@pytest.fixture(scope="module")
def temporary(tmp_path_factory) -> Path:
    """A directory that contains only the server's folder."""
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def workers(module_servers, module_sqlite_database, redis, temporary) -> Server:
    return two_workers(module_servers(module_sqlite_database, REDIS_URL=redis.url, TMPDIR=temporary))


def scraped(server: Server) -> dict[str, float]:
    lines = [line for line in server.metrics().splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_the_sockets_of_all_workers_are_counted_for_each_kind_and_each_community(workers):
    founder, ended = Member(workers), scraped(workers)[ENDED]
    community = founder.found()
    of_community = f'koyjabo_community_connections{{community="{community}"}}'
    sockets = [kind(workers.port) for kind in (WebSocket, SocketIO) for _ in range(6)]
    member = PlainMember(workers.port, community, founder.token)
    expected = {'koyjabo_connections{kind="site"}': 6, 'koyjabo_connections{kind="socketio"}': 6, "koyjabo_workers": 2}
    expected[of_community] = 1

    def shown() -> bool:
        now = scraped(workers)
        return all(now.get(name) == value for name, value in expected.items())

    wait_until(shown, "six of each")
    member.close()
    for socket in sockets:
        socket.end()
    wait_until(lambda: scraped(workers)['koyjabo_connections{kind="site"}'] == 0, "nobody")
    wait_until(lambda: scraped(workers)[ENDED] == ended + 13, "all have ended")
    wait_until(lambda: of_community not in scraped(workers), "it is gone")


def test_a_visitor_who_returns_after_a_lost_connection_is_counted_as_one_reconnection(workers):
    before = scraped(workers)["koyjabo_reconnections_total"]
    lost = WebSocket(workers.port, path="/?visitorId=rahim")
    lost.event()
    ended = scraped(workers)[ENDED]
    lost.reset()
    wait_until(lambda: scraped(workers)[ENDED] == ended + 1, "it has ended")
    with WebSocket(workers.port, path="/?visitorId=rahim") as back, WebSocket(workers.port, path="/?visitorId=other"):
        back.event()
        wait_until(lambda: scraped(workers)["koyjabo_reconnections_total"] == before + 1, "it is counted, and once")
    wait_until(lambda: scraped(workers)[ENDED] == ended + 3, "all have ended")


def test_the_counts_of_a_replaced_worker_are_kept_and_its_files_are_reused(workers, temporary):
    (folder,) = temporary.glob(f"{FOLDER_PREFIX}*")
    wait_until(lambda: files_in(folder) == FILES, "both have written all their files")
    visits = scraped(workers)["koyjabo_commit_visits_sum"]
    for _ in range(2):
        workers.kill_worker()
        wait_until(lambda: all_ready(workers, 2), "it is replaced", START_S)
    for number in range(20):
        workers.register(f"visitor-{number}")
        workers._http.close()  # the next connection may reach the other worker
    now = wait_until(lambda: (now := scraped(workers))["koyjabo_workers"] == 2 and now, "both tell")
    assert now["koyjabo_commit_visits_sum"] == visits + 20
    assert files_in(folder) == FILES


def files_in(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.iterdir() if path.suffix in (".db", ".json"))


def test_a_server_deletes_its_folder_of_metrics_and_survives_the_loss_of_it(new_server, sqlite_database, tmp_path):
    """A killed server's folder is deleted at the next start. Cleanup programs only check the age of files."""
    (place := tmp_path / "folders").mkdir()
    server = new_server(sqlite_database, TMPDIR=place).start()
    server.kill()
    (left_behind,) = place.iterdir()
    server.start()
    server.register("ayesha")
    (folder,) = place.iterdir()
    assert folder != left_behind
    shutil.rmtree(folder.rename(tmp_path / "gone"))  # at once, because the worker writes into it
    assert scraped(server)["koyjabo_commit_visits_sum"] == 1
    killed = server.kill_worker()
    wait_until(lambda: all(worker.pid != killed for worker in server.workers()) and server.workers(), "another one")
    assert server.register("bilkis").ordinal == 2
    assert scraped(server)["koyjabo_commit_visits_sum"] == 1  # it starts again at 0
    server.stop()
    assert list(place.iterdir()) == []
