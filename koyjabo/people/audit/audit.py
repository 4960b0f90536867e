"""Reads the audit log, for the panel."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from koyjabo.base.core.identity import MASKED_TEXT, Account
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.settings.catalogue import masked_settings
from . import queries
from .queries import AuditRecord

SETTINGS_ACTION = "settings.change"
"""The action whose details are values of settings, before and after."""

EMAIL_WORD = r"[^\s@\"'<>(),;:]"
EMAIL_PATTERN = re.compile(rf"(?<!{EMAIL_WORD}){EMAIL_WORD}++@{EMAIL_WORD}+")


class AuditSlice(NamedTuple):
    """Records, newest first, and the cursor of the next page, which is None at the end."""

    lines: tuple[AuditRecord, ...]
    before: int | None


class Audit:
    """The records, for site admins. Site viewers get masked emails and settings. Raises Forbidden for other accounts,
    and LedgerUnavailable.
    """

    def __init__(self, database: DatabaseExecutor) -> None:
        self._database = database

    def page(
        self,
        account: Account,
        before: int | None = None,
        count: int = 100,
        without: Mapping[str, str] | None = None,
    ) -> AuditSlice:
        """`count` records before the cursor, except the actions `without`."""
        account.require_site_viewer()
        records = self._database.read(queries.page, before, count + 1, without or {})
        lines = records[:count] if account.is_admin else tuple(map(_masked_record, records[:count]))
        return AuditSlice(lines, lines[-1].id if len(records) > count else None)


def _masked_record(line: AuditRecord) -> AuditRecord:
    """The record for viewers. If the target is a user, its name is the user's email."""
    target = MASKED_TEXT if line.target_kind == "user" and line.target else masked(line.target)
    details = line.details
    if line.action == SETTINGS_ACTION:
        details = {part: masked_settings(values) for part, values in details.items()}
    return line._replace(target=target, details=masked(details))


def masked(value: Any) -> Any:
    """`value` with everything that looks like an email replaced by MASKED_TEXT, including in nested values."""
    if isinstance(value, dict):
        return {name: masked(item) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return EMAIL_PATTERN.sub(MASKED_TEXT, value) if isinstance(value, str) else value
