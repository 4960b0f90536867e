"""Lets users view, export and delete everything that is stored about their account."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("api", "pages")
FILLS = {
    "people.audit.log:ACTION_LABELS": "personal_data:DELETION_ACTIONS",
}


def register(base: "Base") -> None:
    from .personal_data import PersonalData

    base.services.add(PersonalData(base))
