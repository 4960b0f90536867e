"""Tokens in links: each is valid for one purpose, one row and one SECRET_KEY."""

import uuid

from hypothesis import given, strategies as st
from support.runs.fuzz_effort import effort

from koyjabo.base.core.link_tokens import EMAIL_VERIFICATION, INVITATION, PASSWORD_RESET, LinkTokens

TOKENS = LinkTokens("a secret for tests")


@effort(200)
@given(st.uuids().map(str), st.sampled_from([PASSWORD_RESET, EMAIL_VERIFICATION, INVITATION]))
def test_a_link_token_leads_to_its_row_only_for_its_purpose(row_id, purpose):
    token = TOKENS.token(purpose, row_id)
    assert TOKENS.row_id(purpose, token) == row_id
    assert {
        TOKENS.row_id(other, token) for other in (PASSWORD_RESET, EMAIL_VERIFICATION, INVITATION) if other != purpose
    } == {None}
    assert LinkTokens("another secret").row_id(purpose, token) is None


@effort(400)
@given(st.integers(0, 42), st.characters(), st.text())
def test_a_changed_link_token_or_any_other_text_is_refused(place, character, text):
    token = TOKENS.token(PASSWORD_RESET, str(uuid.UUID(int=1)))
    changed = token[:place] + character + token[place + 1 :]
    assert changed == token or TOKENS.row_id(PASSWORD_RESET, changed) is None
    assert TOKENS.row_id(PASSWORD_RESET, text) is None
