import pytest
from support.servers.odd_server import OddServer

from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.outbound.client import HttpClient


@pytest.fixture
def client():
    return HttpClient(ThreadRuntime())


@pytest.fixture(scope="session")
def new_odd():
    """Start servers that respond with the given bytes, and stop them afterwards."""
    servers: list[OddServer] = []

    def start(*args, **kwargs) -> OddServer:
        servers.append(OddServer(*args, **kwargs))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
