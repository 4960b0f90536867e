"""The bodies of responses of /api/communities. No cache may store them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from koyjabo.communities.api.requests import COUNT_ANONYMOUS, PUBLIC_COUNT
from koyjabo.communities.communities import CommunityAccess, Member
from koyjabo.communities.invitation_queries import Offer
from koyjabo.communities.invitations import Mailed
from koyjabo.core.clock import iso

JOINED_AT = "2025-12-16T04:48:38.412Z"


class CommunityAnswer(BaseModel):
    """A community, with the caller's role."""

    id: str = Field(examples=["1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"])
    name: str
    description: str
    open: bool = Field(description="anyone can join")
    listed: bool = Field(description="anyone can find it; only members get in")
    count_anonymous: bool = Field(description=COUNT_ANONYMOUS)
    public_count: bool = Field(description=PUBLIC_COUNT)
    role: str | None = Field(description="member, moderator or admin; null if you are not a member")
    online: int = Field(description="number of people online")

    @classmethod
    def of(cls, access: CommunityAccess, online: int) -> CommunityAnswer:
        community = access.community
        return cls(
            id=community.id,
            name=community.name,
            description=community.description,
            open=community.is_open,
            listed=community.is_listed,
            count_anonymous=community.count_anonymous,
            public_count=community.public_count,
            role=access.role,
            online=online,
        )


class MembershipAnswer(BaseModel):
    """Your membership of a community."""

    community_id: str
    user_id: str
    role: str
    joined_at: str = Field(examples=[JOINED_AT])

    @classmethod
    def of(cls, community_id: str, member: Member) -> MembershipAnswer:
        joined_at = iso(member.joined_ms)
        return cls(community_id=community_id, user_id=member.user_id, role=member.role, joined_at=joined_at)


class MemberAnswer(BaseModel):
    """A member of a community."""

    user_id: str
    name: str
    role: str
    joined_at: str = Field(examples=[JOINED_AT])
    email: str = Field("", description="for site admins only")

    @classmethod
    def of(cls, member: Member) -> MemberAnswer:
        email = {"email": member.email} if member.email is not None else {}
        joined_at = iso(member.joined_ms)
        return cls(user_id=member.user_id, name=member.name, role=member.role, joined_at=joined_at, **email)


class InvitedAnswer(BaseModel):
    """An invitation that was made. No field depends on whether there is an account with the email."""

    status: Literal["invited"]
    link: str = Field(description="for sending by hand", examples=["https://live.example.com/invitations/qLm0…"])
    mail: Mailed = Field(
        description="whether the link was mailed: the server may send no mails, your own email may not be confirmed, "
        "or the mails of this day may be used up"
    )


class NamedAnswer(BaseModel):
    name: str


class InvitationAnswer(BaseModel):
    """An invitation, as the invited person sees it."""

    token: str
    community: NamedAnswer
    invited_by: NamedAnswer
    role: str = Field(description="member, moderator or admin")

    @classmethod
    def of(cls, offer: Offer, token: str) -> InvitationAnswer:
        names = {"community": NamedAnswer(name=offer.community), "invited_by": NamedAnswer(name=offer.invited_by)}
        return cls(token=token, role=offer.role, **names)
