"""The settings that are stored in the database."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.base.models import ByKey, Model


class StoredSetting(ByKey, Model):
    """A setting from the page Server or `koyjabo settings` (`koyjabo.upkeep.stored_settings`)."""

    __tablename__ = "stored_settings"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)  # as in the environment
    value: Mapped[str]  # as in the environment; a secret is sealed
