"""The table of API keys."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, foreign, mapped_column

from koyjabo.base.models import Digest, Model, Name, Uuid, related
from koyjabo.people.models import Community, CommunityId, User


class ApiKey(Model):
    """A key that a program uses to call the API. No column contains the key: both digests are SHA-256 in
    hexadecimal."""

    __tablename__ = "api_keys"

    id: Mapped[Uuid] = mapped_column(primary_key=True)
    name: Mapped[Name]
    scopes: Mapped[str]  # sorted, separated by spaces
    community_id: Mapped[CommunityId | None] = mapped_column(index=True)  # None for the site's keys
    prefix: Mapped[str] = mapped_column(String(11), unique=True)  # "kj_" and eight characters; unchanged by a rotation
    digest: Mapped[Digest] = mapped_column(unique=True)
    old_digest: Mapped[Digest | None] = mapped_column(unique=True)  # before the last rotation
    old_until_ms: Mapped[int | None]
    created_ms: Mapped[int]
    created_by: Mapped[Uuid | None]  # a user; None: unknown, the operator, or deleted
    expires_ms: Mapped[int | None]
    revoked_ms: Mapped[int | None]
    last_used_ms: Mapped[int | None]
    community: Mapped[Community | None] = related()
    maker: Mapped[User | None] = related(primaryjoin=lambda: foreign(ApiKey.created_by) == User.id)
