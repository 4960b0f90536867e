"""AUTH_PUBLIC_KEY: the keys that identity providers publish, as text or file, and what is wrong with the others."""

import base64
import json
import time
import uuid
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from config import SettingsError
from koyjabo.base.settings.public_keys import KEY_TYPES, MIN_RSA_BITS, PublicKeys

DEFAULT = ("RS256", "ES256", "EdDSA")
NAMED = {"AUTH_ISSUER": "https://auth.example.com", "AUTH_AUDIENCE": "live"}
PRIVATE: dict[str, Any] = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
NEXT = rsa.generate_private_key(65537, 2048)
SHORT = rsa.generate_private_key(65537, 1024)
MAKERS = {"RS": jwt.algorithms.RSAAlgorithm, "ES": jwt.algorithms.ECAlgorithm, "Ed": jwt.algorithms.OKPAlgorithm}
OCT = {"kty": "oct", "kid": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}


def jwk(algorithm: str, key: Any = None, **members: Any) -> dict[str, Any]:
    """A public key; members that are None are left out."""
    public = json.loads(MAKERS[algorithm[:2]].to_jwk((key or PRIVATE[algorithm]).public_key()))
    public.pop("key_ops", None)
    return {name: value for name, value in {**public, **members}.items() if value is not None}


def certificate(key: Any) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "auth.example.com")])
    end = datetime.now(UTC) - timedelta(days=1)  # providers leave certificates of their keys as they are
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, end - timedelta(days=9), end)
    return builder.sign(key, hashes.SHA256())


def pem(key: Any) -> str:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def private_pem(key: Any, password: bytes | None = None) -> str:
    cipher = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, cipher).decode()


X5C = base64.b64encode(certificate(PRIVATE["RS256"]).public_bytes(serialization.Encoding.DER)).decode()
PROVIDERS = {
    "Auth0": [
        jwk("RS256", use="sig", kid="NjVBRjY5MDlCMUIwNzU4RTA2QzZF", x5t="NjVBRjY5MDlCMUIwNzU4RTA2QzZF", x5c=[X5C]),
        jwk("RS256", NEXT, use="sig", kid="OdT0Vd1e_nsOOSfnUPMSp", x5t="kHVg1hQhvzRhI0eSPmxY", alg="RS256", x5c=[X5C]),
    ],
    "Keycloak": [
        jwk("RS256", NEXT, kid="A2MJgrKnftrPyUXS", alg="RSA-OAEP", use="enc", x5c=[X5C], **{"x5t#S256": "Vq2bS"}),
        jwk("RS256", kid="qGmLrbr3tPqNC2pH", alg="RS256", use="sig", x5c=[X5C], x5t="J5q", **{"x5t#S256": "b0"}),
        jwk("EdDSA", kid="kxbPzLwjqrVTaYtl", alg="EdDSA", use="sig"),
    ],
    "Supabase": [jwk("ES256", alg="ES256", ext=True, key_ops=["verify"], use="sig", kid=str(uuid.uuid4()))],
    "Cognito": [jwk("RS256", alg="RS256", use="sig", kid="1234example+k/Q=")],
    "a server of one's own, without ids": [jwk("RS256", kid=None), jwk("ES256", kid=None), {"kty": "AKP", "pub": "x"}],
}
"""Key sets in the shapes that these providers publish, with keys of our own."""


def document(*keys: Any) -> str:
    return json.dumps({"keys": keys})


def read(*keys: Any, algorithms: Collection[str] = tuple(KEY_TYPES)) -> PublicKeys:
    return PublicKeys(document(*keys), algorithms)


