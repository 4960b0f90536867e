"""AUTH_PUBLIC_KEY: the keys that identity providers publish, as text or file, and what is wrong with the others."""

import base64
import json
import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519

from config import SettingsError
from koyjabo.base.settings.public_keys import KEY_TYPES, MIN_RSA_BITS, PublicKeys

DEFAULT = ("RS256", "ES256", "EdDSA")
NAMED = {"AUTH_ISSUER": "https://auth.example.com", "AUTH_AUDIENCE": "live"}
ALGORITHMS = ("RS256", "ES256", "ES384", "EdDSA")
NEXT, SHORT = "next", "short"  # names of two other RSA keys
MAKERS = {"RS": jwt.algorithms.RSAAlgorithm, "ES": jwt.algorithms.ECAlgorithm, "Ed": jwt.algorithms.OKPAlgorithm}
OCT = {"kty": "oct", "kid": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}


@cache
def private(name: str) -> Any:
    """The private key of an algorithm, or NEXT or SHORT."""
    if name == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if name.startswith("ES"):
        return ec.generate_private_key(ec.SECP256R1() if name == "ES256" else ec.SECP384R1())
    return rsa.generate_private_key(65537, 1024 if name == SHORT else 2048)


def jwk(algorithm: str, key: str = "", **members: Any) -> dict[str, Any]:
    """A public key; members that are None are left out."""
    public = json.loads(MAKERS[algorithm[:2]].to_jwk(private(key or algorithm).public_key()))
    public.pop("key_ops", None)
    return {name: value for name, value in {**public, **members}.items() if value is not None}


def certificate(key: Any) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "auth.example.com")])
    end = datetime.now(UTC) - timedelta(days=1)  # providers leave certificates of their keys as they are
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, end - timedelta(days=9), end)
    return builder.sign(key, hashes.SHA256())


def pem(name: str) -> str:
    return spki(private(name).public_key())


def spki(key: Any) -> str:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def private_pem(key: Any, password: bytes | None = None) -> str:
    cipher = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, cipher).decode()


def key_sets() -> list[list[tuple[str, str, dict[str, Any]]]]:
    """Sets as Auth0, Keycloak, Supabase and Cognito publish: (algorithm, name of the private key, other members)."""
    der = certificate(private("RS256")).public_bytes(serialization.Encoding.DER)
    cert = {"use": "sig", "x5c": [base64.b64encode(der).decode()], "x5t": "NjVBRjY5MDlCMUIwNzU4RTA2QzZF"}
    return [
        [("RS256", "", {**cert, "kid": "NjVBRjY5"}), ("RS256", NEXT, {**cert, "kid": "OdT0Vd1e_n", "alg": "RS256"})],
        [
            ("RS256", NEXT, {**cert, "kid": "A2MJgrKnft", "alg": "RSA-OAEP", "use": "enc", "x5t#S256": "Vq2bS"}),
            ("RS256", "", {**cert, "kid": "qGmLrbr3tP", "alg": "RS256", "x5t#S256": "b0"}),
            ("EdDSA", "", {"kid": "kxbPzLwjqrVTaYtl", "alg": "EdDSA", "use": "sig"}),
        ],
        [("ES256", "", {"alg": "ES256", "ext": True, "key_ops": ["verify"], "use": "sig", "kid": "8a1d-54b2"})],
        [("RS256", "", {"alg": "RS256", "use": "sig", "kid": "1234example+k/Q="})],
        [("RS256", "", {}), ("ES256", "", {})],
    ]


def document(*keys: Any) -> str:
    return json.dumps({"keys": keys})


def read(*keys: Any, algorithms: Collection[str] = tuple(KEY_TYPES)) -> PublicKeys:
    return PublicKeys(document(*keys), algorithms)


def verifies(keys: PublicKeys, algorithm: str, key: str = "", kid: str | None = None) -> bool:
    """Whether a token that this private key signs is accepted."""
    claims = {"sub": "x", "exp": time.time() + 60}
    token = jwt.encode(claims, private(key or algorithm), algorithm, {"kid": kid} if kid else None)
    public = keys.find(kid, algorithm)
    return public is not None and jwt.decode(token, public, [algorithm])["sub"] == "x"


def test_a_published_key_set_verifies_the_tokens_of_its_provider(load, tmp_path):
    file = tmp_path / "keys.json"
    for key_set in key_sets():
        published = [jwk(algorithm, key, **members) for algorithm, key, members in key_set]
        file.write_text(json.dumps({"keys": [*published, {"kty": "AKP", "pub": "x"}]}, indent=2))
        settings = load(AUTH_PUBLIC_KEY=str(file), **NAMED)
        assert settings.auth_public_key == file.read_text()
        keys = PublicKeys(settings.auth_public_key, settings.token_algorithms)
        for algorithm, key, members in key_set:
            for kid in {members.get("kid"), None if len(key_set) == 1 else members.get("kid")}:
                assert verifies(keys, algorithm, key, kid) == (members.get("use") != "enc"), members


