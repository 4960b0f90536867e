"""Stores settings, and applies them on this worker. The environment wins over stored values.

A setting in force that is not in the environment is the stored one, or else its default. A stored value that cannot be
used is left out, so that the server serves: the secret was sealed with another key, the value is invalid, or it
conflicts with other settings.
"""

import threading
from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from functools import partial
from typing import Any

from pydantic import ValidationError

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.errors import InvalidInput, LedgerUnavailable
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.base.core.sealer import Sealer
from koyjabo.base.settings import backup_folder
from koyjabo.base.settings.catalogue import PAGE_SETTINGS
from koyjabo.base.settings.given_text import cleaned
from koyjabo.base.settings.schema import Settings
from koyjabo.people.audit import log as audit
from koyjabo.people.audit.audit import SETTINGS_ACTION
from koyjabo.people.audit.log import Subject
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.people.mail.outbox_queries import SETTINGS_MAIL
from koyjabo.web.schemas.bodies import sentence
from . import queries

SEALED_SETTINGS = set(filter(Settings.is_secret, PAGE_SETTINGS))
"""Settings that are stored sealed, and recorded in the audit log only as changed."""

MAILED_SETTINGS = ("PUBLIC_URL", "SMTP_URL")
"""Settings whose change is emailed to all admins, by the earlier mail server, because a thief could read the emails of
the new one. Without an earlier server, nothing is sent.
"""

SETTINGS_POLL_S = 1.0
"""Interval between calls to `refresh`, s."""

CHANGED_SECRET = N_("changed")
UNREADABLE_SECRET = N_("It was saved with another SECRET_KEY: enter it again.")
INVALID_VALUE = N_("This version of the server does not accept its value: enter it again.")

SETTINGS_ACTIONS = {SETTINGS_ACTION: N_("Settings changed")}


