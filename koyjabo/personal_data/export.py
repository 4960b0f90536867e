"""Everything that is stored about an account, as JSON for its owner."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from koyjabo.accounts.audit_entries import subject
from koyjabo.audit import log
from koyjabo.core.clock import Clock, iso
from koyjabo.core.errors import InvalidToken
from koyjabo.core.identity import Account
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.personal_data import export_queries
from koyjabo.personal_data.section_queries import SECTIONS, DataSubject, Section

PIECE = 500
"""Number of rows per piece. Reports wait for at most one piece."""


class AccountExport:
    def __init__(self, database: DatabaseExecutor, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def pieces(self, account: Account) -> Iterator[str]:
        """Yield one JSON object in pieces, which are read as needed: the account, then a list for each of SECTIONS. The
        audit entry is written before this returns. Raises InvalidToken if the account has just been deleted, or
        LedgerUnavailable, which may also happen between pieces.
        """
        account_data = self._database.report(export_queries.account, account.id)
        if account_data is None:
            raise InvalidToken
        by = log.actor(account, self._clock)
        self._database.write(by.entry("user.export", subject(account)).store)
        return self._texts(*account_data, at_ms=by.at_ms)

    def _texts(self, owner: DataSubject, shown: dict[str, Any], at_ms: int) -> Iterator[str]:
        yield f'{{"exported_at": {_json(iso(at_ms))},\n"account": {_json(shown)}'
        for section in SECTIONS:
            yield f",\n{_json(section.name)}: ["
            yield from self._rows(section, owner)
            yield "]"
        yield "}\n"

    def _rows(self, section: Section, owner: DataSubject) -> Iterator[str]:
        piece = self._database.report(export_queries.piece, section, owner, None, PIECE)
        yield ",\n".join(map(_json, piece.rows))
        while piece.reached is not None:
            piece = self._database.report(export_queries.piece, section, owner, piece.reached, PIECE)
            yield "".join(f",\n{_json(row)}" for row in piece.rows)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
