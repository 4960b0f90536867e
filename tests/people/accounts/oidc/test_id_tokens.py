"""ID tokens are only accepted with the right key, algorithm, client, issuer, time and nonce."""

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from koyjabo.base.jwks import key_set
from koyjabo.base.settings.login_providers import LoginProvider
from koyjabo.people.accounts.oidc import provider
from koyjabo.people.accounts.oidc.provider import InvalidIdToken, ProviderUser

PROVIDER = LoginProvider("work", "https://sso.example.com", "koyjabo", "hush", "Work")
NONCE = "n" * 43
OWN = {"RS256": rsa.generate_private_key(65537, 2048), "ES256": ec.generate_private_key(ec.SECP256R1())}
OWN["EdDSA"] = ed25519.Ed25519PrivateKey.generate()
OTHERS = {"RS256": rsa.generate_private_key(65537, 2048), "ES256": ec.generate_private_key(ec.SECP256R1())}
OTHERS["EdDSA"] = ed25519.Ed25519PrivateKey.generate()
ALGORITHMS = jwt.algorithms
MAKERS = {"RS256": ALGORITHMS.RSAAlgorithm, "ES256": ALGORITHMS.ECAlgorithm, "EdDSA": ALGORITHMS.OKPAlgorithm}
PUBLISHED = key_set.read(
    json.dumps(
        {"keys": [{**json.loads(MAKERS[name].to_jwk(key.public_key())), "kid": name} for name, key in OWN.items()]}
    ).encode()
)
SHA256 = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)


def claims(**changed: Any) -> dict[str, Any]:
    now_s = int(time.time())
    right = {"iss": PROVIDER.issuer, "aud": "koyjabo", "sub": "ayesha", "nonce": NONCE, "iat": now_s, "exp": now_s + 60}
    return {name: value for name, value in {**right, **changed}.items() if value is not None}


def read(token: str) -> ProviderUser:
    return provider.read_id_token(token, PROVIDER, NONCE, PUBLISHED.find)


def signed(algorithm: str, payload: dict[str, Any] | None = None, key: Any = None, **header: Any) -> str:
    return jwt.encode(payload or claims(), key or OWN[algorithm], algorithm, {"kid": algorithm, **header})


def by_hand(header: dict[str, Any], sign: Callable[[bytes], bytes], payload: dict[str, Any] | None = None) -> str:
    """Build a token that PyJWT refuses to create."""
    text = b".".join(jwt.utils.base64url_encode(json.dumps(part).encode()) for part in (header, payload or claims()))
    return (text + b"." + jwt.utils.base64url_encode(sign(text))).decode()


def by_ec(text: bytes) -> bytes:
    return ALGORITHMS.ECAlgorithm(ALGORITHMS.ECAlgorithm.SHA256).sign(text, OWN["ES256"])


WRONG: list[dict[str, Any]] = [
    *[
        {"iss": wrong}
        for wrong in (None, "https://sso.example.com/", "https://evil.example", ["https://sso.example.com"])
    ],
    *[{"aud": wrong} for wrong in (None, "another", ["another"], [], ["koyjabo", "another"])],  # without azp
    *[{"azp": "another"}, {"azp": "another", "aud": ["koyjabo", "another"]}],
    *[{"nonce": wrong} for wrong in (None, "", "N" * 43, 5, [NONCE])],
    *[{"exp": wrong} for wrong in (None, 1, "soon")],
    *[{"iat": wrong} for wrong in (None, 9_999_999_999, "now")],
    {"nbf": 9_999_999_999},
    *[{"sub": wrong} for wrong in (None, "", 5, "x" * 256, "ä", "a\nb", ["ayesha"])],
]


def test_only_the_right_key_algorithm_and_claims_are_taken():
    for algorithm in OWN:
        assert read(signed(algorithm))[:2] == (PROVIDER.issuer, "ayesha")
        for key_id in OWN:
            token = signed(algorithm, key=OTHERS[algorithm], kid=key_id)
            with pytest.raises(InvalidIdToken):
                read(token)
            if key_id != algorithm:
                with pytest.raises(InvalidIdToken):
                    read(signed(algorithm, kid=key_id))
    header = {"alg": "ES256", "kid": "ES256"}
    assert read(by_hand(header, by_ec)).subject == "ayesha"
    for wrong in WRONG:
        with pytest.raises(InvalidIdToken):
            read(by_hand(header, by_ec, claims(**wrong)))
    assert read(signed("ES256", claims(aud=["koyjabo", "another"], azp="koyjabo"))).subject == "ayesha"
    assert read(signed("ES256", claims(aud=["koyjabo"], sub="x" * 255))).subject == "x" * 255


def test_no_secret_and_no_missing_signature_is_taken_for_a_key():
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = OWN["RS256"].public_key().public_bytes(serialization.Encoding.PEM, form)
    tokens = [by_hand({"alg": name, "kid": "RS256"}, lambda _: b"") for name in ("none", "None", "RS256", "", None, 5)]
    for secret in (pem, b"hush", b""):
        for kid in ({}, {"kid": "RS256"}):
            tokens.append(by_hand({"alg": "HS256", **kid}, partial(SHA256.sign, key=secret)))
    tokens += [signed("RS256", crit=["b64"]), signed("RS256")[:-8], signed("RS256", kid="another")]
    tokens += ["", "a.b.c", "ä", "...", signed("RS256", claims(more="x" * provider.LONGEST_TOKEN))]
    for token in tokens:
        with pytest.raises(InvalidIdToken):
            read(token)


def test_clocks_may_differ_by_half_a_minute():
    now_s = int(time.time())
    assert read(signed("ES256", claims(exp=now_s - 20))).subject == "ayesha"
    assert read(signed("ES256", claims(iat=now_s + 20, nbf=now_s + 20))).subject == "ayesha"
    for late in ({"exp": now_s - 40}, {"iat": now_s + 40}):
        with pytest.raises(InvalidIdToken):
            read(signed("ES256", claims(**late)))


def test_claims_are_read_as_providers_write_them():
    def user(**userinfo: Any) -> ProviderUser:
        return ProviderUser("https://x.example", "1", userinfo)

    emails = ("a@b.example", "x", None, 5, ["a@b.example"])
    assert [user(email=email).email for email in emails] == ["a@b.example", *[None] * 4]
    verified = [user(email_verified=value).is_verified for value in (True, "true", False, "false", 1, None, "yes")]
    assert verified == [True, True, *[False] * 5]
    named = [user(name=name, preferred_username="a").name for name in ("Ayesha", "", None, 5)]
    assert named == ["Ayesha", "a", "a", None]
    groups = ("ops", ["x", "ops"], "opsy", ["opsy"], {"ops": 1}, True, None)
    assert [user(groups=value).has("groups:ops") for value in groups] == [True, True, *[False] * 5]
    assert [user(groups=[""]).has(claim) for claim in ("", "groups", "groups:")] == [False] * 3
