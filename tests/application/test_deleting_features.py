"""A feature is a folder: it can be deleted, with its line in `application/features.py`."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from koyjabo.application.features import FEATURES

ROOT = Path(__file__).resolve().parents[2]
SHARED = ("static", "translations")
"""Folders of `koyjabo/` that no feature owns as a whole. They are linked instead of copied."""

NOT_COPIED = shutil.ignore_patterns("__pycache__", *SHARED)
PASSWORD = "a password for the test"

VISIT = {"visitorId": "visitor_1702757318000_a1b2c3d4e"}
PROGRAM = f"""
import html
import re
import sys
import config
from koyjabo import create_app
from koyjabo.cli import main
from koyjabo.server.process import loading
from support.programs.applications import CompiledTemplates

LINK = re.compile('(?:href|src)="([^"]*)"')
NOT_OPENED = ("//", "/static/", "/docs/", "/?", "/admin/?", "/admin/visits?", "/admin/connect?")
app = create_app({{"DATABASE_URL": sys.argv[1], "ADMIN_EMAIL": "rani@example.com", "ADMIN_PASSWORD": "{PASSWORD}"}})
app.jinja_env.bytecode_cache = CompiledTemplates()
client = app.test_client()
registered = client.post("/api/visitor/register", json={VISIT})
assert (registered.status_code, registered.json["visit"]["ordinal"]) == (200, 1), registered.text
assert client.get("/api/stats").json["totalVisits"] == 1
assert client.get("/").status_code == 200
form = {{"email": "rani@example.com", "password": "{PASSWORD}"}}
assert client.post("/login", data=form, headers={{"Origin": "http://localhost"}}).status_code == 303
left, seen = ["/admin/"], set()
while left:
    path = left.pop()
    seen.add(path)
    page = client.get(path)
    assert page.status_code in (200, 204, 302, 303), (path, page.status_code, page.text)
    links = LINK.findall(page.text) if page.mimetype == "text/html" else []
    links += [page.headers["Location"]] if page.status_code in (302, 303) else []
    paths = {{html.unescape(link).partition("#")[0].removeprefix("http://localhost") for link in links}}
    left += [path for path in paths if path.startswith("/") and not path.startswith(NOT_OPENED) and path not in seen]
    left = list(dict.fromkeys(left))
assert {{"/admin/server", "/admin/connect", "/admin/visits"}} <= seen
server = client.get("/admin/server").text
assert not [word for word in sys.argv[2].split(",") if word and word in server], server
for path in ("/openapi.json", "/metrics", "/readyz"):
    assert client.get(path).status_code == 200, path
loading.load(config.load())
sys.argv[1:] = ["--help"]
main()
"""
"""Counts a visit, follows the links of the panel, loads everything as a server does, and lists the commands."""


def without(feature: str, folder: Path) -> Path:
    """Copy the product into a folder, and delete a feature with its templates and its line."""
    shutil.copytree(ROOT / "koyjabo", folder / "koyjabo", ignore=NOT_COPIED)
    for name in SHARED:
        (folder / "koyjabo" / name).symlink_to(ROOT / "koyjabo" / name)
    for name in ("config.py", "migrations"):
        (folder / name).symlink_to(ROOT / name)
    shutil.rmtree(folder / "koyjabo" / feature.replace(".", "/"))
    shutil.rmtree(folder / "koyjabo/templates" / feature.rpartition(".")[2], ignore_errors=True)
    features = folder / "koyjabo/application/features.py"
    text = features.read_text()
    assert text.count(f'    "{feature}",\n') == 1
    features.write_text(text.replace(f'    "{feature}",\n', ""))
    return folder


@pytest.fixture
def compiled(tmp_path: Path) -> Iterator[None]:
    """The compiled modules of the product, for its copy in `tmp_path`."""
    if not sys.pycache_prefix:
        yield
        return
    (own := Path(f"{sys.pycache_prefix}{tmp_path}")).mkdir(parents=True)
    (own / "koyjabo").symlink_to(f"{sys.pycache_prefix}{ROOT}/koyjabo")
    yield
    shutil.rmtree(own)


def check(feature: str, tmp_path: Path, words: str = "") -> None:
    """Delete a feature and use the rest. `words` are its texts on the page Server, separated by commas."""
    copy = without(feature, tmp_path)
    own = {"PYTHONPATH": f"{copy}:{ROOT}/tests", "KOYJABO_HOME": str(copy), "ENVIRONMENT": "development"}
    command = [sys.executable, "-P", "-B", "-c", PROGRAM, f"sqlite:///{tmp_path}/visits.db", words]
    done = subprocess.run(command, cwd=copy, env={**os.environ, **own}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "serve" in done.stdout


ON_SERVER = {
    "upkeep.look": "Mark",
    "upkeep.backups": "backup,Backup",
    "upkeep.retention": "Anonymise old visits",
    "upkeep.clock": "which one is right",
    "upkeep.erasure": "Erase a visitor",
    "site.exports": "Export",
    "people.mail_server": "Mail server,mail server,Test email",
    "site.page_numbers": "Page numbers",
    "site.receipts": "Is this number right",
    "site.getting_started": "Your visits to the home page",
}
"""The features with a row on the page Server, and words of it."""

SERVER_ROWS = "web.panel.server_page:SERVER_ROWS"


def test_the_page_server_has_no_word_of_a_deleted_feature(tmp_path, compiled):
    check("people.mail_server", tmp_path, ON_SERVER["people.mail_server"])


LINKED_FEATURES = {"site.home", "upkeep.personal_data"}
"""The home page and the account page: no other feature imports them, but all pages link to them."""


def separate_features() -> list[str]:
    """The features that no module of another feature imports."""
    named = re.compile(rf'(?:koyjabo\.|")({"|".join(map(re.escape, sorted(FEATURES, key=len, reverse=True)))})\.')
    imported = {
        feature
        for path in (ROOT / "koyjabo").rglob("*.py")
        for feature in named.findall(path.read_text())
        if ROOT / "koyjabo" / feature.replace(".", "/") not in path.parents
    }
    return [feature for feature in FEATURES if feature not in LINKED_FEATURES | imported]


def has_row(feature: str) -> bool:
    return SERVER_ROWS in getattr(import_module(f"koyjabo.{feature}"), "FILLS", {})


def test_each_separate_feature_with_a_row_on_the_page_server_has_words_for_its_deletion():
    assert set(filter(has_row, separate_features())) == ON_SERVER.keys()


@pytest.mark.long(
    proved_by="application/test_deleting_features.py::test_the_page_server_has_no_word_of_a_deleted_feature"
)
@pytest.mark.parametrize("feature", separate_features())
def test_every_separate_feature_can_be_deleted_with_its_folder_and_its_line(feature, tmp_path, compiled):
    check(feature, tmp_path, ON_SERVER[feature] if has_row(feature) else "")
