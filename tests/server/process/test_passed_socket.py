"""With a listening socket from the service manager, a restart refuses no connection."""

import os
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from activated_server import ActivatedServer
from support.clients.connection import Answer, Connection
from support.programs.processes import wait_until
from support.servers.server import START_S

from koyjabo.server.process.listening_socket import PASSED_VARIABLES, passed

CLIENTS = 4


def register_until(is_over: threading.Event, port: int, numbers: Iterator[int], answers: list[Answer]) -> None:
    """Register visits without pause, each on a new connection. None is ever refused."""
    while not is_over.is_set():
        with Connection(port, START_S) as connection:
            answers.append(connection.send_visit(f"visitor-{next(numbers)}").answer())


def test_a_restart_with_a_passed_socket_refuses_no_connection_and_loses_no_visit(sqlite_database, tmp_path):
    """The server ignores PORT. New connections wait for the next server."""
    is_over, numbers, answers = threading.Event(), count(), []

    def wait_for_more(more: int) -> None:
        enough = len(answers) + more
        wait_until(lambda: len(answers) >= enough, f"{more} more visits are acknowledged", START_S, 0.005)

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(CLIENTS) as threads:
        server = ActivatedServer(sqlite_database, tmp_path, listener, PORT=1)
        try:
            assert server.start().port == listener.getsockname()[1]
            clients = [threads.submit(register_until, is_over, server.port, numbers, answers) for _ in range(CLIENTS)]
            wait_for_more(30)
            assert server.stop().status == 0
            server.start()
            wait_for_more(30)
            is_over.set()
            for client in clients:
                client.result()
        finally:
            is_over.set()
            server.kill()
    assert {answer.status for answer in answers} == {200}
    ordinals = sorted(answer.json["visit"]["ordinal"] for answer in answers)
    assert ordinals == list(range(1, len(ordinals) + 1))
    assert sqlite_database.rows("SELECT count(*) FROM visits") == [(len(ordinals),)]


@pytest.mark.empty_database
def test_an_unusable_passed_socket_ends_the_start_with_one_sentence(sqlite_database, tmp_path):
    """The cases are two sockets, one that does not listen, and two that are not TCP."""
    with (
        socket.create_server(("127.0.0.1", 0)) as two,
        socket.socket() as silent,
        socket.socket(socket.AF_UNIX) as local,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
    ):
        local.bind("")  # a name that the kernel chooses
        local.listen()
        for given, count_, message in (
            (two, "2", "LISTEN_FDS is '2'"),
            (silent, "1", "Descriptor 3 is not a listening TCP socket"),
            (local, "1", "Descriptor 3 is not a listening TCP socket"),
            (datagrams, "1", "Descriptor 3 is not a listening TCP socket"),
        ):
            server = ActivatedServer(sqlite_database, tmp_path, given, LISTEN_FDS=count_).launch()
            assert server.wait().status == 2
            assert re.fullmatch(rf"{re.escape(message)}[^\n]+\.\n", server.log), server.log


def test_a_socket_for_another_process_is_ignored_and_no_child_inherits_its_variables(monkeypatch):
    for name in PASSED_VARIABLES:
        monkeypatch.setenv(name, "1")
    assert passed() is None
    assert not set(PASSED_VARIABLES) & set(os.environ)
