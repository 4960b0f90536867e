"""A run of the tests on another machine has the outcome of its cell (`machine.py`)."""

import os
import subprocess
import sys

import pytest
from support.programs.processes import ROOT

from matrix.machine import MACHINE, WAYS

PROBES = (
    "tests/base/database/test_executor.py::test_a_transaction_continues_after_the_database_has_refused_a_part_of_it",
    "tests/cli/test_commands.py::test_a_running_server_follows_a_total_that_is_set_by_hand",
    "tests/test_runs.py::test_a_run_ends_with_a_line_for_each_missing_program_and_fails_in_ci",
    "tests/people/mail/test_mail_server.py::test_an_email_is_sent_with_tls_and_the_password",
)
"""They use both databases, a server, commands, TLS and another pytest."""


@pytest.mark.parametrize("cell", [case for case in MACHINE.parameters() if case.values[0].pair in WAYS])
def test_a_run_on_another_machine_has_the_outcome_of_its_cell(cell):
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    shell = ("bash", "-c", f'{WAYS[cell.pair]}\nexec "$@"', "bash", sys.executable, "-m", "pytest", "-n", "1")
    probes = PROBES[-1:] if cell.is_quick else PROBES
    done = subprocess.run([*shell, *probes], cwd=ROOT, env=own, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
