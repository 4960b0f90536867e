"""Services for two-step login."""

from __future__ import annotations

from dataclasses import dataclass

from koyjabo.accounts.second_factor.codes import Codes
from koyjabo.accounts.second_factor.enrolment import SecondFactors
from koyjabo.accounts.second_factor.passkeys import Passkeys
from koyjabo.accounts.second_factor.second_step import SecondStep
from koyjabo.accounts.services import AccountServices
from koyjabo.cluster.base import Base
from koyjabo.mail.outbox import MailOutbox


@dataclass(frozen=True, slots=True)
class SecondFactorServices:
    second_step: SecondStep
    second_factors: SecondFactors
    passkeys: Passkeys


def build(base: Base) -> SecondFactorServices:
    database, clock, on_revoked = base.database, base.clock, base.signals.access_revoked.send
    accounts, codes = base.services[AccountServices], Codes(database, clock, base.settings.secret_key)
    pending, needs_email = accounts.pending, base.services[MailOutbox].is_on
    return SecondFactorServices(
        SecondStep(database, clock, accounts.credentials, pending, codes, on_revoked),
        SecondFactors(database, clock, pending, codes, on_revoked),
        Passkeys(database, clock, pending, codes, on_revoked, needs_email),
    )
