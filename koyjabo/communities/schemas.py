"""Request bodies for /api/communities, which forms use as well, and response bodies, which must not be cached. The
bodies at the end name communities and people by external id.
"""

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from koyjabo.base.core.clock import iso
from koyjabo.base.core.identity import EXTERNAL_ID, NO_MISTAKE, RESERVED_REFS, Account
from koyjabo.people.accounts.login.schemas import APPEAR_OFFLINE
from koyjabo.people.accounts.users.invitation_queries import AnyInvitation
from koyjabo.people.models import Community, Membership
from koyjabo.web.http.responses import Time
from koyjabo.web.schemas.bodies import MAX_LIST_BODY_BYTES, Body
from koyjabo.web.schemas.fields import Email, Flag, Name, VisitorId
from koyjabo.web.schemas.validators import MAX_NAME_LENGTH, or_null, pattern, refuse
from .roles import COMMUNITY_ROLES, Access
from .validators import MAX_DESCRIPTION, description_text, known_role, ref_text, second_name_text, user_ref_text

JOINED_AT = "2025-12-16T04:48:38.412Z"

COLUMN_NAMES = {"nameBn": "name_bn", "descriptionBn": "description_bn", "open": "is_open", "listed": "is_listed"}
"""Columns of fields whose names differ."""

COUNT_ANONYMOUS = "counts visits by people who are not members, even if it is not open"
NAME_BN = "the name on pages in Bangla"
DESCRIPTION_BN = "the description on pages in Bangla"
PUBLIC_COUNT = "lets anyone see the numbers of people online and of visits, live"
MEMBERS_SEE_ONLINE = "lets members, not only moderators, see who is online, by name"


MAX_MEMBERS = 500
REF_PATTERN = re.compile(rf"(?!({'|'.join(RESERVED_REFS).replace('.', '[.]')})$){EXTERNAL_ID.pattern}")
USER_REF_PATTERN = re.compile(NO_MISTAKE + REF_PATTERN.pattern)


Description = Annotated[
    str,
    BeforeValidator(description_text),
    WithJsonSchema(or_null({"type": "string", "maxLength": MAX_DESCRIPTION})),
]
SecondName = Annotated[
    str,
    BeforeValidator(second_name_text),
    WithJsonSchema(or_null({"type": "string", "maxLength": MAX_NAME_LENGTH})),
]
Role = Annotated[str, BeforeValidator(known_role), WithJsonSchema({"type": "string", "enum": list(COMMUNITY_ROLES)})]


class NewCommunityBody(Body):
    """A new community. Only `name` is required."""

    name: Name = Field(examples=["Mirpur 10 commuters"])
    nameBn: SecondName = Field("", description=NAME_BN)
    description: Description = ""
    descriptionBn: Description = Field("", description=DESCRIPTION_BN)
    open: Flag = Field(True, description="anyone can join")
    listed: Flag = Field(True, description="anyone can find it; only members can enter")
    count_anonymous: Flag = Field(False, description=COUNT_ANONYMOUS)
    public_count: Flag = Field(False, description=PUBLIC_COUNT)
    members_see_online: Flag = Field(False, description=MEMBERS_SEE_ONLINE)


class CommunityChangesBody(Body):
    """The fields to change. Fields that are missing or null are not changed."""

    name: Name | None = None
    nameBn: SecondName | None = Field(None, description=NAME_BN + '; "" removes it')
    description: Description | None = None
    descriptionBn: Description | None = Field(None, description=DESCRIPTION_BN + '; "" removes it')
    open: Flag | None = None
    listed: Flag | None = None
    count_anonymous: Flag | None = Field(None, description=COUNT_ANONYMOUS)
    public_count: Flag | None = Field(None, description=PUBLIC_COUNT)
    members_see_online: Flag | None = Field(None, description=MEMBERS_SEE_ONLINE)


class CommunityByRefBody(Body):
    """A community to create or change. Only `name` is required."""

    name: Name = Field(examples=["Mirpur 10 commuters"])
    nameBn: SecondName | None = Field(None, description=NAME_BN)
    open: Flag | None = Field(None, description="anyone can join")
    listed: Flag | None = Field(None, description="anyone can find it; only members can enter")
    public_count: Flag | None = Field(None, description=PUBLIC_COUNT)
    members_see_online: Flag | None = Field(None, description=MEMBERS_SEE_ONLINE)


def columns(body: Body) -> dict[str, Any]:
    """The given values of a community, by column."""
    return {COLUMN_NAMES.get(name, name): value for name, value in body.model_dump(exclude_none=True).items()}


def current_values(community: Community) -> dict[str, Any]:
    """The values of the fields that can be changed."""
    return {name: getattr(community, COLUMN_NAMES.get(name, name)) for name in CommunityChangesBody.model_fields}


class JoinBody(Body):
    """Options for joining a community. The body is optional."""

    may_be_absent = True

    visitorId: VisitorId | None = Field(
        None, description="the visitorId used before the account existed; records a conversion"
    )


