"""Accepting tokens from another system, by algorithm, key and claims. Their header decides nothing."""

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator
from itertools import product
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from koyjabo.base.core.errors import InvalidToken, TokenExpired
from koyjabo.base.core.identity import RolesByToken
from koyjabo.base.core.installation import documents
from koyjabo.base.settings.public_keys import PublicKeys
from koyjabo.base.settings.trusted_issuer import claims_of
from koyjabo.integrations.trusted_tokens.token_verifier import (
    EXTERNAL_LEEWAY_S,
    MAX_EXTERNAL_TOKEN_LENGTH,
    Reason,
    SharedSecret,
    TokenRules,
    TokenVerifier,
)

SECRET = "b0c77cb0e4f24d0b8d0a4f7a3c1e9d25"
PRIVATE: dict[str, Any] = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "other rsa": rsa.generate_private_key(65537, 2048),
    "ec": ec.generate_private_key(ec.SECP256R1()),
    "ed": ed25519.Ed25519PrivateKey.generate(),
}
MAKERS = {"rsa": jwt.algorithms.RSAAlgorithm, "ec": jwt.algorithms.ECAlgorithm, "ed": jwt.algorithms.OKPAlgorithm}
SIGNED_BY = {"RS256": "rsa", "RS512": "rsa", "PS256": "rsa", "ES256": "ec", "EdDSA": "ed"}
JWKS = {
    "keys": [{**json.loads(maker.to_jwk(PRIVATE[name].public_key())), "kid": name} for name, maker in MAKERS.items()]
}
GUIDE = documents() / "docs" / "troubleshooting.md"
ISSUER, AUDIENCE = "https://auth.example.com/", "live"
BY_KEYS = TokenRules(
    {"RS256", "ES256", "EdDSA"}, ISSUER, AUDIENCE, {"token_type": "access"}, "sub", "name", "communities"
)
BY_SECRET = TokenRules({"HS256"}, "", "", {"token_type": "access"}, "user_id", "name", "communities")


@pytest.fixture(scope="module")
def by_keys() -> TokenVerifier:
    return TokenVerifier(BY_KEYS, PublicKeys(json.dumps(JWKS), BY_KEYS.algorithms))


@pytest.fixture(scope="module")
def by_secret() -> TokenVerifier:
    return TokenVerifier(BY_SECRET, SharedSecret(SECRET))


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    made = {"sub": "u1", "user_id": "u1", "iss": ISSUER, "aud": AUDIENCE, "exp": now + 300, "token_type": "access"}
    return {name: value for name, value in {**made, **changes}.items() if value is not None}


def signed(algorithm: str = "RS256", key: str = "rsa", kid: Any = "rsa", **changes: Any) -> str:
    body = json.dumps(claims(**changes)).encode()
    return jwt.PyJWS().encode(body, PRIVATE[key], algorithm, {"kid": kid} if kid else None)


def shared(secret: str = SECRET, **changes: Any) -> str:
    return jwt.encode(claims(**{"iss": None, "aud": None, **changes}), secret, "HS256")


def by_hand(header: dict[str, Any], body: Any, secret: bytes) -> str:
    """Create a token that libraries refuse to create."""
    parts = [json.dumps(header).encode(), body if isinstance(body, bytes) else json.dumps(body).encode()]
    text = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    mac = hmac.digest(secret, text.encode(), hashlib.sha256) if header.get("alg") != "none" else b""
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def is_accepted(verifier: TokenVerifier, token: str) -> bool:
    try:
        return bool(verifier.read(token).ref)
    except (InvalidToken, TokenExpired):
        return False


def wrong_claims() -> Iterator[dict[str, Any]]:
    now = int(time.time())
    for name, values in {
        "iss": (None, "https://auth.example.com", "https://AUTH.example.com/", [ISSUER], 1, "https://evil.example/"),
        "aud": (None, "other", ["other"], [], {"live": 1}, 1, "LIVE"),
        "token_type": (None, "refresh", "Access", "", ["refresh"], True, {"access": 1}),
        "exp": (None, now - EXTERNAL_LEEWAY_S - 2, 0, -1, "x", [now + 300], {}, str(now + 300), True),
        "nbf": (now + EXTERNAL_LEEWAY_S + 300, "x", str(now)),
        "sub": (
            None,
            "",
            "x" * 256,
            1.5,
            True,
            ["u1"],
            {"u1": 1},
            "ü",
            "a\nb",
            "a\x7f",
            10**255,
            "None",
            "[object Map]",
        ),
    }.items():
        for value in values:
            yield {name: value}


