"""A Redis that refuses the server's user, which is not the same as one that is away."""

from __future__ import annotations

import pytest
from support.programs.processes import wait_until

USER = "ACL SETUSER app reset on >secret +@all ~* &*"
LIMITED = {
    "password": ("redis://app:wrong@", "ACL SETUSER app reset on >secret +@all ~* &*"),
    "channels": ("redis://app:secret@", "ACL SETUSER app reset on >secret +@all ~* resetchannels &koyjabo:*"),
    "scripts": ("redis://app:secret@", "ACL SETUSER app reset on >secret +@all -@scripting ~* &*"),
    "keys": ("redis://app:secret@", "ACL SETUSER app reset on >secret +@all &*"),
}
"""The beginning of the URL, and what the user may do."""
QUICK = "base/cluster/test_redis_refusals.py::test_refusal_is_named_until_the_rights_are_given"


@pytest.mark.parametrize(
    "limit",
    [
        "channels",
        *(pytest.param(limit, marks=pytest.mark.long(proved_by=QUICK)) for limit in LIMITED if limit != "channels"),
    ],
)
def test_refusal_is_named_until_the_rights_are_given(new_server, sqlite_database, disposable_redis, limit):
    """The log has one line, although the worker tries again every second. Visits are counted."""
    begin, rights = LIMITED[limit]
    with disposable_redis.client() as operator:
        operator.execute_command(*rights.split())
        server = new_server(sqlite_database, REDIS_URL=disposable_redis.url.replace("redis://", begin)).start()
        readiness = wait_until(lambda: refused(server), "it says so")
        assert readiness["error"] == "It refuses this server."
        for number in range(3):
            server.register(f"visitor-{number}")
        sent = commands(operator)
        wait_until(lambda: commands(operator) > sent + 10, "it has tried again")
        assert server.log.count("redis_refused cause=") == 1, server.log
        assert "redis_unreachable" not in server.log
        assert server.register("ayesha").ordinal == 4
        if limit != "password":
            operator.execute_command(*USER.split())
            operator.client_kill_filter(user="app")
            wait_until(lambda: not refused(server), "it is accepted")


def refused(server) -> dict[str, object] | None:
    readiness = server.get("/readyz").json()["checks"]["redis"]
    return None if readiness["ok"] else readiness


def commands(operator) -> int:
    """How many commands were refused or run."""
    statistics = operator.info("stats")
    return int(statistics["total_commands_processed"]) + int(statistics["total_error_replies"])
