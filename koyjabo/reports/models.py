"""Visitors who became users."""

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.base.models import Model, ScopeId, Uuid


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
    # The visitor's first visit in the scope, once the conversion is reduced (`reports.upkeep_queries`).
    first_visit: Mapped[int | None]
