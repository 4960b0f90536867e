"""Bridges are off unless asked for, and each can be deleted."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.app_fixtures import Site, assert_error
from support.processes import environment

import config

ROOT = Path(__file__).resolve().parents[3]
COMMUNITY = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"
PATHS = {
    "koyjabo": ["/gh?r=d&p=data/stats/global.json"],
    "citinfos": [
        "/api/analytics/visitors/",
        "/api/analytics/trends/",
        f"/api/visitors/communities/{COMMUNITY}/visitors/",
        f"/api/communities/{COMMUNITY}/online-count/",
        f"/api/communities/{COMMUNITY}/track-activity/",
        "/api/user/communities/status/",
        "/ws/analytics/visitors/",
    ],
}


@pytest.mark.parametrize("bridges", ["", "koyjabo", "citinfos"])
def test_what_is_not_asked_for_is_not_there(sqlite_database, bridges):
    with Site(sqlite_database.url, BRIDGES=bridges) as site:
        for name, paths in PATHS.items():
            for path in paths:
                answer = site.client.get(path)
                if name == bridges:
                    assert answer.status_code != 404, path
                else:
                    assert_error(answer, 404, "not_found")
        described = site.client.get("/openapi.json").json["paths"]
        assert ("/gh" in described) == (bridges == "koyjabo")
        assert ("/api/analytics/visitors" in described) == (bridges == "citinfos")
        assert "Access-Control-Allow-Origin" not in site.client.options("/ghosts").headers or bridges == "koyjabo"


def test_names_may_stand_in_any_order_and_twice():
    assert config.load({"BRIDGES": " citinfos, koyjabo,citinfos,"}).bridged == ["citinfos", "koyjabo"]


PROGRAM = """
import os
from koyjabo import create_app
client = create_app().test_client()
assert client.post("/api/visitor/register", json={"visitorId": "ayesha"}).status_code == 200
assert client.get("/openapi.json").status_code == 200
read = client.get("/gh?r=d&p=data/stats/global.json")
assert read.status_code == (200 if os.environ["BRIDGES"] else 404), read.text
"""


@pytest.mark.parametrize(
    ("missing", "bridges"), [("bridges", ""), pytest.param("citinfos", "koyjabo", marks=pytest.mark.long)]
)
def test_everything_else_starts_without_the_package(tmp_path, missing, bridges):
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "koyjabo", copy / "koyjabo", ignore=shutil.ignore_patterns(missing))
    shutil.copytree(ROOT / "migrations", copy / "migrations")
    shutil.copy(ROOT / "config.py", copy)
    assert not list(copy.rglob(missing))
    settings = environment(DATABASE_URL=f"sqlite:///{tmp_path}/koyjabo.db", BRIDGES=bridges)
    settings["PYTHONPATH"] = str(copy)
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=copy, env=settings, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
