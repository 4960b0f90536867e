"""The commands of docs/communities.md work as they stand, one after the other."""

from __future__ import annotations

import re
import subprocess

import pytest
from support.processes import ROOT
from support.programs import program

PAGE = (ROOT / "docs" / "communities.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.long(
    proved_by="communities/live/test_community_counts.py::test_joiner_is_told_the_count_with_themselves_and_not_that_they_joined"
)
def test_newcomer_gets_no_error(new_server, sqlite_database):
    """With a shorter grace, and more time for one command to begin before the next, on a machine that is busy."""
    program("curl", "install it")
    server = new_server(sqlite_database, LEAVE_GRACE_SECONDS=1).start()
    script = "\n".join(["set -euo pipefail", *BLOCKS]).replace("localhost:8000", f"localhost:{server.port}")
    script = script.replace("& sleep 1;", "& sleep 3;")
    done = subprocess.run(  # frames of WebSockets are no text throughout
        ["bash", "-c", script], capture_output=True, text=True, errors="replace", timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ayesha@example.com" in done.stdout
    assert '"error"' not in done.stdout
    told = re.findall(r'"type":"(visitor_\w+)"[^}]*?"count":(\d)', done.stdout)
    assert {("visitor_count", "1"), ("visitor_joined", "2"), ("visitor_left", "1")} <= set(told), done.stdout
