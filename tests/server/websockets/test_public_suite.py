"""The cases that other people wrote for WebSocket servers."""

from support.corpora import websocket_suite


def test_cases_of_the_public_suite_have_the_expected_end():
    agreements = list(websocket_suite.agreements())
    assert {case: mistake for agreement in agreements for case, mistake in agreement.wrong.items()} == {}
    assert sum(agreement.right for agreement in agreements) >= 247
