"""Programs that tests fork from one that has loaded their modules (`support.forking`) are like those started anew."""

from __future__ import annotations

import os
import signal

from support.forking import Starting
from support.processes import run

COMMANDS = [(("nonsense",), {}), (("stats",), {"TIMEZONE": "Mars/One"}), (("user", "create", "a@example.com"), {})]
"""One there is not, one with a setting that cannot be used, and one with a question that is not answered."""


def test_command_ends_as_one_that_was_started_anew(sqlite_database, monkeypatch):
    def ended(arguments: tuple[str, ...], settings: dict[str, str]) -> tuple[int, str, str]:
        said = run("-m", "koyjabo", *arguments, DATABASE_URL=sqlite_database.url, **settings)
        return said.returncode, said.stdout, said.stderr

    forked = [ended(*each) for each in COMMANDS]
    monkeypatch.setattr(Starting, "is_honest", True)
    assert forked == [ended(*each) for each in COMMANDS]


def test_environment_is_the_one_that_was_given(sqlite_database, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "sqlite:////nowhere/at/all.db")
    said = run("-m", "koyjabo", "stats", DATABASE_URL=sqlite_database.url)
    assert (said.returncode, said.stderr) == (0, "")


def test_server_has_a_process_group_of_its_own_and_tells_how_it_ended(sqlite_database, new_server):
    server = new_server(sqlite_database).start()
    assert os.getpgid(server.pid) == os.getsid(server.pid) == server.pid
    assert server.stop(signal.SIGINT, group=True).status == 0
    server.start().register("ayesha")
    assert "monkey_patch" not in server.log, "eventlet complains of what was loaded before it patched"
    os.kill(server.pid, signal.SIGKILL)
    assert server.wait().status == -signal.SIGKILL
    assert not server.running
