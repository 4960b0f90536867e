"""The previous version keeps counting on the new schema, so migrations only add to it (decision 99)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from koyjabo.base.database.startup_queries import MIGRATIONS

BEFORE_THE_RULE = 15
REMOVES = {"0022": "tables that no release has used"}
RULED = sorted(
    file
    for file in MIGRATIONS.glob("versions/*.py")
    if int(file.name[:4]) > BEFORE_THE_RULE and file.name[:4] not in REMOVES
)
GROWING = {"visits", "visitors", "visit_traits", "events", "page_views", "people", "person_days", "audit_log"}
"""Large tables: building an index on one takes longer than a visit may wait."""


def breaches(source: str) -> list[str]:
    """Statements of `upgrade` that may break the previous version."""
    (upgrade,) = (
        node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == "upgrade"
    )
    calls = [node for node in ast.walk(upgrade) if isinstance(node, ast.Call) and _owner(node) == "op"]
    created = {_text(call.args[0]) for call in calls if _name(call) == "create_table"}
    return [breach for call in calls for breach in _breaches(call, created)]


def _breaches(call: ast.Call, created: set[str]) -> Iterator[str]:
    match _name(call):
        case "create_table":
            pass
        case "add_column":
            column = call.args[1]
            given = {keyword.arg: keyword.value for keyword in column.keywords} if isinstance(column, ast.Call) else {}
            is_required = isinstance(given.get("nullable"), ast.Constant) and given["nullable"].value is False
            if is_required and "server_default" not in given:
                yield f"{ast.unparse(call)}: rows of the version before lack a value"
        case "create_index":
            table, is_unique = _text(call.args[1]), any(keyword.arg == "unique" for keyword in call.keywords)
            if table not in created and is_unique:
                yield f"{ast.unparse(call)}: it may refuse rows of the version before"
            elif table in GROWING - created:
                yield f"{ast.unparse(call)}: visits wait until it is built"
        case "execute" if _text(call.args[0]).startswith(("UPDATE ", "INSERT ")):
            pass
        case "alter_column" if _is_wider(call):
            pass
        case "get_bind":  # for values that only Python can compute
            pass
        case other:
            yield f"op.{other}: only additions leave the version before running"


def _is_wider(call: ast.Call) -> bool:
    """Whether only the maximum length of a text rises. PostgreSQL does not rewrite the table then."""
    types = {keyword.arg: re.fullmatch(r"sa\.String\((\d+)\)", ast.unparse(keyword.value)) for keyword in call.keywords}
    old, new = types.get("existing_type"), types.get("type_")
    return len(types) == 2 and old is not None and new is not None and int(new[1]) > int(old[1])


def _owner(call: ast.Call) -> str:
    return call.func.value.id if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) else ""


def _name(call: ast.Call) -> str:
    assert isinstance(call.func, ast.Attribute)
    return call.func.attr


def _text(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ast.unparse(node)


@pytest.mark.parametrize("file", RULED, ids=lambda file: file.stem)
def test_migration_only_adds(file: Path):
    assert breaches(file.read_text()) == []


BREAKING = """
op.drop_column("users", "language")
op.drop_table("shares")
op.rename_table("shares", "links")
op.alter_column("users", "language", nullable=False)
op.alter_column("users", "language", existing_type=sa.String(8), type_=sa.String(7))
op.add_column("users", sa.Column("age", BIG, nullable=False))
op.create_index("uq_users_age", "users", ["age"], unique=True)
op.create_index("ix_visits_page", "visits", ["page"])
op.execute("DELETE FROM login_failures")
"""


def test_step_that_the_version_before_may_not_survive_is_found():
    for step in BREAKING.strip().splitlines():
        assert len(breaches(f"def upgrade():\n    {step}")) == 1, step
