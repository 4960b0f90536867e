"""docs/specification/ agrees with the code, and every citation of it names something that exists."""

import re
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from support.people import permissions

from koyjabo.base.core.sanitize import MAX_TEXT_LENGTH
from koyjabo.columns.dimensions.dimensions import DIMENSION_NAMES
from koyjabo.counting.schemas.requests import NewVisitBody
from koyjabo.counting.schemas.responses import StatsResponse
from koyjabo.presence import CommunityVisitorTracker
from koyjabo.realtime import VisitorBroadcaster
from koyjabo.realtime.broadcaster import LARGEST_EVENT
from koyjabo.realtime.room import MIN_INTERVAL_S, REST_PER_CPU_TIME, REST_PER_ELAPSED_TIME
from koyjabo.server.websockets.buffered_connection import MAX_BUFFER_BYTES
from koyjabo.server.websockets.connection_loop import PING_INTERVAL_S, PING_TIMEOUT_S, STALLED_CLIENT_S
from koyjabo.web.login.tokens import ACCESS_TOKEN_S, REFRESH_TOKEN_S
from koyjabo.web.schemas.paging import MAX_PER_PAGE

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
TEXT = "\n".join(page.read_text() for page in sorted((DOCS / "specification").glob("*.md")))
HEADINGS = re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
FOLDERS = ("bench", "clients/js/src", "clients/react/src", "docs", "koyjabo", "migrations", "tests", "tools")
KINDS = {".css", ".html", ".js", ".lua", ".md", ".mjs", ".py", ".ts", ".tsx"}
NOT_OURS = {".cache", "node_modules", "vendor"}
ROLES = {
    **{"nobody": "anyone", "user": "user", "member": "member", "moderator": "moderator", "admin": "admin"},
    permissions.VIEWER: "admin or viewer of the site",
    permissions.SITE_ADMIN: "site admin",
}
ROLES["viewer"] = "admin or viewer of the site"
PARAMETERS = {"community_id": "id", "session_id": "id", "user_id": "userId", "token": "token"}
PARAMETERS |= {"ref": "ref", "user_ref": "userRef"}


def section(heading: str) -> str:
    """The text under a heading, up to the next one."""
    return re.split(rf"^#+ {re.escape(heading)}$", TEXT, flags=re.MULTILINE)[1].partition("\n#")[0]


