"""The table of share links."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.base.models import Digest, Model, Name, Uuid, related
from koyjabo.people.models import Community, CommunityId, User, UserId


class Share(Model):
    """A link that shows reports to anyone who has it."""

    __tablename__ = "shares"

    id: Mapped[Uuid] = mapped_column(primary_key=True)
    token_digest: Mapped[Digest] = mapped_column(unique=True)
    sealed_token: Mapped[str | None]  # None for links from before tokens were stored
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
