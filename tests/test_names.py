"""A name means one thing (CONTRIBUTING.md, "Names"): constants have an object, and the project's words are used."""

import ast
import re
from collections import Counter, defaultdict
from functools import cache
from itertools import dropwhile
from pathlib import Path
from typing import NamedTuple

from koyjabo.application.features import packages

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "koyjabo").rglob("*.py"))

CONTRACT = {"INTERFACES", "TABLES", "UPKEEP", "COMMANDS", "FILLS"}
"""Constants that packages of features have for `application/features.py`."""

SHARED = CONTRACT | {"MINUTE_MS", "HOUR_S", "HOUR_MS", "DAY_S", "DAY_MS", "PATIENCE_S"}
"""Constants that mean the same in every area, and may be defined in several."""

MAX_BARE, MAX_LATE = 2, 50
"""Limits on constants that are only a participle or an adjective, and on assignments below the first class or function
of their module.
"""

UNITS = r"(_(S|MS|PX))?"
NOUNS = """
BEGINNING BED CEILING DIGEST ENCODING FEED GROUPING HEADING INTEREST LISTING MANIFEST MORNING NAMING NEED PADDING
PING POLLING REQUEST REST RING SEED SETTING SPEED STRING TEST TYPE_CHECKING WARNING
"""
IRREGULAR = """
absent absolute active ahead alike alive anonymous away bad best big blank busy certain current daily dark
deliverable direct distinct due early earlier empty enough extra familiar far few fewer final first flat foreign
free fresh full good hidden hourly idle inside invalid large larger last late later least long low many monthly
more most nameless new next normal old online open own past permanent plain precise previous private public quick
readable ready same several short silent simple slow small social sound static strange top true unavailable uneven
unreadable unsafe unusable unusual usual visible whole wide worthwhile writable wrong yearly begun bound broken
built chosen drawn driven done fallen forgotten found frozen given gone grown held kept known led left lent lost
made meant met overtaken paid proven read said seen sent shown shut sold spent split spread stolen taken thrown
torn unknown unsent woken worn written
"""
BARE = re.compile(
    rf"_?(MAX_|MIN_|NOT_)?(?!({'|'.join(NOUNS.split())}){UNITS}$)"
    rf"([A-Z]*(ED|ING|EST)|{'|'.join(IRREGULAR.upper().split())}){UNITS}"
)
"""Names of one participle or adjective, with or without `MAX_`, `NOT_` and a unit."""


class Definition(NamedTuple):
    name: str
    place: str
    """File and line, as in `people/audit/log.py:12`."""


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def file(path: Path) -> str:
    return path.relative_to(ROOT / "koyjabo").as_posix()


def area(place: str) -> str:
    return place.partition("/")[0]


@cache
def constants() -> list[Definition]:
    """The constants of modules, without type variables."""
    return [
        Definition(name.id, f"{file(path)}:{node.lineno}")
        for path in FILES
        for node in tree(path).body
        if isinstance(node, ast.Assign | ast.AnnAssign) and not is_type_variable(node.value)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        for name in (target.elts if isinstance(target, ast.Tuple) else [target])
        if isinstance(name, ast.Name) and name.id.isupper()
    ]


def is_type_variable(value: ast.expr | None) -> bool:
    return (
        isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in ("TypeVar", "ParamSpec")
    )


@cache
def late() -> list[Definition]:
    """Assignments below the first class or function of their module. Entries of registries refer to both."""
    kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    entries = {name.partition(":")[2] for package in packages() for name in getattr(package, "FILLS", {}).values()}
    return [
        Definition(ast.unparse(node)[:60], f"{file(path)}:{node.lineno}")
        for path in FILES
        for node in dropwhile(lambda node: not isinstance(node, kinds), tree(path).body)
        if isinstance(node, ast.Assign | ast.AnnAssign)
        if not (isinstance(node, ast.Assign) and {*map(ast.unparse, node.targets)} <= entries)
    ]


