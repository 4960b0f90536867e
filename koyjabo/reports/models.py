"""Share links, and visitors who became users."""

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.base.models import Digest, Model, Name, ScopeId, Uuid, related
from koyjabo.people.models import Community, CommunityId, User, UserId


class Conversion(Model):
    """The first time an anonymous visitor to a community became a user."""

    __tablename__ = "conversions"
    __table_args__ = (
        Index("uq_conversions_scope_visitor", "scope", "visitor_id", unique=True),
        Index("ix_conversions_user", "user_id", "id"),
    )

    id: Mapped[Uuid] = mapped_column(primary_key=True)  # shown to moderators instead of the visitorId
    scope: Mapped[ScopeId]
    visitor_id: Mapped[str] = mapped_column(String(128))
    user_id: Mapped[Uuid]
    at_ms: Mapped[int]
    # The visitor's first visit in the scope, once the conversion is reduced (`upkeep.retention.reduction_queries`).
    first_visit: Mapped[int | None]


class Share(Model):
    """A link that shows reports to anyone who has it."""

    __tablename__ = "shares"

    id: Mapped[Uuid] = mapped_column(primary_key=True)
    token_digest: Mapped[Digest] = mapped_column(unique=True)
    name: Mapped[Name]
    filters: Mapped[str]  # JSON: lists of values by dimension
    range: Mapped[str | None] = mapped_column(String(32))
    password: Mapped[str | None]  # Argon2 hash with its parameters
    created_ms: Mapped[int]
    created_by: Mapped[UserId] = mapped_column(index=True)
    expires_ms: Mapped[int | None]
    used_ms: Mapped[int | None]  # when the link was last opened, to the minute
    community_id: Mapped[CommunityId | None] = mapped_column(index=True)  # the only community that it shows
    community: Mapped[Community | None] = related()
    maker: Mapped[User] = related()
