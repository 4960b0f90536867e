"""A worker whose key server hangs, is slow, lies or never stops sending: no one else is affected."""

import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from support.clients.websocket import WebSocket, say
from support.programs.processes import wait_until
from support.servers.changed_server import TRESPASS, ChangedServer
from support.servers.odd_server import OddServer

pytestmark = [
    pytest.mark.honest_start,
    pytest.mark.long(proved_by="base/jwks/test_published_keys.py::test_server_that_hangs_costs_its_time_and_no_more"),
]

KEY = rsa.generate_private_key(65537, 2048)
DOCUMENT = json.dumps({"keys": [{**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key())), "kid": "a"}]})
OK = b"HTTP/1.1 200 OK\r\n"
ANSWER = OK + f"Content-Length: {len(DOCUMENT)}\r\n\r\n{DOCUMENT}".encode()
OFTEN = {
    "base.jwks.key_set.FRESH_S": 0.2,
    "base.jwks.key_set.PAUSE_S": 0.2,
    "integrations.trusted_tokens.external_logins.TIMEOUT_S": 3600,
    "integrations.trusted_tokens.external_logins.POLL_S": 0.1,
}
PINGS = 20
FAULTS = {
    "drips": (ANSWER, 0.01),
    "sends 10 MB": (OK + b"\r\n" + b"x" * 10_000_000, 0.0),
    "lies about its length": (OK + b"Content-Length: 5000\r\n\r\n{}", 0.0),
    "closes": (b"", 0.0),
    "sends a huge head": (OK + b"X: y\r\n" * 1_000_000, 0.0),
    "hangs": (b"", None),  # forever, so it comes last
}


@pytest.fixture
def keys():
    server = OddServer(b"", 0.0)
    yield server
    server.stop()


@pytest.fixture
def server(sqlite_database, tmp_path, keys):
    auth = {"AUTH_JWKS_URL": keys.url.replace("127.0.0.1", "localhost"), "AUTH_ISSUER": "me", "AUTH_AUDIENCE": "live"}
    changes = {f"koyjabo.{name}": value for name, value in OFTEN.items()}
    server = ChangedServer(sqlite_database, tmp_path, CHANGES=json.dumps(changes), WATCHED=1, **auth)
    yield server
    server.kill()


def ask(server, kid: str = "a"):
    claims = {"sub": "u1", "iss": "me", "aud": "live", "exp": int(time.time()) + 60}
    token = jwt.encode(claims, KEY, "RS256", {"kid": kid})
    return server.get("/api/communities", headers={"Authorization": f"Bearer {token}"})


def test_faulty_key_server_disturbs_no_other_request(server, keys):
    server.start()
    assert (ask(server).status_code, ask(server).json()["code"]) == (503, "keys_unavailable")
    keys.answer = ANSWER
    wait_until(lambda: ask(server).status_code == 200, "the keys are read")
    for fault, (answer, pause_s) in FAULTS.items():
        keys.answer, keys.pause_s = answer, pause_s
        asked = len(keys.requests)
        assert ask(server, "unknown").status_code == 401
        wait_until(lambda asked=asked: len(keys.requests) > asked, f"it is asked and {fault}")
        with WebSocket(server.port) as page:
            for _ in range(PINGS):
                page.send(say(type="ping"))
                while page.event()["type"] != "pong":
                    pass
        assert ask(server).status_code == 200, fault
    assert TRESPASS not in server.log, server.log[-2000:]
