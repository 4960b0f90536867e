"""A real OpenID provider on this machine that checks PKCE: `with OpenidProvider() as provider`."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import flask
import httpx
import jwt
from werkzeug.serving import make_server

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import oidc_provider_mock


class OpenidProvider:
    """An OpenID provider with faults.

    `metadata`, `userinfo` and `claims` override members of its metadata, its user info and its ID tokens; None omits a
    member. `make_token` replaces the function that signs tokens. `pause_s` delays each response, and `status`, if set,
    replaces every response.
    """

    def __init__(self) -> None:
        self.be_right()
        self.requests: list[str] = []
        self._client = httpx.Client()  # shared, because loading the certificates takes 30 ms
        self._challenges: dict[str, str] = {}  # by code
        self._app = oidc_provider_mock.app()
        self._app.debug = False
        self._app.before_request(self._before)
        self._app.after_request(self._after)
        self._server = make_server("127.0.0.1", 0, self._app, threaded=True)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"

    def be_right(self) -> None:
        self.metadata: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.make_token: Callable[[dict[str, Any]], str] = self.sign
        self.pause_s, self.status = 0.0, 0
        self.redeemed: list[dict[str, str]] = []

    def __enter__(self) -> OpenidProvider:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._client.close()

    def settings(self, name: str = "work", **more: str) -> dict[str, str]:
        """Settings for a server whose users log in here."""
        own = {"ISSUER": self.issuer, "CLIENT_ID": f"koyjabo-at-{name}", "CLIENT_SECRET": "hush", **more}
        return {f"OIDC_{name.upper()}_{part}": value for part, value in own.items()}

    def know(self, subject: str, **claims: Any) -> None:
        """Add a user with these claims."""
        self._client.put(f"{self.issuer}/users/{subject}", json=claims).raise_for_status()

    def approve(self, url: str, subject: str) -> str:
        """Log the user in at the address of the redirect. Returns the address that the provider redirects back to."""
        answer = self._client.post(url, data={"sub": subject})
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def deny(self, url: str) -> str:
        """Cancel the login."""
        asked = parse_qs(urlsplit(url).query)
        parameters = {"error": "access_denied", "state": asked["state"][0]}
        return f"{asked['redirect_uri'][0]}?{urlencode(parameters)}"

    def sign(self, claims: dict[str, Any], key_id: str | None = None, **header: Any) -> str:
        """Sign a token with the published key."""
        return jwt.encode(claims, self._key().key, "RS256", headers={"kid": key_id or self.key_id(), **header})

    def key_id(self) -> str:
        return str(self._key().key_id)

    def public_key(self) -> Any:
        return self._key().key.public_key()

    def _key(self) -> jwt.PyJWK:
        with self._app.test_request_context("/"):
            for prepare in self._app.before_request_funcs[None]:
                if prepare != self._before:
                    prepare()
            return jwt.PyJWK(flask.g.oidc_provider_mock_storage.jwk.as_dict(is_private=True))

    def _before(self) -> Any:
        request = flask.request
        self.requests.append(request.path)
        time.sleep(self.pause_s)
        if self.status:
            return flask.Response("{}", self.status, mimetype="application/json")
        if request.path == "/oauth2/token":
            return self._check(request)
        return None

    def _check(self, request: flask.Request) -> flask.Response | None:
        """Check the code verifier (RFC 7636, 4.6)."""
        self.redeemed.append(dict(request.form))
        digest = hashlib.sha256(request.form.get("code_verifier", "").encode()).digest()
        if self._challenges.get(request.form["code"]) == base64.urlsafe_b64encode(digest).rstrip(b"=").decode():
            return None
        return flask.Response('{"error": "invalid_grant"}', 400, mimetype="application/json")

    def _after(self, response: flask.Response) -> flask.Response:
        path, asked = flask.request.path, flask.request.args
        if path == "/oauth2/authorize" and response.status_code == 302:
            for code in parse_qs(urlsplit(response.location or "").query).get("code", []):
                self._challenges[code] = asked.get("code_challenge", "")
        if response.status_code != 200 or not response.is_json:
            return response
        changed = self.userinfo if path == "/userinfo" else self.metadata if path.startswith("/.well-known/") else None
        if changed is not None:
            response.data = json.dumps({**response.json, **changed})  # type: ignore[dict-item]
        if path == "/oauth2/token":
            members: dict[str, Any] = dict(response.json or {})
            claims = jwt.decode(members["id_token"], options={"verify_signature": False}) | self.claims
            kept = {name: value for name, value in claims.items() if value is not None}
            response.data = json.dumps({**members, "id_token": self.make_token(kept)})
        return response
