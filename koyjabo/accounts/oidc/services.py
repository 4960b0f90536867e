"""Services for logins with OpenID providers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from koyjabo.accounts.oidc.authorization import Authorizations
from koyjabo.accounts.oidc.provider import Provider
from koyjabo.accounts.oidc.provider_logins import ProviderLogins, ProviderRules
from koyjabo.accounts.services import AccountServices
from koyjabo.cluster.base import Base
from koyjabo.mail.outbox import MailOutbox
from koyjabo.outbound.client import HttpClient


@dataclass(frozen=True, slots=True)
class OidcServices:
    providers: Mapping[str, Provider]
    """Providers by name, in the order of OIDC_PROVIDERS."""

    authorizations: Authorizations
    logins: ProviderLogins

    @property
    def issuers(self) -> frozenset[str]:
        """Issuers that users can log in with."""
        return frozenset(provider.settings.issuer for provider in self.providers.values())


def build(base: Base) -> OidcServices:
    settings, http = base.settings, HttpClient(base.runtime)
    accounts, outbox = base.services[AccountServices], base.services[MailOutbox]
    rules = ProviderRules(settings.oidc_signup, settings.oidc_admin_claim, settings.oidc_trust_mfa)
    return OidcServices(
        {provider.name: Provider(provider, http, base.runtime, base.clock) for provider in settings.oidc_providers},
        Authorizations(accounts.pending, settings.secret_key),
        ProviderLogins(base.database, base.clock, accounts.credentials, accounts.pending, outbox, rules),
    )