def rows(heading: str) -> list[list[str]]:
    """The cells of a section's table, without its header."""
    lines = [line for line in section(heading).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def names(heading: str) -> list[str]:
    """Names in the first column of a section's table."""
    return [row[0].strip("`") for row in rows(heading)]


@cache
def sources() -> dict[str, str]:
    """The text of every file except this one, by path, with each citation on one line."""
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*") if file.suffix in KINDS]
    ours = [file for file in files if not NOT_OURS & set(file.relative_to(ROOT).parts)]
    ours += [file for pattern in ("*.py", "*.md") for file in ROOT.glob(pattern)]
    ours.remove(Path(__file__).resolve())
    return {str(file.relative_to(ROOT)): re.sub(r"\s*\n[\s#*-]*", " ", file.read_text()) for file in ours}


def citations(pattern: str) -> list[tuple[str, str]]:
    """(file, cited text) of each citation."""
    return [(file, cited) for file, text in sources().items() for cited in re.findall(pattern, text)]


def route(rule: str) -> str:
    return re.sub(r"<(?:[^<>:]+:)?(\w+)>", lambda cited: f"{{{PARAMETERS[cited[1]]}}}", rule)


@pytest.fixture(scope="module")
def calls(site) -> dict[str, tuple[str, list[int]]]:
    """Permissions and success statuses of each call about accounts and communities. Sockets have no statuses."""
    described = site.client.get("/openapi.json").json["paths"]
    calls_of_table = {}
    for rule in site.app.url_map.iter_rules():
        who = ROLES.get(permissions.RULES.get(rule.endpoint, ""), "")
        if rule.websocket:
            calls_of_table[route(rule.rule)] = (who, [])
        elif rule.rule.startswith(("/api/auth/", "/api/communities", "/api/invitations")):
            (method,) = (rule.methods or set()) - {"HEAD", "OPTIONS"}
            responses = described[re.sub(r"<(?:[^<>:]+:)?(\w+)>", r"{\1}", rule.rule)][method.lower()]["responses"]
            calls_of_table[f"{method} {route(rule.rule)}"] = (who, [int(code) for code in responses if code < "4"])
    return calls_of_table


def test_the_specification_lists_the_calls_of_the_code(calls):
    listed = {
        call.strip("`"): (who, [int(code) for code in statuses.split(", ")])
        for call, who, statuses, *_ in rows("Accounts and communities")
    }
    own = {call.strip("`"): [int(code) for code in statuses.split(", ")] for call, statuses, _ in rows("Your own ids")}
    assert {call: calls[call][1] for call in own} == own
    assert listed == {call: answer for call, answer in calls.items() if answer[1] and call not in own.keys() - listed}

    listed = {path.strip("`"): (who, []) for path, who, *_ in rows("Real time")}
    assert listed == {path: who for path, who in calls.items() if path.startswith("/")}


def test_the_specification_lists_the_fields_of_the_code():
    assert names("Register a visit") == list(NewVisitBody.model_fields)
    assert names("Read the stats") == list(StatsResponse.model_fields)
    assert names("Dimensions") == list(DIMENSION_NAMES)


def test_the_specification_lists_the_console_lines_of_the_script():
    script = (ROOT / "koyjabo" / "static" / "counting" / "koyjabo-debug.2.js").read_text()
    written = [match[1] for match in re.findall(r"console\.\w+\(\n?\s*([\"`])(.+?)\1", script)]
    patterns = [re.sub(r"\\\$\\{.+?\\}", ".*", re.escape(line)) for line in written]
    listed = names("Console lines")
    assert len(listed) == len(patterns)
    assert [line for line in listed if not any(re.fullmatch(pattern, line) for pattern in patterns)] == []
    assert [pattern for pattern in patterns if not any(re.fullmatch(pattern, line) for line in listed)] == []


def test_the_specification_lists_the_names_and_methods_for_programs():
    for module, _, attribute in (name.rpartition(".") for name in names("Python names") if name != "wsgi.app"):
        assert hasattr(import_module(module), attribute), (module, attribute)
    tracker = {name for name in vars(CommunityVisitorTracker) if not name.startswith("_")}
    broadcaster = {name for name in vars(VisitorBroadcaster) if name.startswith("broadcast_")}
    assert {name.partition("(")[0] for name in names("Presence from a program")} == tracker
    assert set(re.findall(r"visitor_broadcaster\.(\w+)\(", section("Broadcasting from a program"))) == broadcaster


NUMBERS = [
    ("Register a visit", f"Texts longer than {MAX_TEXT_LENGTH} characters are cut"),
    ("Sessions and tokens", f"An access token is valid for {ACCESS_TOKEN_S // 60} minutes"),
    ("Sessions and tokens", f"a refresh token for {REFRESH_TOKEN_S // 86400} days"),
    ("Lists", f"at most {MAX_PER_PAGE} a page"),
    ("Real time", f"20 long place names, {LARGEST_EVENT // 1024} KB"),
    ("Promises", f"the greatest of {round(MIN_INTERVAL_S * 1000)} ms"),
    ("Promises", f"{ {4: 'four'}[REST_PER_CPU_TIME] } times the CPU time of the last broadcast"),
    ("Promises", f"{ {2: 'twice'}[REST_PER_ELAPSED_TIME] } its duration"),
    ("Promises", f"closed within {round(PING_INTERVAL_S + PING_TIMEOUT_S)} s"),
    ("Promises", f"at most {MAX_BUFFER_BYTES // 1024} KB of buffer"),
    ("Promises", f"closed after {round(STALLED_CLIENT_S)} s"),
]


def test_the_numbers_in_the_specification_match_the_code():
    assert [promise for promise in NUMBERS if promise[1] not in " ".join(section(promise[0]).split())] == []


def test_every_citation_of_the_specification_names_a_heading_or_a_promise():
    promises = {f"promise {number}" for number in re.findall(r"^(\d+)\. ", section("Promises"), re.MULTILINE)}
    cited = [(file, name) for file, all_ in citations(r"\(specification: ([^;)]+)") for name in all_.split(", ")]
    assert len(cited) > 40
    assert [(file, name) for file, name in cited if name not in promises | {*HEADINGS}] == []

    assert citations(r"(SPEC: |SPEC promise|DESIGN|[^(]specification: |[^([]decisions? \d)") == []


def test_every_citation_of_a_decision_names_a_record():
    records = {int(file.name[:4]) for file in (DOCS / "decisions").glob("[0-9]*.md")}
    cited = citations(r"\(decision (\d+)\)")
    assert cited
    assert [(file, number) for file, number in cited if int(number) not in records] == []


def test_the_index_lists_every_decision_by_its_title():
    row = re.compile(r"^- \[(\d+)\]\((.+)\) (.+)$", re.MULTILINE)
    files = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    titles = [(file.name, file.read_text().partition("\n")[0]) for file in files]
    index = row.findall((DOCS / "decisions" / "README.md").read_text())
    assert sorted((name, f"# {number}. {title}") for number, name, title in index) == titles
    assert [name for number, name, _ in index if not name.startswith(f"{int(number):04}-")] == []


def test_every_decision_has_four_parts():
    records = {file.name: file.read_text() for file in (DOCS / "decisions").glob("[0-9]*.md")}
    parts = ("Context", "Decision", "Rejected", "Number")
    assert [name for name, text in records.items() if not all(f"**{part}" in text for part in parts)] == []
