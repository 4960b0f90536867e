"""Every premise has an outcome and a test or a cell that exists; few are accepted."""

from __future__ import annotations

import re

import pytest
from support.programs.forking import ROOT

from matrix.premises import ACCEPTED, MAX_ACCEPTED, OUTCOMES, PREMISES
from matrix.tables import TABLES

CELL = re.compile(r"(\w+): (.+) / (.+)")
CELLS = {(table.name, *pair) for table in TABLES for pair, mark in table.letters.items() if mark != "-"}


def is_a_test(name: str) -> bool:
    module, _, function = name.partition("::")
    path = ROOT / "tests" / module
    return path.is_file() and re.search(rf"^def {function}\(", path.read_text(), re.MULTILINE) is not None


def test_each_premise_names_a_test_or_a_cell_that_exists():
    proofs = {premise.proof for premise in PREMISES if premise.outcome != ACCEPTED}
    cells = {proof for proof in proofs if (cell := CELL.fullmatch(proof)) and cell.groups() in CELLS}
    assert [proof for proof in sorted(proofs - cells) if not is_a_test(proof)] == []


def test_each_premise_is_written_once_and_few_are_accepted():
    assert {premise.outcome for premise in PREMISES} <= set(OUTCOMES)
    sentences = [premise[:2] for premise in PREMISES]
    assert len(set(sentences)) == len(sentences)
    assert sum(premise.outcome == ACCEPTED for premise in PREMISES) <= MAX_ACCEPTED


@pytest.mark.parametrize("name", ["counting/test_nothing.py::test_a", "matrix/test_premises.py::test_nothing"])
def test_a_test_that_does_not_exist_is_found(name):
    assert not is_a_test(name)
