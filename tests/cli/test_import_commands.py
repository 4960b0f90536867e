"""`koyjabo import --program`, as operators type it."""

from __future__ import annotations

import subprocess
import sys

from click.testing import CliRunner
from support.checks import assert_verified
from support.exports import PLAUSIBLE, UMAMI_EVENTS, table, zipped
from support.listener import BOTH_KINDS
from support.processes import ROOT, environment

from koyjabo.cli import imports, main
from koyjabo.importers import importing


def test_programs_of_the_command_are_those_that_there_are():
    assert (tuple(importing.VISITS), tuple(importing.SUMS)) == (imports.VISITS, imports.SUMS)


WRONG = {
    "a format": (["--program", "umami", "--format", "csv"], "Leave --format out"),
    "a site of visits": (["--program", "umami", "--site", "blog"], "--site is for --program plausible and ga4"),
    "a site without a program": (["--site", "blog"], "--site is for --program plausible and ga4"),
    "no name": (["--program", "ga4", "--site", ""], "a name of up to 40 characters"),
    "folded days of sums": (["--program", "ga4", "--even-folded"], "exports sums by day"),
    "another program": (["--program", "matomo"], "'matomo' is not one of"),
    "neither": ([], "Give --format"),
}


def test_options_that_do_not_fit_are_refused(tmp_path):
    (tmp_path / "file").touch()
    for name, (options, sentence) in WRONG.items():
        refused = CliRunner().invoke(main, ["import", str(tmp_path / "file"), *options])
        assert (refused.exit_code, sentence in refused.output) == (2, True), (name, refused.output)


def test_exports_are_imported_beside_a_server_from_a_pipe_and_from_a_file(server, tmp_path):
    settings = server.settings
    sums = zipped(imported_visitors=table(PLAUSIBLE, "2025-11-01,1,1,1,40,1", "2025-11-02,1,1,1,?,1"))
    command = [sys.executable, "-m", "koyjabo", "import", "-", "--program", "plausible"]
    with BOTH_KINDS[0](server.port) as page:
        assert page.first().total == 0
        done = subprocess.run(
            command, cwd=ROOT, env=environment(**settings), input=sums, capture_output=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, b"")
        page.wait_for_total(40)
    assert b"Added 40 visits of 1 day to the total, which was 0 and is now 40." in done.stdout
    assert b"Not imported, line 3: the number of visits must be a whole number." in done.stdout

    export = tmp_path / "export"
    export.write_text(table(UMAMI_EVENTS, ",,s1,v1,2025-03-01 10:00:00,/,,,,,,1,,"))
    told = server.koyjabo("import", str(export), "--program", "umami")
    assert told.stdout.startswith("Imported 1 visit; 0 were stored already."), told.stderr
    told = server.koyjabo("import", str(export), "--program", "ga4")
    assert (told.returncode, "This file has no sessions by date." in told.stderr) == (1, True), told.stderr
    assert server.register("next").ordinal == 42
    assert_verified(server)
