"""Test folders mirror the package, and the folders of `support` have a fixed order (tests/support/README.md)."""

import ast
import re

from support.databases.redis import Redis
from support.programs.processes import ROOT, wait_until
from support.runs.durations import TESTS

OTHERS = {"browser", "chaos", "clients", "matrix", "support", "tools"}  # test folders that mirror no package
SUPPORT = TESTS / "support"
FOLDERS = re.findall(r"^\| `(\w+)/` \|", (SUPPORT / "README.md").read_text(), re.MULTILINE)


def test_the_folders_of_tests_mirror_the_package():
    folders = {module.parent.relative_to(TESTS) for module in TESTS.glob("*/**/test_*.py")}
    ours = {folder for folder in folders if folder.parts[0] not in OTHERS}
    assert len(ours) > 40
    assert [folder for folder in ours if not (ROOT / "koyjabo" / folder).is_dir()] == []


def test_a_folder_of_support_imports_only_the_folders_above_it():
    assert sorted(FOLDERS) == sorted(path.parent.name for path in SUPPORT.glob("*/__init__.py"))
    wrong = [
        (str(path.relative_to(SUPPORT)), node.module)
        for path in SUPPORT.glob("*/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("support.")
        if FOLDERS.index((node.module or "").split(".")[1]) > FOLDERS.index(path.parent.name)
    ]
    assert wrong == []


def test_a_redis_begins_empty_although_another_one_had_a_replica(disposable_redis):
    """Otherwise a test would see the visitors of another one."""
    with Redis() as replica, disposable_redis.client() as ours, replica.client() as theirs:
        ours.set("visitor", "ayesha")
        theirs.replicaof("127.0.0.1", disposable_redis.port)
        wait_until(lambda: theirs.get("visitor"), "it is replicated", every_s=0.02)
    with Redis() as later, later.client() as client:
        assert client.keys() == []
