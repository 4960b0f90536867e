"""The recipes of CONTRIBUTING.md do what they say, in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from support.programs.installed import git

from checkout import files_of

ROOT = Path(__file__).resolve().parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
BUILT = ("koyjabo/static/vendor", "koyjabo/static/min", "koyjabo/base/network/data")
"""What `make assets` adds to a checkout."""

FENCE = re.compile(r"^( *)```\w*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
PLACE = re.compile(r"(?:# |<!-- )(\S+), (before|after the entry|after|new)(?: ([^\n]+?))?(?: -->)?\n")

FILES_OF_RECIPES = {"A report dimension": 2, "A setting": 2, "A live number": 4, "A transport": 3}
"""The recipes that are applied, and how many files of the product each changes."""


class Edit(NamedTuple):
    """A code block of a recipe: what to insert before or after a line of a file, or a new file."""

    file: str
    where: str
    anchor: str
    text: str


DIMENSION = """
from support.people.admins import panel
from support.people.page_readers import words

from koyjabo.reports.engine.insights import Insights
from koyjabo.columns.query.report_query import ReportQuery
from koyjabo.reports.visits import visit_list


def test_a_new_dimension_appears_in_its_order_in_reports_pages_and_exports(site):
    site.time.go_to("2026-11-30T12:00:00+06:00")
    site.register("ayesha")
    site.time.pass_(hours=24)
    for visitor in ("karim", "rahim"):
        site.register(visitor)
    breakdown = site.services[Insights].breakdown(ReportQuery("2026-11-30", "2026-12-01"), "month")
    assert [(row.value, row.sums.visits) for row in breakdown.rows] == [("11", 1), ("12", 2)]
    assert "Month of the year" in words(panel(site).get("/admin/?range=today&tabs=month"))
    assert "month" in visit_list.EXPORT_COLUMNS
"""
COLUMNS = """
import csv
import io
from collections import Counter

from support.application.site import Site
from support.sites.full_site import fill, quiet, use_small_blocks

from koyjabo.base.core.identity import Account
from koyjabo.base.core.spreadsheet import plain
from koyjabo.columns.query.report_query import Filter, ReportQuery
from koyjabo.counting.models import Visit
from koyjabo.reports.visits import export_file
from koyjabo.reports.visits.visit_list import VisitFilter, VisitList
from koyjabo.upkeep.personal_data.personal_data import PersonalData
from koyjabo.upkeep.erasure.erasure import Erasure
from koyjabo.upkeep.retention.retention import Retention

ALL = ReportQuery("2020-01-01", "2030-01-01")


def check(site):
    file = io.BytesIO()
    export_file.stream(site.services[VisitList], file, VisitFilter(), quiet)
    visits = list(csv.DictReader(io.StringIO(file.getvalue().decode())))
    for name in Visit.__table__.columns.keys():
        dimension = f"stored_{name}"
        rows = site.reports.breakdown(ALL, dimension, 1000).rows
        assert {row.value: row.sums.visits for row in rows} == Counter(plain(visit[dimension]) for visit in visits)
        chosen = ALL.within({dimension: Filter(frozenset([rows[0].value]))})
        assert site.reports.summary(chosen).figures.visits == rows[0].sums.visits
    assert site.reports.breakdown(ALL, "stored_is_bot").rows[0].value in ("bool True", "bool False")


def test_any_column_has_the_same_value_everywhere_after_erasing_retention_and_a_restart(sqlite_database, monkeypatch):
    use_small_blocks(monkeypatch)
    with Site(sqlite_database.url) as site:
        fill(site)
        check(site)
        ((user_id,),) = site.rows("SELECT user_id FROM visits WHERE user_id IS NOT NULL")
        site.services[PersonalData].delete(Account(user_id, "karim@example.com", "karim", False))
        check(site)
        site.services[Erasure].forget("v1")
        check(site)
        site.time.pass_(hours=26 * 24)
        site.services[Retention].reduce_user_agents()
        check(site)
        site.reduce(30)
        check(site)
    with Site(sqlite_database.url, site.time) as site:
        check(site)
"""
ANY_COLUMN = (
    Edit(
        "koyjabo/columns/dimensions/readers.py",
        "after",
        "Reader((COUNTRY, CITY_NAME)",
        """    *(
        Reader((f"stored_{name}",), (name,), lambda value: (f"{type(value).__name__} {value}",))
        for name in Visit.__table__.columns.keys()
    ),
""",
    ),
    Edit(
        "koyjabo/columns/dimensions/readers.py",
        "after",
        "from koyjabo.base.network.campaigns",
        "from koyjabo.counting.models import Visit\n",
    ),
    Edit(
        "koyjabo/columns/dimensions/dimensions.py",
        "after",
        "page_dimension(VIEWED_PAGE",
        """    *(Dimension(f"stored_{name}", name) for name in Visit.__table__.columns.keys()),
""",
    ),
    Edit(
        "koyjabo/columns/dimensions/dimensions.py",
        "after",
        "from . import source_names",
        "from koyjabo.counting.models import Visit\n",
    ),
)
"""A dimension for each column, which shows its type and value."""

SETTING = """
from support.application.site import Site
from support.people.accounts import PASSWORD
from support.people.admins import panel
from support.people.page_readers import words

