"""Request bodies that name communities and people by external id, and the response bodies."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from koyjabo.communities.schemas import PUBLIC_COUNT, Role, named
from koyjabo.core.errors import InvalidInput
from koyjabo.core.identity import REF, RESERVED_REFS
from koyjabo.webkit.schemas.bodies import JSON, LARGER_BODY, Body
from koyjabo.webkit.schemas.fields import Flag, Name, refuse

MOST_MEMBERS = 500
CHARACTERS = "must have 1 to 128 characters from A–Z a–z 0–9 _ - . :"
RESERVED = "must not be online or by-ref, which paths already use"


def _ref(value: Any) -> str:
    if not isinstance(value, str) or not REF.fullmatch(value):
        raise refuse(CHARACTERS)
    if value in RESERVED_REFS:
        raise refuse(RESERVED)
    return value


def checked_ref(name: str, text: str) -> str:
    """Validate an external id from a path. Raises InvalidInput with the reason for `name`."""
    try:
        return _ref(text)
    except PydanticCustomError as error:
        raise InvalidInput(details={name: error.message()}) from None


PATTERN = re.compile(rf"(?!({'|'.join(RESERVED_REFS)})$){REF.pattern}")
Ref = Annotated[str, BeforeValidator(_ref), WithJsonSchema({"type": "string", "pattern": f"^{PATTERN.pattern}$"})]


class CommunityByRefBody(Body):
    """A community to create or change. Only `name` is required."""

    media = JSON

    name: Name = Field(examples=["Mirpur 10 commuters"])
    open: Flag | None = Field(None, description="anyone can join")
    listed: Flag | None = Field(None, description="anyone can find it; only members can enter")
    public_count: Flag | None = Field(None, description=PUBLIC_COUNT)

    def values(self) -> dict[str, Any]:
        """The given fields, by the domain's names."""
        return named(self.model_dump(exclude_none=True))


class MemberByRefBody(Body):
    media = JSON

    role: Role
    name: Name = Field(description="as others see it", examples=["Ayesha"])


class MemberOfList(BaseModel):
    ref: Ref = Field(examples=["4711"])
    role: Role
    name: Name = Field(examples=["Ayesha"])


def _members(value: Any) -> Any:
    if not isinstance(value, list) or len(value) > MOST_MEMBERS:
        raise refuse("must be a list of up to 500 members")
    refs = [member["ref"] for member in value if isinstance(member, dict) and isinstance(member.get("ref"), str)]
    if len(set(refs)) < len(refs):
        raise refuse("must not contain the same ref twice")
    return value


class MembersBody(Body):
    """The complete list of members that have a ref. The body can be up to 1 MB."""

    media = JSON
    largest = LARGER_BODY

    members: Annotated[list[MemberOfList], BeforeValidator(_members)] = Field(max_length=MOST_MEMBERS)


class SyncedResponse(BaseModel):
    """How many members were added, changed and removed."""

    added: int
    changed: int
    removed: int


class BroadcastBody(Body):
    media = JSON

    data: Annotated[Any, WithJsonSchema({})] = Field(
        description="any JSON value, up to 4,096 bytes and 64 levels", examples=[{"kind": "typing", "user": "4711"}]
    )


class DisconnectBody(Body):
    media = JSON

    userRef: Ref = Field(examples=["4711"])


class OnlineCountsResponse(BaseModel):
    online: dict[str, int] = Field(description="by the requested ids or refs", examples=[{"dhaka": 42}])
