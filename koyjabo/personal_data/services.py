"""Builds the services for exporting and deleting an account."""

from __future__ import annotations

from dataclasses import dataclass

from koyjabo.cluster.base import Base
from koyjabo.personal_data.deletion import AccountDeletion
from koyjabo.personal_data.export import AccountExport


@dataclass(frozen=True, slots=True)
class PersonalDataServices:
    export: AccountExport
    deletion: AccountDeletion


def build(base: Base) -> PersonalDataServices:
    database, clock = base.database, base.clock
    return PersonalDataServices(
        AccountExport(database, clock), AccountDeletion(database, clock, base.signals.access_revoked.send)
    )
