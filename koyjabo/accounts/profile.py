"""The name and the email of a user, as they change them."""

from __future__ import annotations

from koyjabo.accounts import queries
from koyjabo.accounts.audit_entries import subject
from koyjabo.accounts.email_links import EmailLinks
from koyjabo.accounts.grants import account_of
from koyjabo.accounts.queries import UserRecord
from koyjabo.audit import log
from koyjabo.core import credential_rules
from koyjabo.core.clock import Clock
from koyjabo.core.credential_rules import email_key
from koyjabo.core.identity import Account
from koyjabo.database.executor import DatabaseExecutor


class Profile:
    def __init__(self, database: DatabaseExecutor, clock: Clock, email_links: EmailLinks) -> None:
        self._database = database
        self._clock = clock
        self._email_links = email_links

    def change(self, person: UserRecord, name: str | None = None, email: str | None = None) -> Account:
        """Change the given fields, by `credential_rules`. Another email has to be verified again, and both addresses
        get a mail. The password of `person` was verified before. Returns the changed account. Raises EmailTaken,
        LedgerUnavailable, and WrongCredentials if the person was changed meanwhile.
        """
        account = account_of(person)
        email = account.email if email is None else credential_rules.email(email)
        name = account.name if name is None else credential_rules.name(name, of=email)
        changed = account._replace(name=name, email=email)
        fields = [field for field in ("name", "email") if getattr(changed, field) != getattr(account, field)]
        if fields:
            self._store(person, changed, fields)
        return changed

    def _store(self, person: UserRecord, changed: Account, fields: list[str]) -> None:
        account = account_of(person)
        entry = log.actor(account, self._clock).entry("user.change", subject(account), fields=", ".join(fields))
        key, is_new = email_key(changed.email), email_key(changed.email) != email_key(account.email)
        self._database.write(
            queries.change_profile,
            *(person, changed.name, changed.email, key),
            audit=entry,
            mail=self._email_links.email_changed(account.id, account.email, changed.email) if is_new else None,
        )
