"""Every mutation can be applied, and names existing tests. `make mutations` checks that they fail."""

import ast
from collections import Counter

from support.programs.processes import ROOT
from support.runs.short_run import promises

from mutations.catalogue import mutations

ENOUGH = 40


def test_every_mutation_changes_text_that_its_file_has_exactly_once():
    assert len(mutations()) >= ENOUGH
    assert [name for name, times in Counter(mutation.name for mutation in mutations()).items() if times > 1] == []
    for mutation in mutations():
        assert mutation.before != mutation.after, mutation.name
        text = (ROOT / mutation.file).read_text()
        assert text.count(mutation.before) == 1, mutation.name
        if mutation.file.endswith(".py"):
            ast.parse(text.replace(mutation.before, mutation.after), mutation.name)  # broken syntax proves nothing


def test_every_mutation_names_quick_tests_that_exist(pytestconfig):
    by_name = promises(pytestconfig)
    for mutation in mutations():
        assert mutation.quick, mutation.name
        assert [test for test in mutation.quick if test not in by_name or not by_name[test].is_quick] == [], (
            mutation.name
        )
        for test in mutation.full:
            assert by_name[test].is_quick or by_name[test].proved_by & set(mutation.quick), (mutation.name, test)
