"""Every command in the README, and in the first pages it links to, works as described."""

import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from support.programs.patience import PATIENCE_S
from support.programs.processes import ROOT, environment, wait_until

pytestmark = [
    pytest.mark.honest_start,
    pytest.mark.long(
        proved_by="counting/test_stats.py::test_a_total_of_4000_becomes_4001_for_one_visit_and_survives_a_restart"
    ),
]

API = (ROOT / "docs" / "api.md").read_text()
PAGES = [(ROOT / "README.md").read_text(), API, (ROOT / "docs" / "command-line.md").read_text()]
COMMANDS = [
    line for page in PAGES for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()
]
TARGETS = [f"make {name}" for name in re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)]
OURS = [line for line in COMMANDS if line.startswith((".venv/bin/", "make "))]
CURLS = [line for line in COMMANDS if line.startswith("curl ")]
CLONE = "git clone ADDRESS-OF-THIS-REPOSITORY koyjabo-live && cd koyjabo-live"
SERVE = "STARTING_TOTAL=4000 make run"
WITH_DOCKER = [
    r"printf 'COMPOSE_FILE=compose.caddy.yaml\nDOMAIN=live.example.com\nTIMEZONE=Asia/Dhaka\n' > .env",
    "docker compose up -d --build",
    "docker compose exec app koyjabo user create you@example.com --admin",
]
"""Commands that need Docker. tests/test_deployment.py tests the other parts."""

INSTALLED = [  # two forms of a command for use outside a checkout
    "docker compose exec app koyjabo stats",
    "koyjabo stats                        # where the wheel is installed",
]
SERVING = re.compile(r"is serving.* http://localhost:(\d+)")


@pytest.fixture(scope="module")
def settings(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings for the copy's `.venv/bin/koyjabo`."""
    database = tmp_path_factory.mktemp("readme") / "koyjabo.db"
    return {**os.environ, **environment(DATABASE_URL=f"sqlite:///{database}"), "PYTHONPATH": str(checkout)}


@pytest.fixture(scope="module")
def port(checkout: Path, settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The port of a server that was started as the README shows."""
    log = tmp_path_factory.mktemp("log") / "make-run.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            SERVE, shell=True, cwd=checkout, env=settings, stdout=out, stderr=out, start_new_session=True
        )
    wait_until(lambda: SERVING.search(log.read_text()) or process.poll() is not None, "it serves", 60)
    match = SERVING.search(log.read_text())
    assert match, log.read_text()
    yield match[1]
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl+C does
    process.wait(PATIENCE_S)


def test_the_commands_of_the_readme_count_visit_4001_after_4000(port):
    before, registered, after = (
        json.loads(_with_requests(line.replace("localhost:8000", f"127.0.0.1:{port}"))) for line in CURLS
    )
    assert before["totalVisitors"] == 4000
    visit = registered["visit"]
    assert (visit["ordinal"], visit["today"], visit["duplicate"]) == (4001, 1, False)
    assert after["totalVisitors"] == 4001
    shown = json.loads(re.findall(r"```json\n(.*?)```", API, re.DOTALL)[0])
    assert (list(registered), list(registered["stats"])) == (list(shown), list(shown["stats"]))


@pytest.mark.parametrize("command", sorted({*OURS, *TARGETS}))
def test_each_command_of_this_project_succeeds(port, checkout, settings, command):
    """`make` only prints its commands, because one of them would run this test. `make bench` needs a name."""
    shown = " --dry-run NAME=register" if command.startswith("make ") else ""
    done = subprocess.run(
        command + shown, shell=True, cwd=checkout, env=settings, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert done.stdout


def test_every_command_in_the_readme_is_tested():
    assert len(CURLS) == 3
    assert [line for line in COMMANDS if line not in OURS + CURLS] == [CLONE, SERVE, *WITH_DOCKER, *INSTALLED]
    assert {line for line in OURS if line.startswith("make ")} <= {*TARGETS}


def _with_requests(curl: str) -> str:
    """Send the curl line's request with Python, because curl may be missing."""
    words = shlex.split(curl)
    url = next(word for word in words if "/api/" in word)
    if "-d" not in words:
        return requests.get(f"http://{url}", timeout=PATIENCE_S).text
    name, _, value = words[words.index("-H") + 1].partition(": ")
    body = words[words.index("-d") + 1]
    return requests.post(f"http://{url}", data=body, headers={name: value}, timeout=PATIENCE_S).text
