"""Assertions about a ledger, which hold after any fault of the server."""

from __future__ import annotations

from support.clients.concurrent_registrations import Crowd
from support.servers.server import Server


def assert_exact(crowd: Crowd, server: Server, before: int = 0) -> None:
    """Assert that the crowd's visits were counted once each, and that retries got the first receipt."""
    assert crowd.surprises == []
    visits = crowd.acknowledged
    assert crowd.first_ordinals == list(range(before + 1, before + visits + 1))
    assert_retries_have_the_same_answer(crowd)
    assert server.stats().total == before + visits
    assert_verified(server)


def assert_retries_have_the_same_answer(crowd: Crowd) -> None:
    for visit, receipts in crowd.receipts.items():
        assert {receipt.ordinal for receipt in receipts} == {receipts[0].ordinal}, (visit, receipts)
        first, *later = receipts
        assert first.by_retry or not first.duplicate, (visit, "called a retry the first time it was sent", receipts)
        assert all(receipt.duplicate for receipt in later), (visit, "counted again", receipts)


def assert_verified(server: Server) -> None:
    """Assert that `koyjabo verify` succeeds: ledger, counters and sums agree."""
    verified = server.koyjabo("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
