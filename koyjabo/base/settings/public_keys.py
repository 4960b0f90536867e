"""Public keys that verify another system's tokens: a PEM key, or a JWKS document with several (RFC 7517).

A token's sender chooses the algorithm, so a key is only used with algorithms for its key type: a public key is never
used as a shared secret (RFC 8725, 2.1 and 3.1).
"""

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from .given_text import cleaned

MIN_RSA_BITS = 2048

KEY_TYPES = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", None)),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}
"""Key type and curve for each public-key algorithm."""

ALGORITHM_ALIASES = {"Ed25519": "EdDSA"}
"""Names of RFC 9864, which say the curve, and the names they replace."""

PUBLIC_MEMBERS = {"kty", "crv", "n", "e", "x", "y"}
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
"""Members of a JSON Web Key (RFC 7518, 6)."""

PEM_START = "-----BEGIN "

WHAT_IT_IS = "should be a PEM key, a JWKS document, or the absolute path of a file that contains one"
HAS_PRIVATE_KEY = "contains a private or secret key, which could sign tokens. Use only the public part"


class PublicKey(NamedTuple):
    verifier: Any  # a key object from `cryptography`
    members: Mapping[str, Any]

    def fits(self, algorithm: str) -> bool:
        key_type, curve = KEY_TYPES.get(algorithm, ("", None))
        is_of_type = self.members["kty"] == key_type and curve in (None, self.members.get("crv"))
        names = [algorithm, *(alias for alias, name in ALGORITHM_ALIASES.items() if name == algorithm)]
        return is_of_type and self.members.get("alg", algorithm) in names


class PublicKeys:
    """Keys that verify tokens with some algorithms. A key without an id, such as a PEM key, may have any id."""

    def __init__(self, text: str, algorithms: Collection[str]) -> None:
        """Read the keys in `text`. Leaves out keys that verify none of the algorithms, are too short or are invalid
        (RFC 7517, 5). Raises ValueError with the end of a sentence, which contains no key.
        """
        listed = _keys_of_document(text) if _is_document(text) else [_key_of_pem(text)]
        if any(isinstance(members, dict) and PRIVATE_MEMBERS & members.keys() for members in listed):
            raise ValueError(HAS_PRIVATE_KEY)
        readable = [key for members in listed if (key := _key(members)) is not None]
        self._keys = [key for key in readable if any(map(key.fits, algorithms))]
        _read_aliases()
        if not self._keys:
            names = ", ".join(sorted(algorithms))
            raise ValueError(f"contains no key for {names} (an RSA key needs at least {MIN_RSA_BITS} bits)")

    def find(self, key_id: str | None, algorithm: str) -> Any:
        """The key with this id that fits the algorithm, or the key without an id; without `key_id`, any key that fits.
        None if there is no such key, or several.
        """
        fitting = [key for key in self._keys if key.fits(algorithm)]
        named = [key for key in fitting if key_id in (None, key.members.get("kid"))]
        chosen = named or [key for key in fitting if key.members.get("kid") is None]
        return chosen[0].verifier if len(chosen) == 1 else None


def _read_aliases() -> None:
    """Let PyJWT verify tokens whose header has a name of ALGORITHM_ALIASES."""
    import jwt

    for alias in ALGORITHM_ALIASES:
        with suppress(ValueError):  # it is known
            jwt.register_algorithm(alias, jwt.algorithms.OKPAlgorithm())


def text_of(value: str) -> str:
    """The keys in `value`, or in the file with this path. Raises ValueError with the end of a sentence."""
    if _is_document(value) or PEM_START in value:
        return value
    if not Path(value).is_absolute():
        raise ValueError(WHAT_IT_IS)  # without the value, which may be a secret
    try:
        text = Path(value).read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ValueError(f"is {value!r}, which cannot be read: {why}") from None
    if not (keys := cleaned("AUTH_PUBLIC_KEY", text)):
        raise ValueError(f"is {value!r}, which is empty")
    return keys


def _is_document(text: str) -> bool:
    return text.lstrip().startswith("{")


def _keys_of_document(text: str) -> list[Any]:
    try:
        listed = json.loads(text).get("keys")
    except (ValueError, RecursionError):
        raise ValueError("looks like a JWKS document, but is not valid JSON") from None
    if not isinstance(listed, list):
        raise ValueError('is JSON, but no JWKS document, which has a list "keys"')
    return listed


def _key_of_pem(text: str) -> dict[str, Any]:
    """The members of a key or certificate. Its lines may be separated by `\\n`, as in a file of settings."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

    if PEM_START not in text:
        raise ValueError(WHAT_IT_IS)
    if "PRIVATE KEY-----" in text:
        raise ValueError(HAS_PRIVATE_KEY)
    if text.count(PEM_START) > 1:
        raise ValueError("contains several PEM blocks. Use a JWKS document for several keys")
    pem = text.replace("\\n", "\n").encode()
    try:
        is_certificate = f"{PEM_START}CERTIFICATE-----" in text
        key = x509.load_pem_x509_certificate(pem).public_key() if is_certificate else load_pem_public_key(pem)
    except Exception:  # of many types
        raise ValueError("is not a valid PEM key") from None
    if isinstance(key, rsa.RSAPublicKey):
        return RSAAlgorithm.to_jwk(key, as_dict=True)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return ECAlgorithm.to_jwk(key, as_dict=True)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return OKPAlgorithm.to_jwk(key, as_dict=True)
    return {}


def _key(members: Any) -> PublicKey | None:
    from jwt import PyJWK  # imported late: it and `cryptography` take 10 MB, and few workers need them
    from jwt.exceptions import PyJWTError

    if not isinstance(members, dict) or members.get("use", "sig") != "sig":
        return None
    try:
        verifier = PyJWK({name: value for name, value in members.items() if name in PUBLIC_MEMBERS}).key
    except (PyJWTError, ValueError, TypeError, KeyError, NotImplementedError):  # NotImplementedError for `none`
        return None
    is_too_short = members["kty"] == "RSA" and verifier.key_size < MIN_RSA_BITS
    return None if is_too_short else PublicKey(verifier, members)
