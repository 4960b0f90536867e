"""Key sets that a server publishes: which keys are read, and servers that hang or lie."""

import json
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from support.application.runtimes import loop_on, pause_until
from support.application.site import Time
from support.servers.odd_server import OddServer

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import KeysUnavailable
from koyjabo.base.jwks import key_set
from koyjabo.base.jwks.key_set import FRESH_S, PAUSE_S, InvalidKeySet, KeySet, PublishedKeys
from koyjabo.base.outbound.client import HttpClient
from koyjabo.integrations.trusted_tokens import external_logins
from koyjabo.integrations.trusted_tokens.external_logins import read_keys


def document(*names: str) -> bytes:
    made = {name: ec.generate_private_key(ec.SECP256R1()).public_key() for name in names}
    listed = [json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key)) | {"kid": name} for name, key in made.items()]
    return json.dumps({"keys": listed}).encode()


def answer(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


class Reader:
    """A server's keys, read on a loop in this thread."""

    def __init__(self, runtime: Any, server: OddServer) -> None:
        self.time, self._runtime = Time(), runtime
        clock = Clock(ZoneInfo("Asia/Dhaka"), now_ms=self.time, elapsed_ms=self.time.elapsed_ms)
        self.keys = PublishedKeys(partial(read_keys, HttpClient(runtime), server.url), runtime, clock)

    def has(self, name: str) -> bool | None:
        """Whether the key is known, or None before any keys were read."""
        try:
            return self.keys.find(name, "ES256") is not None
        except KeysUnavailable:
            return None

    def settle(self) -> None:
        pause_until(self._runtime, lambda: not self.keys._is_reading)


@pytest.fixture
def server():
    server = OddServer(answer(document("first")))
    yield server
    server.stop()


@pytest.fixture
def reader(server):
    with loop_on() as runtime:
        yield Reader(runtime, server)


def test_unknown_key_is_looked_for_once_in_a_while(reader, server):
    reader.keys.tick()
    server.answer = answer(document("second"))
    for _ in range(20):
        assert reader.has("second") is False
        reader.settle()
    assert len(server.requests) == 1
    reader.time.pass_(seconds=PAUSE_S)
    for _ in range(20):
        assert reader.has("second") is False, "the request itself waits for nothing"
    reader.settle()
    assert (reader.has("second"), reader.has("first"), len(server.requests)) == (True, False, 2)


def test_keys_are_read_again_in_time_and_no_sooner(reader, server):
    assert reader.has("first") is None, "no request waits for the first keys"
    reader.settle()
    server.answer = answer(document("second"))
    reader.time.pass_(seconds=FRESH_S - 1)
    reader.keys.tick()
    assert (reader.has("first"), len(server.requests)) == (True, 1)
    reader.time.pass_(seconds=1)
    reader.keys.tick()
    assert (reader.has("second"), len(server.requests)) == (True, 2)


BAD = {
    "status 500": answer(document("second"), "500 Internal Server Error"),
    "redirect": answer(b"", "302 Found\r\nLocation: http://127.0.0.1:1/"),
    "no JSON": answer(b"<html>"),
    "no keys": answer(b'{"keys": []}'),
    "private secret": answer(b'{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "second"}]}'),
    "too many": answer(document(*map(str, range(21)))),
    "10 MB": answer(b" " * 10_000_000 + document("second")),
    "cut off": answer(document("second"))[:-5],
    "closed": b"",
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_failure_keeps_the_keys_and_is_tried_again(reader, server, bad, caplog):
    reader.keys.tick()
    server.answer = bad
    reader.time.pass_(seconds=FRESH_S)
    reader.keys.tick()
    assert (reader.has("first"), reader.has("second")) == (True, False)
    assert "keys_not_read" in caplog.text
    server.answer = answer(document("second"))
    reader.time.pass_(seconds=PAUSE_S)
    reader.keys.tick()
    assert reader.has("second") is True


def test_server_that_hangs_costs_its_time_and_no_more(reader, server, monkeypatch):
    reader.keys.tick()
    server.pause_s = None
    monkeypatch.setattr(external_logins, "TIMEOUT_S", 0.3)
    reader.time.pass_(seconds=FRESH_S)
    assert reader.has("second") is False  # starts a new read
    assert reader.has("first") is True
    assert reader.keys._is_reading
    reader.settle()
    assert reader.has("first") is True


RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
MAKERS = {
    "RS256": (RSA, jwt.algorithms.RSAAlgorithm),
    "ES256": (EC, jwt.algorithms.ECAlgorithm),
    "ES384": (ec.generate_private_key(ec.SECP384R1()), jwt.algorithms.ECAlgorithm),
    "EdDSA": (ed25519.Ed25519PrivateKey.generate(), jwt.algorithms.OKPAlgorithm),
}
OCT = {"kty": "oct", "kid": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}


def public(algorithm: str, key: Any = None, **more: Any) -> dict[str, Any]:
    own, maker = MAKERS[algorithm]
    return {**json.loads(maker.to_jwk((key or own).public_key())), "kid": algorithm, **more}


def read(*keys: Any) -> KeySet:
    return key_set.read(json.dumps({"keys": keys}).encode())


def test_key_only_verifies_by_algorithms_of_its_kind():
    keys = read(*map(public, MAKERS), OCT)
    of_rsa = {name for name, (kind, _) in key_set.KINDS.items() if kind == "RSA"}
    for name, (private, _) in MAKERS.items():
        token = jwt.encode({"sub": "x"}, private, name)
        assert jwt.decode(token, keys.find(name, name), [name]) == {"sub": "x"}
        others = {*key_set.KINDS, "HS256", "none", "ES256K"} - ({name} if name != "RS256" else of_rsa)
        assert [other for other in others if keys.find(name, other) is not None] == []
    assert keys.find("oct", "HS256") is None
    assert keys.find("another", "RS256") is None


def test_without_an_id_exactly_one_key_has_to_fit():
    another = public("RS256", rsa.generate_private_key(65537, 2048), kid="second")
    assert read(public("RS256"), public("ES256")).find(None, "RS256") is not None
    assert read(public("RS256"), another).find(None, "RS256") is None
    assert read(public("RS256"), public("RS256")).find("RS256", "RS256") is None  # two with the same id
    assert read(public("RS256", alg="RS512"), another).find(None, "RS256") is not None


def test_keys_that_cannot_verify_are_left_out():
    weak = public("RS256", rsa.generate_private_key(65537, 1024), kid="weak")
    left_out = [weak, OCT, 1, {}, {"kty": "RSA"}, public("RS256", use="enc"), public("RS256", alg="RSA-OAEP")]
    left_out.append(public("RS256", alg="none"))
    left_out += [public("ES256", crv="P-0"), public("ES256", x="?"), {"kty": "EC", "crv": "secp256k1"}]
    keys = read(*left_out, public("ES256"))
    assert keys.find("ES256", "ES256") is not None
    assert [name for name in key_set.KINDS if keys.find("weak", name) or keys.find("RS256", name)] == []
    with pytest.raises(InvalidKeySet):
        read(*left_out)


MALFORMED = [b"", b"{}", b"[]", b'{"keys": {}}', b'{"keys": []}', b"[" * 50_000, b"\xff", b'"keys"', b"9" * 5_000]


def test_invalid_key_sets_are_refused():
    for document in [*MALFORMED, b" " * key_set.LONGEST + b"{}"]:
        with pytest.raises(InvalidKeySet):
            key_set.read(document)
    most = [public("ES256", kid=str(number)) for number in range(key_set.MAX_KEYS + 1)]
    assert read(*most[:-1]).find("0", "ES256") is not None
    with pytest.raises(InvalidKeySet):
        read(*most)