def test_a_token_needs_an_allowed_algorithm_its_own_key_and_all_required_claims(by_keys):
    """Tries every algorithm, key, key id and claim: a single difference is enough to refuse the token."""
    right = {(algorithm, SIGNED_BY[algorithm]) for algorithm in BY_KEYS.algorithms}
    for (algorithm, own), kid in product(SIGNED_BY.items(), ("rsa", "ec", "ed", "unknown", None)):
        token = signed(algorithm, own, kid)
        assert is_accepted(by_keys, token) == ((algorithm, own) in right and kid in (own, None)), (algorithm, kid)
    assert not is_accepted(by_keys, signed(key="other rsa"))
    for wrong in wrong_claims():
        assert not is_accepted(by_keys, signed(**wrong)), wrong


def test_a_token_signed_with_the_public_key_as_a_secret_or_unsigned_is_refused(by_keys, by_secret):
    public = PRIVATE["rsa"].public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    for secret, kid in product((pem, pem.strip(), der, json.dumps(JWKS["keys"][0]).encode(), b""), ("rsa", None)):
        assert not is_accepted(by_keys, by_hand({"alg": "HS256", "kid": kid}, claims(), secret))
    for verifier, algorithm in product((by_keys, by_secret), ("none", "None", "NONE", "", None, ["HS256"], {}, 1)):
        header = {"alg": algorithm, "typ": "JWT"}
        assert not is_accepted(verifier, by_hand(header, claims(), SECRET.encode())), algorithm
        assert not is_accepted(verifier, by_hand(header, claims(), SECRET.encode()).rpartition(".")[0] + ".")


def test_the_verifier_does_not_use_a_key_in_the_token_itself(by_keys):
    own = json.loads(MAKERS["rsa"].to_jwk(PRIVATE["other rsa"].public_key()))
    for header in ({"jwk": own}, {"jku": "https://evil.example/"}, {"x5u": "https://evil.example/", "kid": "rsa"}):
        assert not is_accepted(by_keys, jwt.encode(claims(), PRIVATE["other rsa"], "RS256", header))


def test_a_shared_secret_accepts_only_access_tokens(by_secret):
    person = by_secret.read(shared())
    assert (person.ref, person.name, person.roles.claimed) == ("u1", None, None)
    assert is_accepted(by_secret, shared(aud="anyone"))
    for wrong in ({"token_type": "refresh"}, {"token_type": None}, {"exp": None}, {"user_id": None}):
        assert not is_accepted(by_secret, shared(**wrong)), wrong
    assert not is_accepted(by_secret, shared(secret=SECRET[::-1]))
    assert not is_accepted(by_secret, signed())


def test_an_unreadable_token_is_refused(by_secret):
    right = {"alg": "HS256"}
    assert is_accepted(by_secret, by_hand(right, claims(), SECRET.encode()))
    bodies = [b"", b"[]", b"null", b"{", b"\xff", b'{"exp": NaN}', b"[" * 2000, b'{"exp": Infinity, "user_id": "u1"}']
    bodies += [json.dumps(claims(exp=time)).encode() for time in (float("inf"), float("nan"), 10**400)]
    for body in bodies:
        assert not is_accepted(by_secret, by_hand(right, body, SECRET.encode())), body
    for header in ({"crit": ["exp"]}, {"crit": ["b64"], "b64": False}, {"kid": 1}, {"kid": ["rsa"]}):
        assert not is_accepted(by_secret, by_hand({**right, **header}, claims(), SECRET.encode())), header
    assert not is_accepted(by_secret, shared(padding="x" * MAX_EXTERNAL_TOKEN_LENGTH))
    for text in ("", ".", "..", "a.b.c", shared() + "x", shared() + ".", " " + shared(), shared().replace(".", "。")):
        assert not is_accepted(by_secret, text)


def test_the_times_of_a_token_have_a_leeway_and_expiry_has_its_own_error(by_secret):
    now = int(time.time())
    assert is_accepted(by_secret, shared(exp=now - EXTERNAL_LEEWAY_S + 5, nbf=now + EXTERNAL_LEEWAY_S - 5))
    with pytest.raises(TokenExpired):
        by_secret.read(shared(exp=now - EXTERNAL_LEEWAY_S - 5))
    with pytest.raises(InvalidToken):  # a wrong signature hides that the token has expired
        by_secret.read(shared(secret=SECRET[::-1], exp=now - 100))


def test_the_audience_and_a_required_claim_may_be_lists(by_keys):
    assert is_accepted(by_keys, signed(aud=["other", AUDIENCE], token_type=["access", "x"]))
    rules = TokenRules({"HS256"}, "", "", {"verified": "true", "level": "2"}, "sub", "name", "communities")
    verifier = TokenVerifier(rules, SharedSecret(SECRET))
    assert is_accepted(verifier, shared(verified=True, level=2))
    assert not is_accepted(verifier, shared(verified=False, level=2))