from koyjabo.base.settings.schema import Settings


def test_a_new_setting_is_on_the_page_and_in_the_audit_log(sqlite_database):
    with Site(sqlite_database.url) as site:
        admin = panel(site)
        assert '<option value="host">Only the host</option>' in admin.get("/admin/server?edit=referrers")
        admin.send("/admin/server/settings/referrers", referrers="host", password=PASSWORD)
        assert site.services[Settings].referrers == "host"
        assert "Referrers: The whole address → Only the host" in words(admin.get("/admin/audit"))


def test_a_new_setting_is_read_from_the_environment(sqlite_database):
    with Site(sqlite_database.url, REFERRERS="host") as site:
        assert site.services[Settings].referrers == "host"
"""


LIVE_NUMBER = """
import json

from support.programs.processes import wait_until

from koyjabo.base.observability.observability_services import ObservabilityServices
from koyjabo.realtime.events import STATS_ROOM
from koyjabo.realtime.line_sink import LineSink
from koyjabo.realtime.services import RealtimeServices


def test_a_new_number_appears_on_the_home_page_in_the_api_and_in_events(site):
    site.register("ayesha")
    assert site.stats()["activeLocations"] == 1
    assert 'data-stat="activeLocations"' in site.client.get("/", headers={"Accept": "text/html"}).text
    lines, room = [], site.services[RealtimeServices].rooms.get(STATS_ROOM)
    sink = LineSink(lines.append)
    room.admit(sink)
    site.register("karim")
    wait_until(lambda: json.loads(lines[-1])["stats"]["totalVisits"] == 2, "the change")
    assert b'koyjabo_connections{kind="lines"} 1.0' in site.services[ObservabilityServices].metrics.text()
    room.dismiss(sink)
"""


def edits(recipe: str) -> list[Edit]:
    """The code blocks of a recipe that say where they belong."""
    section = CONTRIBUTING.partition(f"### {recipe}\n")[2].partition("\n### ")[0]
    blocks = [re.sub(rf"^{margin}", "", text, flags=re.MULTILINE) for margin, text in FENCE.findall(section)]
    places = [(PLACE.match(block), block) for block in blocks]
    return [Edit(*place.groups(), block[place.end() :]) for place, block in places if place]


def apply(edit: Edit, folder: Path) -> None:
    """Insert the text. Exactly one line has to begin with the anchor, or contain it if it names an entry."""
    path = folder / edit.file
    if edit.where == "new":
        path.write_text(edit.text)
        return
    lines = path.read_text().splitlines(keepends=True)
    is_entry = edit.where == "after the entry"
    places = [
        n
        for n, line in enumerate(lines)
        if (edit.anchor in line if is_entry else line.lstrip().startswith(edit.anchor))
    ]
    assert len(places) == 1, (edit, places)
    at = places[0] + (edit.where != "before")
    if is_entry:
        margin = re.match(" *", lines[places[0] - 1])[0]
        at = next(n for n in range(at, len(lines)) if lines[n].startswith(f"{margin})")) + 1
    path.write_text("".join([*lines[:at], edit.text, *lines[at:]]))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project, and of what was built."""
    git()
    for name in files_of(ROOT):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name in BUILT:
        shutil.copytree(ROOT / name, tmp_path / name, dirs_exist_ok=True)
    for name in (".venv", "node_modules"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copy(*(folder / "koyjabo/translations/bn/LC_MESSAGES/messages.mo" for folder in (ROOT, tmp_path)))
    return tmp_path


def run(folder: Path, *arguments: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = {**kept, "PYTHONPATH": str(folder)}
    command = [sys.executable, *arguments]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr


def run_tests(folder: Path, *tests: str) -> None:
    run(folder, "-m", "pytest", "-n", "0", "-o", "cache_dir=.cache", *tests)


def test_the_recipes_of_the_guide_work_in_a_copy_of_the_project(copy):
    for recipe, files in FILES_OF_RECIPES.items():
        code_blocks = edits(recipe)
        assert len({edit.file for edit in code_blocks if edit.file.startswith("koyjabo/")}) == files
        for edit in code_blocks:
            apply(edit, copy)
    (copy / "tests/test_dimension.py").write_text(DIMENSION)
    (copy / "tests/test_setting.py").write_text(SETTING)
    (copy / "tests/test_live_number.py").write_text(LIVE_NUMBER)
    fields = "tests/test_specification.py::test_the_specification_lists_the_fields_of_the_code"
    traits = "tests/columns/dimensions/test_trait_parser.py::test_the_traits_of_a_visit_are_read_from_its_columns"
    run_tests(copy, "tests/test_dimension.py", "tests/test_setting.py", "tests/test_live_number.py", fields, traits)
    for edit in ANY_COLUMN:
        apply(edit, copy)
    (copy / "tests/test_any_column.py").write_text(COLUMNS)
    run_tests(copy, "tests/test_any_column.py")
