"""HOST: the address that the server listens on."""

import re
import socket

import psutil
from support.programs.processes import wait_until
from support.servers.server import Server


def announced(server: Server) -> int:
    """The port, once the server has logged it."""
    match = wait_until(lambda: re.search(r"http://\S+:(\d+)", server.log), "it says where it serves")
    return int(match[1])


def is_alive(host: str, port: int) -> bool:
    with socket.create_connection((host, port), 5) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return line.recv(100).startswith(b"HTTP/1.1 200")


def test_server_listens_on_no_other_address(new_server, sqlite_database):
    server = new_server(sqlite_database, HOST="127.0.0.2").launch()
    assert is_alive("127.0.0.2", announced(server))
    # Another program may have the same port on 127.0.0.1, so a connection to it would prove nothing.
    parent = psutil.Process(server.pid)
    sockets = [socket for process in [parent, *parent.children(True)] for socket in process.net_connections("tcp")]
    assert {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN} == {"127.0.0.2"}


def test_server_on_all_ipv6_addresses_listens_on_all_ipv4_addresses_as_well(new_server, sqlite_database):
    port = announced(new_server(sqlite_database, HOST="::").launch())
    assert is_alive("::1", port)
    assert is_alive("127.0.0.1", port)
