"""Public key sets: which keys are read, and which key verifies a token."""

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from koyjabo.base.jwks import key_set
from koyjabo.base.jwks.key_set import InvalidKeySet, KeySet

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


BAD = [b"", b"{}", b"[]", b'{"keys": {}}', b'{"keys": []}', b"[" * 50_000, b"\xff", b'"keys"', b"9" * 5_000]


def test_invalid_key_sets_are_refused():
    for document in [*BAD, b" " * key_set.LONGEST + b"{}"]:
        with pytest.raises(InvalidKeySet):
            key_set.read(document)
    most = [public("ES256", kid=str(number)) for number in range(key_set.MAX_KEYS + 1)]
    assert read(*most[:-1]).find("0", "ES256") is not None
    with pytest.raises(InvalidKeySet):
        read(*most)