def verifies(keys: PublicKeys, algorithm: str, key: Any = None, kid: str | None = None) -> bool:
    """Whether a token that this private key signs is accepted."""
    claims = {"sub": "x", "exp": time.time() + 60}
    token = jwt.encode(claims, key or PRIVATE[algorithm], algorithm, {"kid": kid} if kid else None)
    public = keys.find(kid, algorithm)
    return public is not None and jwt.decode(token, public, [algorithm])["sub"] == "x"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_published_key_set_verifies_the_tokens_of_its_provider(load, tmp_path, provider):
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": PROVIDERS[provider]}, indent=2))
    settings = load(AUTH_PUBLIC_KEY=str(file), **NAMED)
    assert settings.auth_public_key == file.read_text()
    keys = PublicKeys(settings.auth_public_key, settings.token_algorithms)
    privates = {json.dumps(jwk(name)): key for name, key in PRIVATE.items()}
    privates[json.dumps(jwk("RS256", NEXT))] = NEXT
    for members in PROVIDERS[provider]:
        if members["kty"] == "AKP":
            continue
        algorithm = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}[members["kty"]]
        bare = {name: members[name] for name in ("kty", "crv", "n", "e", "x", "y") if name in members}
        private = next(key for text, key in privates.items() if json.loads(text) == bare)
        is_for_tokens = members.get("use") != "enc"
        for kid in (members.get("kid"), None if len(PROVIDERS[provider]) == 1 else members.get("kid")):
            assert verifies(keys, algorithm, private, kid) == is_for_tokens, members


def test_a_key_only_verifies_with_algorithms_of_its_type():
    keys = read(*(jwk(name, kid=name) for name in PRIVATE))
    of_rsa = {name for name, (kind, _) in KEY_TYPES.items() if kind == "RSA"}
    for name in PRIVATE:
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
    for algorithm, private in PRIVATE.items():
        text = pem(private.public_key())
        file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
        for value in (text, text.replace("\n", "\\n"), str(file)):
            settings = load(AUTH_PUBLIC_KEY=value, AUTH_ALGORITHMS=algorithm, **NAMED)
            keys = PublicKeys(settings.auth_public_key, settings.token_algorithms)
            assert all(verifies(keys, algorithm, kid=kid) for kid in ("any", None))
            assert keys.find(None, "PS256" if algorithm != "RS256" else "ES256") is None
    signed = certificate(PRIVATE["RS256"]).public_bytes(serialization.Encoding.PEM).decode()
    earlier = PRIVATE["RS256"].public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)
    for text in (f"subject=/CN=auth.example.com\n{signed}", earlier.decode()):
        assert verifies(PublicKeys(text, DEFAULT), "RS256", kid="any")


RSA, SPKI = PRIVATE["RS256"], pem(PRIVATE["RS256"].public_key())
UNUSABLE = {
    "private": [
        *(private_pem(RSA), private_pem(RSA, b"rickshaw"), f"{SPKI}{private_pem(NEXT)}", document(jwk("RS256"), OCT)),
        document(json.loads(MAKERS["RS"].to_jwk(RSA))),
        document(jwk("RS256"), json.loads(MAKERS["ES"].to_jwk(PRIVATE["ES256"]))),
    ],
    "several PEM": [SPKI + pem(NEXT.public_key())],
    "not a valid PEM key": [SPKI[:-80], "-----BEGIN PUBLIC KEY-----", SPKI.replace("PUBLIC KEY", "CERTIFICATE")],
    "contains no key for": [
        *(pem(SHORT.public_key()), pem(dsa.generate_private_key(2048).public_key())),
        *(document(), document(jwk("ES384")), document({"kty": "AKP"}), document(jwk("RS256", use="enc"))),
    ],
    'a list "keys"': [json.dumps(jwk("RS256")), json.dumps({"kid": SPKI}), '{"keys": {}}', "{}"],
    "not valid JSON": [document(jwk("RS256"))[:-9], '{"keys": ' + "[" * 50_000],
    "should be a PEM key": ["keys.json", SPKI.split("-----")[2], "ssh-rsa AAAA", "https://example.com/jwks"],
}


@pytest.mark.parametrize("why", UNUSABLE)
def test_a_set_without_a_usable_key_stops_the_start_with_the_reason(load, tmp_path, why):
    file = tmp_path / "key"
    for text in UNUSABLE[why]:
        file.write_text(text)
        for value in (text, str(file)):
            with pytest.raises(SettingsError) as refused:
                load(AUTH_PUBLIC_KEY=value, **NAMED)
            sentence = str(refused.value)
            assert (sentence[:16], sentence[-1]) == ("AUTH_PUBLIC_KEY ", "."), sentence
            assert why in sentence, (text, sentence)
            assert text not in sentence
            assert "\n" not in sentence