class InvitationBody(Body):
    email: Email = Field(examples=["ayesha@example.com"])
    role: Role


class RoleBody(Body):
    role: Role


class CommunityResponse(BaseModel):
    """A community, with the caller's role."""

    id: str = Field(examples=["1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"])
    ref: str = Field("", description="the id that another system gave it; missing if there is none")
    name: str
    nameBn: str = Field("", description=f"{NAME_BN}; missing if there is none")
    description: str
    descriptionBn: str = Field("", description=f"{DESCRIPTION_BN}; missing if there is none")
    open: bool = Field(description="anyone can join")
    listed: bool = Field(description="anyone can find it; only members can enter")
    count_anonymous: bool = Field(description=COUNT_ANONYMOUS)
    public_count: bool = Field(description=PUBLIC_COUNT)
    members_see_online: bool = Field(description=MEMBERS_SEE_ONLINE)
    role: str | None = Field(description="member, moderator or admin; null if you are not a member")
    online: int = Field(description="number of people online")

    @classmethod
    def of(cls, access: Access, online: int) -> "CommunityResponse":
        community = access.community
        values = current_values(community) | {"ref": community.ref}
        missing = {name for name in ("ref", "nameBn", "descriptionBn") if not values[name]}
        given = {name: value for name, value in values.items() if name not in missing}
        return cls(id=community.id, role=access.role, online=online, **given)


class MembershipResponse(BaseModel):
    """Your membership of a community."""

    model_config = ConfigDict(from_attributes=True)

    community_id: str
    user_id: str
    role: str
    joined_at: Time = Field(validation_alias="joined_ms", examples=[JOINED_AT])


class MemberResponse(BaseModel):
    """A member of a community."""

    user_id: str
    name: str
    role: str
    joined_at: str = Field(examples=[JOINED_AT])
    email: str = Field("", description="only for site admins; missing for a person from another system")
    ref: str = Field("", description="another system's id for a person without an account here; missing for others")

    @classmethod
    def of(cls, member: Membership, account: Account) -> "MemberResponse":
        """The member as `account` may see them."""
        user = member.user
        optional = {"email": user.email if account.is_admin else "", "ref": user.external_ref}
        given = {name: value for name, value in optional.items() if value}
        return cls(user_id=member.user_id, name=user.name, role=member.role, joined_at=iso(member.joined_ms), **given)


class NamedResponse(BaseModel):
    name: str


class InvitationResponse(BaseModel):
    """An invitation, as the invited person sees it."""

    token: str
    community: NamedResponse = Field(NamedResponse(name=""), description="missing for an invitation to the panel")
    invited_by: NamedResponse
    role: str = Field(description="member, moderator or admin; for the panel, viewer or admin")

    @classmethod
    def of(cls, offer: AnyInvitation, token: str) -> "InvitationResponse":
        to = {"community": NamedResponse(name=offer.community.name)} if offer.community else {}
        return cls(token=token, role=offer.role, invited_by=NamedResponse(name=offer.inviter.name), **to)


Ref = Annotated[str, BeforeValidator(ref_text), WithJsonSchema(pattern(REF_PATTERN))]


class MemberByRefBody(Body):
    role: Role
    name: Name = Field(description="as others see it", examples=["Ayesha"])
    appear_offline: Flag | None = Field(None, description=APPEAR_OFFLINE)


class MemberOfList(BaseModel):
    ref: Annotated[str, BeforeValidator(user_ref_text), WithJsonSchema(pattern(USER_REF_PATTERN))] = Field(
        examples=["4711"]
    )
    role: Role
    name: Name = Field(examples=["Ayesha"])


def _members(value: Any) -> Any:
    if not isinstance(value, list) or len(value) > MAX_MEMBERS:
        raise refuse("must be a list of up to 500 members")
    refs = [member["ref"] for member in value if isinstance(member, dict) and isinstance(member.get("ref"), str)]
    if len(set(refs)) < len(refs):
        raise refuse("must not contain the same ref twice")
    return value


class MembersBody(Body):
    """The complete list of members that have a ref. The body can be up to 1 MB."""

    largest = MAX_LIST_BODY_BYTES

    members: Annotated[list[MemberOfList], BeforeValidator(_members)] = Field(max_length=MAX_MEMBERS)


class SyncedResponse(BaseModel):
    """How many members were added, changed and removed."""

    added: int
    changed: int
    removed: int


class BroadcastBody(Body):
    data: Annotated[Any, WithJsonSchema({})] = Field(
        description="any JSON value, up to 4,096 bytes and 64 levels", examples=[{"kind": "typing", "user": "4711"}]
    )


class DisconnectBody(Body):
    userRef: Ref = Field(examples=["4711"])


class OnlineCountsResponse(BaseModel):
    online: dict[str, int] = Field(description="by the requested ids or refs", examples=[{"dhaka": 42}])