def test_a_claim_is_found_by_its_whole_name_or_else_by_its_parts():
    namespaced, nested = (
        "https://app.example/roles",
        {"app": {"id": "u1", "roles": {"mirpur": "admin"}, "kind": "user"}},
    )
    required = claims_of(f"{namespaced}:member,app.kind:user")
    rules = TokenRules({"HS256"}, "", "", required, "app.id", "app.full.name", "app.roles")
    verifier, given = TokenVerifier(rules, SharedSecret(SECRET)), {**nested, namespaced: ["member"]}
    person = verifier.read(shared(**given, **{"app.full.name": "Ayesha"}))
    assert person == ("u1", "Ayesha", RolesByToken((("mirpur", "admin"),)))
    assert verifier.read(shared(**given, **{"app.id": "u2", "app.roles": None})).ref == "u2"
    for wrong in ({"app.kind": "service"}, {"app": {"id": "u1"}}, {"app": "u1"}, {namespaced: "guest"}):
        assert not is_accepted(verifier, shared(**{**given, **wrong})), wrong


def test_the_algorithm_ed25519_is_an_alias_of_eddsa():
    keys = {"keys": [{**key, "alg": "Ed25519"} for key in JWKS["keys"]]}
    verifier = TokenVerifier(BY_KEYS, PublicKeys(json.dumps(keys), BY_KEYS.algorithms))
    header, body = ({"alg": "Ed25519", "kid": "ed"}, claims())
    text = by_hand(header, body, b"").rpartition(".")[0]
    mac = base64.urlsafe_b64encode(PRIVATE["ed"].sign(text.encode())).rstrip(b"=").decode()
    assert is_accepted(verifier, f"{text}.{mac}")
    assert is_accepted(verifier, signed("EdDSA", "ed", "ed"))
    assert not is_accepted(verifier, f"{text}.{mac[::-1]}")
    assert not is_accepted(verifier, signed())  # an RSA key is not for this algorithm


def refused_tokens(now: int) -> dict[Reason, str]:
    """A token for each reason of `by_keys`."""
    return {
        Reason.TOO_LONG: "x" * (MAX_EXTERNAL_TOKEN_LENGTH + 1),
        Reason.UNREADABLE: "a.b.c",
        Reason.ALGORITHM: shared(),
        Reason.HEADER: by_hand({"alg": "RS256", "crit": ["b64"], "b64": True}, claims(), b""),
        Reason.UNKNOWN_KEY: signed(kid="unknown"),
        Reason.SIGNATURE: signed(key="other rsa"),
        Reason.NO_EXPIRY: signed(exp=None),
        Reason.NO_ISSUER: signed(iss=None),
        Reason.NO_AUDIENCE: signed(aud=None),
        Reason.ISSUER: signed(iss="me"),
        Reason.AUDIENCE: signed(aud="me"),
        Reason.EARLY: signed(nbf=now + 300),
        Reason.TIMES: signed(exp=str(now + 300)),
        Reason.CLAIM: signed(token_type="refresh"),
        Reason.USER: signed(sub=None),
    }


def test_the_first_refusal_of_each_kind_is_a_warning_that_the_guide_explains(caplog):
    verifier, guide = TokenVerifier(BY_KEYS, PublicKeys(json.dumps(JWKS), BY_KEYS.algorithms)), GUIDE.read_text("utf-8")
    caplog.set_level("DEBUG", "koyjabo")
    for reason, token in refused_tokens(int(time.time())).items():
        assert [is_accepted(verifier, token) for _ in range(2)] == [False, False]
        first, second = caplog.records[-2:]
        assert (first.levelname, second.levelname) == ("WARNING", "DEBUG")
        assert f"token_refused why={str(reason)!r} " in first.getMessage()
        assert token not in caplog.text
        assert re.search(rf"[|;] {re.escape(reason)}( \\||; )", guide), reason
    assert refused_tokens(0).keys() == set(Reason)
    assert "claim='token_type'" in caplog.text


@pytest.mark.parametrize(
    ("communities", "claimed"),
    [
        (None, None),
        ({}, ()),
        ({"mirpur": "moderator", "uttara": "owner", "banani": None}, (("mirpur", "moderator"),)),
        ({"mirpur": ["admin"]}, ()),
        ({"mirpur 10": "admin", "\x00": "admin", "\ud83d": "admin"}, (("mirpur 10", "admin"),)),
        (["mirpur"], ()),
        ("mirpur", ()),
    ],
)
def test_the_roles_of_a_person_come_from_the_claim_if_it_is_present(by_secret, communities, claimed):
    assert by_secret.read(shared(communities=communities)).roles.claimed == claimed


def test_a_person_gets_the_id_and_a_usable_name_from_the_token(by_secret):
    numbered = by_secret.read(shared(user_id=42, name="  Ayesha\x00  K. "))
    assert (numbered.ref, numbered.name) == ("42", "Ayesha K.")
    assert [by_secret.read(shared(name=name)).name for name in (1, "", "  ", ["x"])] == [None] * 4
