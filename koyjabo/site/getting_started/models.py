"""The steps of setting up a site."""

from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.base.models import ByKey, Model, Word


class StartingStep(ByKey, Model):
    """A step in setting up a site (`getting_started`): the first page seen, or something that admins have hidden."""

    __tablename__ = "starting_steps"

    step: Mapped[Word] = mapped_column(primary_key=True)
    done_ms: Mapped[int | None]
    skipped_ms: Mapped[int | None]
    host: Mapped[str | None]  # host of the first page on another host whose visit was counted
    ordinal: Mapped[int | None]  # of that visit