class StoredSettings:
    """Call `refresh` every SETTINGS_POLL_S. `settings` are the settings in force, which all features read."""

    def __init__(self, base: Base) -> None:
        """Apply the stored settings. Raises LedgerUnavailable."""
        self._database, self._clock, self._services = base.database, base.clock, base.services
        self.settings = base.settings
        self._environment = base.settings.model_copy()
        self._sealer = Sealer(base.settings.secret_key, b"koyjabo settings")
        self._rows: dict[str, str] = {}
        self._lock = threading.Lock()  # so that no earlier read is applied after a later one
        self._on_change = partial(base.signals.settings_changed.send, None)
        self.left_out: dict[str, str] = {}
        """Why stored values are not in use, by name."""
        self._apply(self._database.read(queries.stored))

    def refresh(self) -> bool:
        """Apply what any worker, server or command has stored. Returns whether the database could be read."""
        with self._lock, suppress(LedgerUnavailable):  # the next call tries again
            self._apply(self._database.read(queries.stored))
            return True
        return False

    def is_fixed(self, name: str) -> bool:
        """Whether the environment sets this setting."""
        return name.lower() in self._environment.model_fields_set

    def source(self, name: str) -> str:
        """Where the value in force comes from: `environment`, `page` or `default`."""
        if self.is_fixed(name):
            return "environment"
        return "page" if name.lower() in self.settings.model_fields_set else "default"

    def change(self, account: Account, **changes: str) -> None:
        """Store settings by name, written as in the environment. An empty value restores the default.

        Raises Forbidden unless the account is a site admin, InvalidInput with the reasons by name, or with a sentence
        about a name that cannot be stored, and LedgerUnavailable.
        """
        account.require_site_admin()
        for name, text in changes.items():
            self._require_storable(name)
            try:
                changes[name] = cleaned(name, text)
            except ValueError as error:
                raise InvalidInput(details={name: error.args[0]}) from None
        if why := backup_folder.problem(changes.get("BACKUP_DIR", "")):
            raise InvalidInput(details={"BACKUP_DIR": why})
        self._database.write(partial(self._change, by=audit.actor(account, self._clock), changes=changes))
        self.refresh()

    def _change(self, session: Any, by: audit.Actor, changes: Mapping[str, str]) -> None:
        rows = queries.locked(session)
        stored = self._opened(rows)
        before, left_out = self._usable(stored)
        after = self._checked({**stored, **changes}, changes, left_out)
        values = {name: text and after.text_of(name) for name, text in changes.items()}
        changed = [name for name, value in values.items() if value != stored.get(name) and (value or name in rows)]
        if not changed:
            return
        was, now = ({name: _recorded(settings, name) for name in changed} for settings in (before, after))
        entry = by.entry(SETTINGS_ACTION, Subject("server", "", ""), was=was, now=now)
        queries.store(session, {name: self._sealed(name, values[name]) for name in changed}, entry)
        if mailed := [name for name in MAILED_SETTINGS if name in changed]:
            for admin in queries.admins(session):
                data = {"names": mailed, "by": by.name}
                mail = self._services[MailOutbox].email_of(before, SETTINGS_MAIL, admin.email, admin.language, **data)
                if mail is not None:
                    mail.store(session)

    def _sealed(self, name: str, value: str) -> str:
        return self._sealer.seal(value, name) if value and name in SEALED_SETTINGS else value

    def _checked(self, stored: dict[str, str], changes: Mapping[str, str], before: Mapping[str, str]) -> Settings:
        """The settings in force with these stored values. Raises InvalidInput if a value in `changes` cannot be used,
        or makes another value unusable that was usable `before`.
        """
        try:
            Settings.model_validate({name: value for name, value in changes.items() if value})
        except ValidationError as error:
            raise InvalidInput(details={str(e["loc"][0]): sentence(e) for e in error.errors()}) from None
        merged, left_out = self._usable(stored)
        for name, why in left_out.items():
            if name in changes or name not in before:
                raise InvalidInput(details={name if name in changes else next(iter(changes)): why})
        return merged

    def _require_storable(self, name: str) -> None:
        if name.lower() not in Settings.model_fields:
            similar = get_close_matches(name, [*map(str.upper, Settings.model_fields)], n=1)
            raise InvalidInput(
                " ".join([f"There is no setting {name}.", *(f"Did you mean {other}?" for other in similar)])
            )
        if name not in PAGE_SETTINGS:
            raise InvalidInput(f"{name} can only be set in the environment.")
        if self.is_fixed(name):
            raise InvalidInput(f"{name} is set in the environment. Change it there, or unset it first.")

    def _apply(self, rows: dict[str, str]) -> None:
        if rows == self._rows:
            return
        stored = self._opened(rows)
        merged, left_out = self._usable(stored)
        self.left_out = dict.fromkeys(sorted(rows.keys() - stored.keys()), UNREADABLE_SECRET) | left_out
        self.settings.adopt(merged)
        self._clock.move_to(merged.zone)
        self._on_change()
        self._rows = rows  # last, so that the next call repeats what has failed

    def _opened(self, rows: dict[str, str]) -> dict[str, str]:
        opened = {
            name: self._sealer.open(value, name) if name in SEALED_SETTINGS else value for name, value in rows.items()
        }
        return {name: value for name, value in opened.items() if value is not None}

    def _usable(self, stored: Mapping[str, str]) -> tuple[Settings, dict[str, str]]:
        """The settings in force with these opened values, and why others are left out, by name."""
        values: dict[str, Any] = {}
        left_out: dict[str, str] = {}
        for name, text in stored.items():
            if name in PAGE_SETTINGS and text and not self.is_fixed(name):
                try:
                    values[name.lower()] = getattr(Settings.model_validate({name: text}), name.lower())
                except ValidationError:
                    left_out[name] = INVALID_VALUE
        merged = self._environment.model_copy(update=values)
        while (conflict := merged.conflict())[0].lower() in values:
            name, left_out[name] = conflict
            del values[name.lower()]
            merged = self._environment.model_copy(update=values)
        return merged, left_out


def _recorded(settings: Settings, name: str) -> str:
    value = settings.text_of(name)
    return CHANGED_SECRET if name in SEALED_SETTINGS and value else value
