"""Imports in the panel: a file is checked, and then imported the way `koyjabo import` does it."""

import gzip
import io
import re
from functools import partial
from typing import Any

import pytest
from support.application.site import SPEC_MOMENT, Site
from support.people.admins import panel
from support.people.page_readers import Reader, words
from support.programs.processes import wait_until
from support.sites.full_site import DAY_MS

from koyjabo.base.core.clock import iso
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.jobs import job_queries
from koyjabo.base.models import FileImport
from koyjabo.upkeep.importers import queries
from koyjabo.upkeep.importers.file_imports import FileImports
from koyjabo.upkeep.importers.importing import ImportSource

PATH = "/admin/data/import"


def state(site: Site) -> FileImport:
    upload = site.services[FileImports].state(OPERATOR)
    assert upload is not None
    return upload


def upload(admin: Reader, file: bytes | str, program: str = "koyjabo", status: int = 303, **more: Any) -> str:
    data = file.encode() if isinstance(file, str) else file
    return admin.send(PATH, status, program=program, file=(io.BytesIO(data), "export.csv"), **more)


def settled(site: Site, *states: str) -> FileImport:
    wait_until(lambda: state(site).state in states, f"{states}: {state(site)}", every_s=0.05)
    return state(site)


def check(site: Site, admin: Reader, file: bytes | str, program: str = "koyjabo", **more: Any) -> FileImport:
    upload(admin, file, program, **more)
    return settled(site, "checked", "failed")


def confirm(site: Site, admin: Reader, state: FileImport) -> FileImport:
    admin.send(f"{PATH}/{state.id}/import")
    return settled(site, "done", "failed")


def visits(*rows: str) -> str:
    return "\n".join(["visitor_id,visit_id,at", *rows])


def at(days_ago: float) -> str:
    return iso(round(SPEC_MOMENT - days_ago * DAY_MS))


def test_check_predicts_the_import_and_the_same_file_adds_nothing(site):
    admin = panel(site)
    site.register("here", visitId="v0")
    file = visits(
        f"here,v0,{iso(site.time.ms)}", f"a,v1,{at(3)}", f"a,v1,{at(3)}", "b,v2,never", f"b,v3,{at(2)}", "x y,v,1"
    )
    upload = check(site, admin, file)
    assert upload.error is None
    page = words(admin.get(PATH))
    assert "2 visits on 2 days, 2 bad lines, 2 already known" in page
    assert "Total now 1 After the import 3 Difference +2" in page
    assert "at must be a time, such as 2025-12-16T04:48:38.412Z, or ms since 1970 1 5" in page
    assert site.stats()["totalVisits"] == 1
    assert re.search(r"<button[^>]*>Import 2 visits</button>", admin.get(PATH))
    done = confirm(site, admin, upload)
    assert (done.result["new"], done.result["known"], done.result["bad"]) == (2, 2, 2)
    assert site.stats()["totalVisits"] == 3
    assert "Imported: 2. Already stored: 2. Unusable lines: 2." in words(admin.get(PATH))
    assert site.rows("SELECT actor, details FROM audit_log WHERE action = 'visits.import'")[0][0] == "Rani"
    again = check(site, admin, gzip.compress(file.encode()))
    assert (again.preview["new"], again.preview["known"]) == (0, 4)
    assert not re.search(r"<button[^>]*>Import \d", admin.get(PATH))
    admin.send(f"{PATH}/{again.id}/cancel")
    settled(site, "cancelled")
    assert site.recount() == []


def begin_elsewhere(site: Site) -> None:
    """Start an upload on another worker."""
    database, file = site.services[FileImports]._database, ImportSource("a.csv", 1, "koyjabo")
    row = FileImport(begun_by="Rani", worker="another worker", file=file)
    assert database.write(queries.begin, row, site.time.ms)