def test_a_key_only_verifies_with_algorithms_of_its_type():
    keys = read(*(jwk(name, kid=name) for name in ALGORITHMS))
    of_rsa = {name for name, (kind, _) in KEY_TYPES.items() if kind == "RSA"}
    for name in ALGORITHMS:
        assert verifies(keys, name, kid=name)
        others = {*KEY_TYPES, "HS256", "none", "ES256K"} - ({name} if name != "RS256" else of_rsa)
        assert [other for other in others if keys.find(name, other) is not None] == []
    assert keys.find("another", "RS256") is None


def test_exactly_one_key_has_to_fit_a_token():
    keys = read(jwk("RS256"), jwk("RS256", NEXT, kid="next"))
    assert verifies(keys, "RS256", kid="any"), "the key without an id fits the ids that no other key has"
    assert verifies(keys, "RS256", NEXT, kid="next")
    assert verifies(read(jwk("RS256", kid="a"), jwk("ES256", kid="b")), "RS256")
    assert verifies(read(jwk("RS256", NEXT, kid="a", alg="RS512"), jwk("RS256", kid="b")), "RS256")
    assert not verifies(read(jwk("RS256", kid="a"), jwk("RS256", NEXT, kid="b")), "RS256")
    assert not verifies(read(jwk("RS256", kid="a"), jwk("RS256", NEXT, kid="a")), "RS256", kid="a")
    assert not verifies(read(jwk("RS256"), jwk("RS256", NEXT)), "RS256", kid="any")


def test_a_key_that_cannot_verify_tokens_is_left_out_of_the_set():
    left_out = [jwk("RS256", SHORT, kid="short"), 1, None, {}, {"kty": "RSA"}, {"kty": ["RSA"]}]
    left_out += [jwk("RS256", use="enc"), jwk("RS256", alg="RSA-OAEP"), jwk("RS256", alg="none")]
    left_out += [jwk("ES256", crv="P-0"), jwk("ES256", x="?"), {"kty": "EC", "crv": "secp256k1"}]
    keys = read(*left_out, jwk("ES256", kid="ES256"))
    assert verifies(keys, "ES256", kid="ES256")
    assert [name for name in KEY_TYPES if keys.find("short", name)] == []
    with pytest.raises(ValueError, match=f"^contains no key for ES256, .* at least {MIN_RSA_BITS} bits"):
        read(*left_out)


def test_a_pem_key_and_a_certificate_verify_tokens_with_any_id(load, tmp_path):
    file = tmp_path / "key.pem"
    for algorithm in ALGORITHMS:
        text = pem(algorithm)
        file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
        for value in (text, text.replace("\n", "\\n"), str(file)):
            settings = load(AUTH_PUBLIC_KEY=value, AUTH_ALGORITHMS=algorithm, **NAMED)
            keys = PublicKeys(settings.auth_public_key, settings.token_algorithms)
            assert all(verifies(keys, algorithm, kid=kid) for kid in ("any", None))
            assert keys.find(None, "PS256" if algorithm != "RS256" else "ES256") is None
    signed = certificate(private("RS256")).public_bytes(serialization.Encoding.PEM).decode()
    earlier = private("RS256").public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)
    for text in (f"subject=/CN=auth.example.com\n{signed}", earlier.decode()):
        assert verifies(PublicKeys(text, DEFAULT), "RS256", kid="any")


def unusable() -> dict[str, list[str]]:
    """Values without a usable key, by a part of the sentence that refuses them."""
    rsa_key, public = private("RS256"), pem("RS256")
    return {
        "private": [
            *(private_pem(rsa_key), private_pem(rsa_key, b"rickshaw"), f"{public}{private_pem(private(NEXT))}"),
            *(document(jwk("RS256"), OCT), document(json.loads(MAKERS["RS"].to_jwk(rsa_key)))),
            document(jwk("RS256"), json.loads(MAKERS["ES"].to_jwk(private("ES256")))),
        ],
        "several PEM": [public + pem(NEXT)],
        "not a valid PEM key": [
            public[:-80],
            "-----BEGIN PUBLIC KEY-----",
            public.replace("PUBLIC KEY", "CERTIFICATE"),
        ],
        "contains no key for": [
            *(pem(SHORT), spki(x25519.X25519PrivateKey.generate().public_key())),
            *(document(), document(jwk("ES384")), document({"kty": "AKP"}), document(jwk("RS256", use="enc"))),
        ],
        'a list "keys"': [json.dumps(jwk("RS256")), json.dumps({"kid": public}), '{"keys": {}}', "{}"],
        "not valid JSON": [document(jwk("RS256"))[:-9], '{"keys": ' + "[" * 50_000],
        "should be a PEM key": ["keys.json", public.split("-----")[2], "ssh-rsa AAAA", "https://example.com/jwks"],
    }


def test_a_set_without_a_usable_key_stops_the_start_with_the_reason(load, tmp_path):
    file = tmp_path / "key"
    for why, text in ((why, text) for why, texts in unusable().items() for text in texts):
        file.write_text(text)
        for value in (text, str(file)):
            with pytest.raises(SettingsError) as refused:
                load(AUTH_PUBLIC_KEY=value, **NAMED)
            sentence = str(refused.value)
            assert (sentence[:16], sentence[-1]) == ("AUTH_PUBLIC_KEY ", "."), sentence
            assert why in sentence, (text, sentence)
            assert text not in sentence
            assert "\n" not in sentence
