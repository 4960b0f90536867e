"""The largest numbers of people online."""

from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.base.models import ByKey, Day, Model, ScopeId


class Peak(ByKey, Model):
    """The largest number of people online in a community at once, by local day."""

    __tablename__ = "peaks"

    scope: Mapped[ScopeId] = mapped_column(primary_key=True)
    day: Mapped[Day] = mapped_column(primary_key=True)
    people: Mapped[int]
    at_ms: Mapped[int]