def test_unreadable_import_says_what_to_do_and_only_one_import_runs(sqlite_database):
    with Site(sqlite_database.url) as site:
        admin = panel(site)
        assert "Choose a file first." in words(upload(admin, "", status=422))
        assert "Choose where the file is from." in words(upload(admin, "x", "matomo", 422))
        failed = check(site, admin, "day,visits\n2025-03-01,4\n")
        assert "This file has no visits: its first line must name the columns" in failed.error
        assert "This file has no visits" in words(admin.get(PATH))
        begin_elsewhere(site)
        admin.send(f"{PATH}/{state(site).id}/import", 409)  # it has not been checked yet
        assert "Another file is being imported." in words(upload(admin, visits(f"a,v,{at(1)}"), status=409))
        site.time.pass_(minutes=2)  # its worker is gone
        assert "The server was restarted." in words(admin.get(PATH))


def test_page_says_that_the_database_cannot_store_the_state(sqlite_database):
    with Site(sqlite_database.url) as site:
        admin = panel(site)
        begin_elsewhere(site)
        site.time.pass_(minutes=2)  # its worker could not report progress during this time
        with sqlite_database.locked():
            page = words(admin.get(PATH))
        assert "The database cannot store anything at the moment" in page
        assert "restarted" not in page
        assert "The server was restarted." in words(admin.get(PATH))


def test_cancellation_while_the_import_begins_is_kept(site):
    write, now_ms = site.services[FileImports]._database.write, site.services.clock.now_ms()
    row = write(queries.begin, FileImport(begun_by="Rani", worker="worker", file=[]), now_ms)
    write(job_queries.renew, row, now_ms, state=queries.CHECKED)
    assert write(queries.ask, row.id, queries.IMPORT, (queries.CHECKED,))
    assert write(queries.ask, row.id, queries.CANCEL, (queries.CHECKED,))
    assert not write(queries.ask, row.id, queries.IMPORT, (queries.CHECKED,))
    begun = write(job_queries.renew, row, now_ms, asked=queries.UNLESS_CANCELLED)
    assert begun.asked == queries.CANCEL


def test_upload_without_room_says_so(site, monkeypatch):
    admin = panel(site)
    route = site.app.view_functions["admin.upload_import"]
    monkeypatch.setattr(route, "new_file", partial(io.FileIO, "/dev/full", "r+"))
    assert "The file does not fit on this server." in words(upload(admin, visits(f"a,v,{at(1)}"), status=507))


def test_only_admins_may_send_a_file(site):
    reader = Reader(site).sign_up("nila")
    upload(reader, "x", status=403)
    site.rows("UPDATE users SET is_viewer = true")
    upload(reader, "x", status=403)
    admin = panel(site)
    upload(admin, "x", status=403, csrf_token="another")
    assert site.rows("SELECT count(*) FROM file_imports") == [(0,)]


@pytest.mark.long(
    proved_by="upkeep/importers/test_import_in_panel.py::test_check_predicts_the_import_and_the_same_file_adds_nothing"
)
@pytest.mark.parametrize("how", ["killed", "cancelled"])
def test_interrupted_import_is_completed_by_the_next_one(site, how):
    admin, count = panel(site), 30_000
    file = visits(*(f"visitor{n % 50},v{n},{at(3)}" for n in range(count)))
    upload = check(site, admin, file)
    assert upload.preview["new"] == count
    admin.send(f"{PATH}/{upload.id}/import")
    imports = site.services[FileImports]
    wait_until(lambda: site.stats()["totalVisits"] and imports._process, "some are imported", every_s=0.01)
    if how == "killed":
        imports._process.kill()
    else:
        admin.send(f"{PATH}/{upload.id}/cancel")
    ended = settled(site, "failed" if how == "killed" else "cancelled")
    some = site.stats()["totalVisits"]
    assert 0 < some < count
    assert ("-9" in (ended.error or "")) == (how == "killed")
    again = check(site, admin, file)
    assert (again.preview["new"], again.preview["known"]) == (count - some, some)
    assert confirm(site, admin, again).result["new"] == count - some
    assert site.stats()["totalVisits"] == count
    assert site.recount() == []
