"""A software security key (WebAuthn, ES256), which creates passkeys and proves possession of them."""

from __future__ import annotations

import hashlib
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

ORIGIN = "http://localhost"
PRESENT, VERIFIED, WITH_KEY = 1, 4, 64


def encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Authenticator:
    """A security key.

    With `verifies`, it asks for a PIN or a fingerprint. `counter` grows with each use, as in keys that cannot be
    copied. `owner` is the id of the passkey's user. It is sent with each use; keys without storage do not send it.
    """

    def __init__(self, verifies: bool = True, id_bytes: int = 32) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = os.urandom(id_bytes)
        self.owner: str | None = None
        self.verifies = verifies
        self.counter = 1

    def create(self, options: dict[str, Any], origin: str = ORIGIN) -> dict[str, Any]:
        """Create a passkey. Returns the credential as a browser's `toJSON()` does."""
        self.owner = options["user"]["id"]
        numbers = self._key.public_key().public_numbers()
        key = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        length = len(self.credential_id).to_bytes(2, "big")
        attested = bytes(16) + length + self.credential_id + cbor2.dumps(key)
        data = self._data(options["rp"]["id"], WITH_KEY) + attested
        made = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = _client_data("webauthn.create", options["challenge"], origin)
        return self._credential(clientDataJSON=client, attestationObject=made)

    def get(self, options: dict[str, Any], origin: str = ORIGIN) -> dict[str, Any]:
        self.counter += 1
        data = self._data(options["rpId"])
        client = _client_data("webauthn.get", options["challenge"], origin)
        signature = self._key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        handle = {} if self.owner is None else {"userHandle": decode(self.owner)}
        return self._credential(clientDataJSON=client, authenticatorData=data, signature=signature, **handle)

    def _data(self, host: str, flags: int = 0) -> bytes:
        flags |= PRESENT | (VERIFIED if self.verifies else 0)
        return hashlib.sha256(host.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4, "big")

    def _credential(self, **response: bytes) -> dict[str, Any]:
        fields = {name: encode(value) for name, value in response.items()}
        name = encode(self.credential_id)
        return {"id": name, "rawId": name, "type": "public-key", "response": fields, "clientExtensionResults": {}}


def _client_data(kind: str, challenge: str, origin: str) -> bytes:
    return json.dumps({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}).encode()
