"""Every command of the README does what the README says."""

from __future__ import annotations

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
from support.processes import ROOT, environment, wait_until

pytestmark = pytest.mark.honest_start

README = (ROOT / "README.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
SERVE = "STARTING_TOTAL=4000 make run"
SERVING = re.compile(r"serving on http://localhost:(\d+)")
INSTALLING_S = 300


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    database = tmp_path_factory.mktemp("readme") / "koyjabo.db"
    return {**os.environ, **environment(DATABASE_URL=f"sqlite:///{database}")}  # what `make` installs with, too


@pytest.fixture(scope="module")
def port(settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server as the README starts it, on a port that is free."""
    log = tmp_path_factory.mktemp("log") / "make-run.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            SERVE, shell=True, cwd=ROOT, env=settings, stdout=out, stderr=out, start_new_session=True
        )
    wait_until(lambda: SERVING.search(log.read_text()) or process.poll() is not None, "it serves", INSTALLING_S)
    found = SERVING.search(log.read_text())
    assert found, log.read_text()
    yield found[1]
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl+C does
    process.wait(15)


def sh(command: str, settings: dict[str, str]) -> str:
    done = subprocess.run(command, shell=True, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_4000_becomes_4001_as_the_readme_shows(port: str, settings: dict[str, str]):
    lines = [line.replace("localhost:8000", f"127.0.0.1:{port}") for line in COMMANDS if line.startswith("curl ")]
    before, visit, after = (json.loads(_with_requests(line)) for line in lines)
    assert before["totalVisitors"] == 4000
    told = visit["visit"]
    assert (told["ordinal"], told["today"], told["duplicate"]) == (4001, 1, False)
    assert after["totalVisitors"] == 4001


def test_the_answer_in_the_readme_has_the_keys_of_a_real_one(port: str, settings: dict[str, str]):
    shown = json.loads(re.findall(r"```json\n(.*?)```", README, re.DOTALL)[0])
    real = requests.post(f"http://127.0.0.1:{port}/api/visitor/register", json={"visitorId": "keys"}, timeout=10).json()
    assert list(real) == list(shown)
    assert list(real["stats"]) == list(shown["stats"])


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith(".venv/bin/")])
def test_each_command_of_ours_succeeds(port: str, settings: dict[str, str], command: str):
    assert sh(command, settings)


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("make ")])
def test_make_knows_each_target(command: str, settings: dict[str, str]):
    """Shown, not run: one of them is the run that this test is part of."""
    assert sh(f"{command} --dry-run", settings)


def test_no_command_is_left_untested():
    tested = ("curl ", ".venv/bin/", "make ")
    assert [line for line in COMMANDS if not line.startswith(tested)] == [SERVE]


def test_every_file_the_readme_links_to_exists():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (Path(ROOT) / link.partition("#")[0]).exists()] == []


def _with_requests(curl: str) -> str:
    """What the curl line asks for: curl itself may not be on the machine."""
    words = shlex.split(curl)
    url = next(word for word in words if "/api/" in word)
    if "-d" not in words:
        return requests.get(f"http://{url}", timeout=10).text
    name, _, value = words[words.index("-H") + 1].partition(": ")
    body = words[words.index("-d") + 1]
    return requests.post(f"http://{url}", data=body, headers={name: value}, timeout=10).text
