"""Codes of errors and of closed sockets, which programs read."""

import re

from support.programs.processes import ROOT

from koyjabo.base.core import errors
from koyjabo.base.core.errors import KoyJaboError, LedgerUnavailable, TooManyRequests, WrongCsrfToken
from koyjabo.counting.high_water import DatabaseRolledBack


def test_error_without_a_status_has_the_code_of_the_error_it_refines():
    class Unusual(KoyJaboError):
        pass

    assert (WrongCsrfToken.code, TooManyRequests.code) == ("wrong_csrf_token", "rate_limited")
    assert (LedgerUnavailable.code, DatabaseRolledBack.code) == ("ledger_unavailable", "ledger_unavailable")
    assert Unusual.code == "internal_error"


REFUSALS = {
    value for name, value in vars(errors).items() if name.isupper() and isinstance(value, int) and value >= 4000
}


def test_react_package_knows_every_code_of_a_refusal():
    source = (ROOT / "clients/react/src/endings.ts").read_text()
    known = {int(code) for code in re.findall(r"\b4\d{3}\b", source)}
    assert known == REFUSALS


def test_page_of_a_community_knows_the_code_of_a_lost_permission():
    source = (ROOT / "koyjabo/static/communities/inside.js").read_text()
    assert f"const FORBIDDEN = {errors.FORBIDDEN};" in source
