"""Codes of errors, which programs read."""

from __future__ import annotations

from koyjabo.base.core.errors import KoyJaboError, LedgerUnavailable, TooManyRequests, WrongCsrfToken
from koyjabo.counting.high_water import DatabaseRolledBack


def test_error_without_a_status_has_the_code_of_the_error_it_refines():
    class Unusual(KoyJaboError):
        pass

    assert (WrongCsrfToken.code, TooManyRequests.code) == ("wrong_csrf_token", "rate_limited")
    assert (LedgerUnavailable.code, DatabaseRolledBack.code) == ("ledger_unavailable", "ledger_unavailable")
    assert Unusual.code == "internal_error"
