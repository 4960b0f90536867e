"""koyjabo.com's Cloudflare worker with the code from docs/bridges.md, and a server behind it."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from support.clients.members import Member
from support.programs.installed import program

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = Path(__file__).with_name("worker.mjs")
VISITOR = "visitor_1702757318000_a1b2c3d4e"
WORKER = "https://koyjabo-auth-proxy.example.workers.dev"


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database):
    return module_servers(module_sqlite_database, BRIDGES="koyjabo", TRUSTED_PROXIES=1).start()


def post(**body: str) -> dict:
    headers = {"Content-Type": "application/json", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0"}
    headers |= {"CF-Connecting-IP": "103.4.147.9", "Accept-Language": "bn-BD"}
    return {"url": f"{WORKER}/gh", "method": "POST", "headers": headers, "body": json.dumps(body)}


def visit(request_id: str) -> dict:
    data = json.dumps({"visitorId": VISITOR, "userId": "anonymous"})
    return post(requestId=request_id, action="record-visit", email="", passwordHash="", userId="", data=data)


def get(path: str) -> dict:
    return {"url": f"{WORKER}/gh?r=d&p={path}", "method": "GET", "headers": {}}


def test_the_code_for_the_worker_forwards_the_two_calls_and_no_other(server, tmp_path):
    node = program("node", "the worker's lines are JavaScript")
    blocks = re.findall(r"```js\n(.*?)```", (ROOT / "docs" / "bridges.md").read_text(), re.DOTALL)
    (lines,) = [block for block in blocks if "function askLiveServer" in block]
    assert lines.count("\n") <= 35
    file = tmp_path / "lines.js"
    file.write_text(lines)
    before, visitors = server.stats().total, server.get("/api/stats").json()["uniqueVisitors"]
    requests = [visit("one"), visit("one"), visit("two"), get("data/stats/global.json"), visit("")]
    requests += [post(requestId="three", action="login"), get("data/users/index.json"), post()]
    ended = subprocess.run(
        [node, str(SCRIPT), str(file), server.url],
        input=json.dumps(requests), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    answers = json.loads(ended.stdout)
    assert [answer and answer["status"] for answer in answers] == [204, 204, 204, 200, 400, None, None, None]
    assert answers[0]["untouched"] is True
    assert all(answer["headers"]["access-control-allow-origin"] == "https://koyjabo.com" for answer in answers[:5])
    shown = json.loads(answers[3]["body"])
    assert shown == {"totalVisits": before + 2, "todayVisits": before + 2, "uniqueVisitors": visitors + 1}
    admin = Member(server)
    server.database.rows(f"UPDATE users SET is_admin = true WHERE id = '{admin.id}'")
    countries = admin.call("GET", "/api/reports/breakdown?by=country")["rows"]
    languages = server.database.rows("SELECT DISTINCT language FROM visits WHERE language IS NOT NULL")
    assert [row["value"] for row in countries if row["value"]] == ["BD"]  # the other requests had no header
    assert languages == [("bn",)]
