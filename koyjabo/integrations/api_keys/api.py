"""/api/keys: create, list, rotate and revoke API keys."""

from typing import Annotated, Any

from flask import Response, request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.base.core.moments import EXAMPLE_MOMENT
from koyjabo.web.blueprints import api_blueprint
from koyjabo.web.current import current
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.http.responses import MakerResponse, Time, json_response, no_content
from koyjabo.web.login import tokens
from koyjabo.web.openapi.describe import CHANGE, LOGGED_IN, WITH_BODY, ResponseSpec, describe
from koyjabo.web.schemas.bodies import Body, Moment, Name, Text, is_whole, refuse
from .api_keys import KEY_SCOPES, MAX_GRACE_S, WRONG_GRACE, ApiKeys, wrong_scopes
from .models import ApiKey

bp = api_blueprint("keys")

declare(bp, "/api/keys", PathPolicy.ALLOWED_ORIGINS, tag="keys")


SCOPE_LIST = {"type": "array", "items": {"type": "string", "enum": list(KEY_SCOPES)}, "minItems": 1}
GRACE_SCHEMA = {"type": "integer", "minimum": 0, "maximum": MAX_GRACE_S}

KEY_RESPONSES: dict[int, ResponseSpec] = {**LOGGED_IN, 403: "only for logged-in site admins"}

ONE_KEY_RESPONSES: dict[int, ResponseSpec] = {**KEY_RESPONSES, **CHANGE, 404: "no such key"}

CREATION_RESPONSES: dict[int, ResponseSpec] = {
    404: "no such community",
    409: "this server has reached its limit of keys",
}


def _scopes(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(scope, str) for scope in value):
        raise refuse(N_("must be a list of scopes"))
    if wrong := wrong_scopes(value):
        raise refuse(wrong)
    return tuple(value)


def _grace(value: Any) -> int:
    if not is_whole(value) or not 0 <= value <= MAX_GRACE_S:
        raise refuse(WRONG_GRACE)
    return int(value)


Scopes = Annotated[tuple[str, ...], BeforeValidator(_scopes), WithJsonSchema(SCOPE_LIST)]


class NewKeyBody(Body):
    """A new API key."""

    name: Name = Field(examples=["Grafana"])
    scopes: Scopes = Field(description="the calls that the key may make", examples=[["reports:read"]])
    community: Text = Field(None, description="id or ref of the community it is limited to; default: the whole site")
    expires_at: Moment = Field(None, description="default: never", examples=[EXAMPLE_MOMENT])

    def create(self, account: Account) -> tuple[ApiKey, str]:
        """Create the key. Returns it and its text. Raises the errors of `ApiKeys.create`."""
        community_id = current().identities.community_id_if_any(self.community)
        return current()[ApiKeys].create(account, self.name, self.scopes, community_id, self.expires_at)


class RotationBody(Body):
    may_be_absent = True

    grace_s: Annotated[int, BeforeValidator(_grace), WithJsonSchema(GRACE_SCHEMA)] = Field(
        0, description="how long the previous secret stays valid, s", examples=[3600]
    )


class KeyResponse(BaseModel):
    """An API key, without its secret."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    scopes: Annotated[list[str], BeforeValidator(str.split)] = Field(examples=[["reports:read"]])
    community: str | None = Field(
        validation_alias="community_id", description="the id of a community; null for the whole site"
    )
    prefix: str = Field(description="how the key begins", examples=["kj_3f2a9c51"])
    created_at: Time = Field(validation_alias="created_ms", examples=[EXAMPLE_MOMENT])
    expires_at: Time | None = Field(validation_alias="expires_ms", examples=[EXAMPLE_MOMENT])
    last_used_at: Time | None = Field(
        validation_alias="last_used_ms", description="saved within 75 s; null if never used", examples=[EXAMPLE_MOMENT]
    )
    created_by: MakerResponse | None = Field(
        validation_alias="maker", description="null if unknown, the operator, or a deleted account"
    )


class NewKeyResponse(KeyResponse):
    """An API key with its secret, which is not shown again."""

    key: str = Field(examples=["kj_3f2a9c51_…"])


class KeysResponse(BaseModel):
    keys: list[KeyResponse] = Field(description="newest first, without revoked keys")


ROTATION_RESPONSES: dict[int, ResponseSpec] = {
    200: NewKeyResponse,
    **WITH_BODY,
    **ONE_KEY_RESPONSES,
    409: "the key was rotated by another call at the same time",
}


@bp.post("/keys")
@describe(
    "Make an API key",
    {201: NewKeyResponse, **WITH_BODY, **KEY_RESPONSES, **CHANGE, **CREATION_RESPONSES},
    body=NewKeyBody,
)
def create_key() -> Response:
    """Create a key. With `community`, the key can only have read scopes. It is shown only once."""
    account, body = tokens.require_site_admin(), NewKeyBody.of(request)
    return _with_text(*body.create(account), 201)


@bp.get("/keys")
@describe("List API keys", {200: KeysResponse, **KEY_RESPONSES})
def list_keys() -> Response:
    """List the keys of the site and of all communities."""
    keys = current()[ApiKeys].all(tokens.require_account().account)
    return json_response(KeysResponse(keys=[KeyResponse.model_validate(key) for key in keys]))


@bp.delete("/keys/<key_id>")
@describe("Revoke an API key", {204: None, **ONE_KEY_RESPONSES})
def revoke_key(key_id: str) -> Response:
    """Revoke a key. All further calls with it fail."""
    current()[ApiKeys].revoke(tokens.require_account().account, key_id)
    return no_content()


@bp.post("/keys/<key_id>/rotate")
@describe("Give an API key a new secret", ROTATION_RESPONSES, body=RotationBody)
def rotate_key(key_id: str) -> Response:
    """Give a key a new secret. Its id, name and scopes stay the same. The previous secret stays valid for `grace_s`."""
    account, body = tokens.require_site_admin(), RotationBody.of(request)
    return _with_text(*current()[ApiKeys].rotate(account, key_id, body.grace_s), 200)


def _with_text(key: ApiKey, text: str, status: int) -> Response:
    shown = KeyResponse.model_validate(key)
    return json_response(NewKeyResponse.model_construct(**dict(shown), key=text), status)
