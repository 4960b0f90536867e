"""kill -9 in the middle of the rush: no acknowledged visit is lost, no ordinal skipped or repeated."""

from __future__ import annotations

import pytest
from support.checks import assert_exact
from support.crowd import Crowd
from support.processes import wait_until

pytestmark = pytest.mark.waits

VISITS = 160


def test_no_acknowledged_visit_is_lost_by_kill_9(server):
    with Crowd([server], VISITS) as crowd:
        crowd.wait_for(VISITS // 2)
        server.kill()
        wait_until(lambda: crowd.lost, "clients go without an answer")
        server.start()
    assert_exact(crowd, server, VISITS)