WORDS = {
    r"questions?": "report query, or prompt",
    r"asked": "requested, parameters",
    r"made": "result, plan, created",
    r"fold(s|ed|ing)?": "reduced",
    r"roll_?ups?|rolled_up|roll_up|summed_up": "reduced, sums",
    r"second_?factors?|two_?factor|second_?steps?": "two-step login",
    r"proven": "verified",
    r"went_back|fell_behind": "rolled back",
    r"withdraw\w*": "revoke",
    r"lanes?": "fast path",
    r"turns?(?!_(\w+_)?(on|off))": "slot",
    r"tells?|told": "sent, acknowledged, shown",
}
"""Words that names do not contain, and what to write. Words are separated by underscores or capital letters."""

FILE_KEYS = {"made_ms"}  # keys of backups' files


@cache
def definitions() -> list[Definition]:
    """Names of files and folders, classes, functions, parameters and values, without columns and keys of JSON."""
    names = [Definition(path.stem, file(path)) for path in FILES]
    names += [Definition(folder.name, file(folder)) for folder in {path.parent for path in FILES}]
    for path in FILES:
        for node in ast.walk(tree(path)):
            name = name_defined(node)
            if name and name not in {*exempt(), *FILE_KEYS} and not is_on_the_wire(path, node):
                names.append(Definition(name, f"{file(path)}:{node.lineno}"))
    return names


def is_on_the_wire(path: Path, node: ast.AST) -> bool:
    """Whether clients see the name of a class: an error's code, or a schema of /openapi.json."""
    return isinstance(node, ast.ClassDef) and (path.stem == "errors" or node.name.endswith(("Body", "Response")))


def name_defined(node: ast.AST) -> str | None:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name
    if isinstance(node, ast.arg):
        return node.arg
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        return node.attr
    return node.asname if isinstance(node, ast.alias) else None


DECLARATIONS = ("models", "schema", "schemas", "requests", "responses")
"""Modules and folders of tables and of the contents of requests and responses."""


@cache
def exempt() -> set[str]:
    """Names of columns, and of fields of requests and responses."""
    return {
        field.target.id
        for path in FILES
        for kind in ast.walk(tree(path))
        if isinstance(kind, ast.ClassDef)
        and (path.stem in DECLARATIONS or path.parent.name in DECLARATIONS or kind.name.endswith("Body"))
        for field in kind.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }


def spelled(name: str) -> str:
    """A name with underscores between its words: `ReportQuery` becomes `report_query`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def test_a_constant_is_unique_in_its_area_and_few_are_shared_by_several_areas():
    modules = defaultdict(set)
    for name, place in constants():
        modules[name].add(place.partition(":")[0])
    areas = {name: Counter(map(area, places)) for name, places in modules.items()}
    assert [name for name in areas if name not in CONTRACT and max(areas[name].values()) > 1] == []
    assert {name for name in areas if len(areas[name]) > 1} <= SHARED
    assert [name for name in areas if re.match(r"_?(MOST|LEAST)_", name)] == []


def test_few_constants_are_only_a_participle_or_an_adjective():
    bare = {constant.name for constant in constants() if BARE.fullmatch(constant.name)}
    assert len(bare) <= MAX_BARE, sorted(bare)


def test_loggers_and_nearly_all_constants_are_above_the_first_class_or_function():
    assert len(late()) <= MAX_LATE, late()
    assert [assignment for assignment in late() if re.match(r"_?log(ger)? = ", assignment.name)] == []


def test_names_use_the_words_of_the_project():
    patterns = {re.compile(rf"(?:^|(?<=_))({word})(?=_|$)"): use for word, use in WORDS.items()}
    wrong = [
        (definition, use)
        for definition in definitions()
        for pattern, use in patterns.items()
        if pattern.search(spelled(definition.name))
    ]
    assert wrong == []
