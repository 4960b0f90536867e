"""/api/keys: create, list, rotate and revoke API keys."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Response, request
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from koyjabo.base.core.clock import MOMENT, iso
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import CommunityIds
from koyjabo.integrations.api_keys.api_keys import GRACE, MAX_GRACE_S, SCOPES, ApiKeys, NewKey, wrong_scopes
from koyjabo.integrations.api_keys.queries import StoredKey
from koyjabo.web.blueprints import api as bp
from koyjabo.web.current import current
from koyjabo.web.http.responses import MakerResponse, json_response, no_content
from koyjabo.web.login import tokens
from koyjabo.web.openapi.describe import CHANGE, LOGGED_IN, WITH_BODY, ResponseSpec, describe
from koyjabo.web.schemas.bodies import JSON, Body
from koyjabo.web.schemas.fields import Moment, Name, Text, is_whole, refuse

NOT_SCOPES = N_("must be a list of scopes")


def _scopes(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(scope, str) for scope in value):
        raise refuse(NOT_SCOPES)
    wrong = wrong_scopes(value)
    if wrong is not None:
        raise refuse(wrong)
    return tuple(value)


def _grace(value: Any) -> int:
    if not is_whole(value) or not 0 <= value <= MAX_GRACE_S:
        raise refuse(GRACE)
    return int(value)


SCOPE_LIST = {"type": "array", "items": {"type": "string", "enum": list(SCOPES)}, "minItems": 1}
Scopes = Annotated[tuple[str, ...], BeforeValidator(_scopes), WithJsonSchema(SCOPE_LIST)]
GracePeriod = Annotated[
    int,
    BeforeValidator(_grace),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MAX_GRACE_S}),
]


class NewKeyBody(Body):
    """A new API key."""

    media = JSON

    name: Name = Field(examples=["Grafana"])
    scopes: Scopes = Field(description="the calls that the key may make", examples=[["reports:read"]])
    community: Text = Field(None, description="id or ref of the community it is limited to; default: the whole site")
    expires_at: Moment = Field(None, description="default: never", examples=[MOMENT])


class RotationBody(Body):
    media = JSON
    may_be_absent = True

    grace_s: GracePeriod = Field(0, description="how long the previous secret stays valid, s", examples=[3600])


class KeyResponse(BaseModel):
    """An API key, without its secret."""

    id: str
    name: str
    scopes: list[str] = Field(examples=[["reports:read"]])
    community: str | None = Field(description="the id of a community; null for the whole site")
    prefix: str = Field(description="how the key begins", examples=["kj_3f2a9c51"])
    created_at: str = Field(examples=[MOMENT])
    expires_at: str | None = Field(examples=[MOMENT])
    last_used_at: str | None = Field(description="saved within 75 s; null if never used", examples=[MOMENT])
    created_by: MakerResponse | None = Field(description="null if unknown, the operator, or a deleted account")


class NewKeyResponse(KeyResponse):
    """An API key with its secret, which is not shown again."""

    key: str = Field(examples=["kj_3f2a9c51_…"])


class KeysResponse(BaseModel):
    keys: list[KeyResponse] = Field(description="newest first, without revoked keys")


FOR_WHOM: dict[int, ResponseSpec] = {**LOGGED_IN, 403: "only for logged-in site admins"}
ONE: dict[int, ResponseSpec] = {**FOR_WHOM, **CHANGE, 404: "no such key"}


@bp.post("/keys")
@describe(
    "Make an API key",
    {
        201: NewKeyResponse,
        **WITH_BODY,
        **FOR_WHOM,
        **CHANGE,
        404: "no such community",
        409: "this server has reached its limit of keys",
    },
    body=NewKeyBody,
)
def create_key() -> Response:
    """Create a key. With `community`, the key can only have read scopes. It is shown only once."""
    account, body = tokens.require_site_admin(), NewKeyBody.of(request)
    community = current()[CommunityIds].resolve_if_any(body.community)
    new = NewKey(body.name, body.scopes, community, body.expires_at)
    made, text = current()[ApiKeys].create(account, new)
    return json_response(NewKeyResponse(**_fields(made), key=text), 201)


@bp.get("/keys")
@describe("List API keys", {200: KeysResponse, **FOR_WHOM})
def list_keys() -> Response:
    """List the keys of the site and of all communities."""
    keys = current()[ApiKeys].all(tokens.require_account().account)
    return json_response(KeysResponse(keys=[KeyResponse(**_fields(key)) for key in keys]))


@bp.delete("/keys/<key_id>")
@describe("Revoke an API key", {204: None, **ONE})
def revoke_key(key_id: str) -> Response:
    """Revoke a key. All further calls with it fail."""
    current()[ApiKeys].revoke(tokens.require_account().account, key_id)
    return no_content()


@bp.post("/keys/<key_id>/rotate")
@describe("Give an API key a new secret", {200: NewKeyResponse, **WITH_BODY, **ONE}, body=RotationBody)
def rotate_key(key_id: str) -> Response:
    """Give a key a new secret. Its id, name and scopes stay the same. The previous secret stays valid for `grace_s`."""
    account, body = tokens.require_site_admin(), RotationBody.of(request)
    rotated, text = current()[ApiKeys].rotate(account, key_id, body.grace_s)
    return json_response(NewKeyResponse(**_fields(rotated), key=text))


def _fields(key: StoredKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": list(key.scopes),
        "community": key.community_id,
        "prefix": key.prefix,
        "created_at": iso(key.created_ms),
        "expires_at": key.expires_ms and iso(key.expires_ms),
        "last_used_at": key.last_used_ms and iso(key.last_used_ms),
        "created_by": key.created_by and key.created_by._asdict(),
    }
