"""`make check` compares three sizes of the project with their budgets."""

import subprocess

import budgets
from budgets import sizes_of, tokens_of


def test_the_tokens_of_a_file_are_counted_without_comments_docstrings_and_line_breaks():
    text = '"""A."""\n\n# B\nc = """\nd\n"""\n\n\ndef e():\n    """F."""\n    return 1\n'
    assert tokens_of(text) == len(["c", "=", "d", "def", "e", "(", ")", ":", "return", "1"])


def test_the_python_files_of_a_folder_are_measured(tmp_path):
    for name in ("koyjabo/a.py", "tests/b.py", "tests/support/c.py", "tests/d.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1 + 1\n2\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    assert sizes_of(tmp_path) == {"tokens of koyjabo/": 4, "lines of tests/": 4, "lines of tests/support/": 2}
    assert sizes_of(tmp_path).keys() == budgets.BUDGETS.keys()
