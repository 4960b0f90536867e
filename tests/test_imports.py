"""Areas and packages may only import what comes before them in ORDER (docs/design.md)."""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from koyjabo.application.features import FEATURES, load_tables
from koyjabo.base.core.extensions import db

ROOT = Path(__file__).resolve().parents[1]
ORDER = """
base: .
base.core: .
base.colours: .
base.network: . cli
base.settings: .
base.models: .
base.database: .
base.cluster: .
base.jobs: .
base.observability: .
web: limits schemas http . assets login forms panel pages fast_path openapi
people: .
people.audit: . admin
people.mail: .
people.accounts: . users throttle two_step services login api pages cli
people.mail_server: . admin
presence: members visitors .
counting: . services schemas incoming api pixel pages cli
counting.evidence: . api
realtime: . services
communities: . live services ui api pages admin
integrations: .
integrations.api_keys: . api admin cli
integrations.trusted_tokens: .
sockets: . api
columns: dimensions query blocks events sums .
reports: query engine . ui calls api pages
reports.share_links: . api pages admin
reports.weekly_report: . pages
reports.visits: . ui admin cli
upkeep: .
upkeep.personal_data: . api pages
upkeep.recounts: . cli
upkeep.retention: . admin
upkeep.erasure: . api admin cli
upkeep.clock: . admin cli
upkeep.stored_settings: . cli
upkeep.look: . pages admin cli
upkeep.backups: . ui admin cli
upkeep.health: . ui api admin
site: .
site.page_numbers: . api
site.badges: . api pages
site.receipts: . api pages
site.bridges: .
site.home: . pages
site.panel: .
site.exports: . admin
site.getting_started: . admin
application: .
koyjabo: .
server: loop http websockets process .
cli: .
"""
"""Areas, their packages, and the parts of both: folders, interfaces (API, pages, admin, CLI), `services`, which builds
the package, and "." for its own modules. A package may import packages above it, and a part also parts to its left."""

REGISTERING = "register"  # the last part of a feature: its `__init__.py`, whose `register` builds everything
THE_ARGUMENT = "koyjabo.base.cluster.base"  # has the type of the argument of `register`, which `base` itself also has
PACKAGES = [line.partition(":")[0] for line in ORDER.strip().splitlines()]
AREAS = [area for area in dict.fromkeys(name.partition(".")[0] for name in PACKAGES) if area != "koyjabo"]
MAX_ARROWS = 78  # limit on the pairs of areas where one imports the other
INTERFACES = {"api", "pages", "admin", "cli"}
NOT_INTERFACES = {"web", "server"}  # packages where these names are not interfaces
LIBRARIES = (ROOT / "docs" / "design.md").read_text().partition("\n| library |")[2].partition("\n\n")[0]
MAY_USE = {  # libraries: the modules that may import them
    tuple(re.findall(r"`([^`]+)`", libraries)): re.findall(r"`([^`]+)`", modules)
    for libraries, modules in re.findall(r"^\| (`.+) \| (.+) \|$", LIBRARIES, re.MULTILINE)
}
MAY_OPEN_TRANSACTIONS = "base/database/* application/assembly.py counting/opening_queries.py upkeep/backups/backup.py \
upkeep/backups/restore.py upkeep/backups/verified.py upkeep/recounts/recounts.py cli/ledger.py"
"""Modules used at startup, by commands and by the backup process. All other modules use the executor."""


OF_THE_ROOT = {"koyjabo": "koyjabo.", "koyjabo.extensions": "koyjabo.", "koyjabo.__main__": "cli."}

SERVICES = "@transaction"
"""In the table of libraries: modules with a method under this decorator, except interfaces."""

FACE_OF_COLUMNS = "columns/columns.py columns/query/* columns/dimensions/* columns/events/new_event.py"
MAX_METHODS_OF_COLUMNS = 5

PATH_OF_A_VISIT = """
api pixel incoming visits seen_texts ledger ledger_store outage live_stats batch_plan records rollback high_water
ledger_sqlite ledger_postgres prepared_postgres writer_sqlite writer_postgres schemas.requests
"""
REACHED_BY_A_VISIT = """
base.network: accept_language address_owners campaigns client_address crawlers location_finder location_names
 origins rate_limiter
base.database: batch_worker executor file_lock json_rows outage_causes postgres sequences_postgres sqlite
web: blueprints current fast_path.fast_path fast_path.request_context http.paths http.responses
 login.tokens openapi.describe openapi.response_specs schemas.bodies schemas.fields schemas.validators
people.audit: log
presence: visitors.active_visitors visitors.visitor_sockets
"""
"""Other packages that `counting` imports to register a visit, apart from core and models. A feature that needs visits
follows the counter (`Visits.follow`) instead: this list may only get shorter. `http.paths` is there because the API
declares its paths.
"""

FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "koyjabo").rglob("*.py"))
}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(FILES[module].read_text())


@cache
def names(module: str) -> list[tuple[str, bool]]:
    """Dotted names that a module imports, and whether each import runs when the module is loaded."""
    at_start = {id(node) for node in tree(module).body}
    return [
        (name, id(node) in at_start)
        for node in ast.walk(tree(module))
        for name in (
            [f"{base_of(node, module)}.{alias.name}" for alias in node.names]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    ]


def base_of(node: ast.ImportFrom, module: str) -> str:
    """The dotted name of what a statement imports from."""
    return ".".join([*([folder(module)] if node.level else []), *filter(None, [node.module])])


def folder(module: str) -> str:
    return module if is_package(module) else module.rpartition(".")[0]


@cache
def imports(module: str) -> set[str]:
    return {known for name, _ in names(module) if (known := known_part(name)) and known != module}


def known_part(name: str) -> str:
    while name and name not in FILES:
        name = name.rpartition(".")[0]
    return name


def is_package(module: str) -> bool:
    return FILES[module].name == "__init__.py"


@cache
def part(module: str) -> str:
    """`people.audit.` for a module of the package itself, `people.audit.admin` for one in a part of that name."""
    if module in OF_THE_ROOT:
        return OF_THE_ROOT[module]
    if module.removeprefix("koyjabo.") in FEATURES:
        return f"{package(module)}.{REGISTERING}"
    inside = inside_package(module)
    separate = {"ui", "incoming", "pixel", *INTERFACES, *([] if package(module) == "base.core" else ["services"])}
    if not inside or (len(inside) == 1 and not is_package(module) and inside[0] not in separate):
        return f"{package(module)}."
    return ".".join([package(module), *(inside if is_package(module) or len(inside) == 1 else inside[:-1])])


@cache
def package(module: str) -> str:
    """The package of a module, with its area: `people.audit`, or `presence` for an area that is one package."""
    if module in OF_THE_ROOT:
        return OF_THE_ROOT[module].removesuffix(".")
    return max((name for name in PACKAGES if f"{module}.".startswith(f"koyjabo.{name}.")), key=len)


def inside_package(module: str) -> list[str]:
    return module.removeprefix(f"koyjabo.{package(module)}").split(".")[1:]


def area(module: str) -> str:
    return package(module).partition(".")[0]


def places() -> dict[str, tuple[int, int]]:
    order = {}
    for n, line in enumerate(ORDER.strip().splitlines()):
        package, _, parts = line.partition(":")
        last = [REGISTERING] if package in FEATURES else []
        for m, name in enumerate([*parts.split(), *last]):
            order[f"{package}.{name.removeprefix('.')}"] = (n, m)
    return order


PLACES = places()


def interface_of(module: str) -> str | None:
    if module in OF_THE_ROOT or package(module) in NOT_INTERFACES:
        return None
    return next((name for name in inside_package(module)[:1] if name in INTERFACES), None)


def arrows() -> Iterator[tuple[str, str]]:
    for module in FILES:
        for other in sorted(imports(module)):
            yield module, other


def test_every_part_of_the_package_has_a_position_in_the_order():
    assert sorted(set(map(part, FILES)) - set(PLACES)) == []
    assert sorted(set(PLACES) - set(map(part, FILES)) - {f"{feature}." for feature in FEATURES}) == []


def test_a_part_imports_only_earlier_parts():
    """This also rules out import cycles between folders."""
    upward = [(module, other) for module, other in arrows() if not is_before(part(other), part(module))]
    assert [arrow for arrow in upward if arrow[1] != THE_ARGUMENT and not same_services(*arrow)] == []


def same_services(module: str, other: str) -> bool:
    return other == f"{folder(module)}.services"


def is_before(one: str, other: str) -> bool:
    (row, column), (own_row, own_column) = PLACES[one], PLACES[other]
    return row < own_row or (row == own_row and column <= own_column)


def test_an_area_imports_only_earlier_areas():
    assert [name.partition(".")[0] for name in PACKAGES if name != "koyjabo"] == sorted(
        (name.partition(".")[0] for name in PACKAGES if name != "koyjabo"), key=AREAS.index
    )
    between = {(area(module), area(other)) for module, other in arrows()}
    between = {(one, other) for one, other in between if one != other and {one, other} <= set(AREAS)}
    assert sorted(pair for pair in between if AREAS.index(pair[1]) > AREAS.index(pair[0])) == []
    assert len(between) <= MAX_ARROWS


def test_each_area_says_which_of_its_files_to_read_first():
    for name in AREAS:
        text = " ".join((ast.get_docstring(tree(f"koyjabo.{name}")) or "").split())
        first = re.findall(r"`([\w/]+\.py)`", text.partition("Begin with")[2])
        assert first, name
        assert [file for file in first if not (ROOT / "koyjabo" / name / file).is_file()] == [], name


def test_a_domain_imports_no_interface_and_no_package_imports_an_interface_of_another():
    wrong = [
        (module, other)
        for module, other in arrows()
        if interface_of(other) and package(module) not in ("application", "cli", package(other))
    ]
    inside = [
        (module, other)
        for module, other in arrows()
        if interface_of(other) and package(module) == package(other) and not interface_of(module)
    ]
    assert (wrong, inside) == ([], [])


def test_other_areas_use_the_column_store_through_one_class():
    """Modules outside `columns` import only this class, what they hand it, and the vocabulary of queries."""
    inner = [
        (module, other)
        for module, other in arrows()
        if area(other) == "columns" and area(module) != "columns" and not is_allowed(other, FACE_OF_COLUMNS.split())
    ]
    assert inner == []
    methods = next(node for node in tree("koyjabo.columns.columns").body if isinstance(node, ast.ClassDef)).body
    public = [method.name for method in methods if isinstance(method, ast.FunctionDef) and method.name[0] != "_"]
    assert len(public) <= MAX_METHODS_OF_COLUMNS


def test_modules_do_not_import_one_another_in_a_circle():
    """Cycles between a module and its own package are allowed."""
    following = {
        module: {to for to in imports(module) if module not in (to, folder_of(to)) and to != folder_of(module)}
        for module in FILES
    }
    try:
        TopologicalSorter(following).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def folder_of(module: str) -> str:
    return module.rpartition(".")[0]


def test_a_library_is_imported_only_where_the_design_page_allows_it():
    assert len(MAY_USE) == 5
    for libraries, allowed in MAY_USE.items():
        users = {module for module in FILES for name, _ in names(module) if name.partition(".")[0] in libraries}
        if SERVICES in allowed:
            users -= {user for user in users if has_transactions(user) and not interface_of(user)}
            allowed = [pattern for pattern in allowed if pattern != SERVICES]
        assert sorted(user for user in users if not is_allowed(user, allowed)) == [], libraries
        assert [pattern for pattern in allowed if not any(is_allowed(user, [pattern]) for user in users)] == []


def has_transactions(module: str) -> bool:
    methods = [node for node in ast.walk(tree(module)) if isinstance(node, ast.FunctionDef)]
    return SERVICES.lstrip("@") in {ast.unparse(name) for method in methods for name in method.decorator_list}


def is_allowed(module: str, patterns: list[str]) -> bool:
    path = FILES[module].relative_to(ROOT / "koyjabo").as_posix()
    return any(fnmatch(path, pattern) for pattern in patterns)


def test_only_the_start_and_commands_open_transactions_without_the_executor():
    direct = ("koyjabo.base.database.engine", "koyjabo.base.database.exclusive")
    users = {module for module in FILES for name, _ in names(module) if name.startswith(direct)}
    assert sorted(user for user in users if not is_allowed(user, MAY_OPEN_TRANSACTIONS.split())) == []


def test_registering_a_visit_imports_few_other_modules():
    reached = {other for name in PATH_OF_A_VISIT.split() for other in imports(f"koyjabo.counting.{name}")}
    foreign = {other for other in reached if package(other) not in ("counting", "base.core", "base.models")}
    rows = (line.partition(":") for line in REACHED_BY_A_VISIT.strip().replace("\n ", " ").splitlines())
    assert foreign == {f"koyjabo.{name}.{module}" for name, _, modules in rows for module in modules.split()}


def test_a_table_is_read_only_in_its_area_and_in_later_areas():
    load_tables()
    homes = {row.class_.__tablename__: area(row.class_.__module__) for row in db.Model.registry.mappers}
    wrong = [
        (module, table)
        for module in FILES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for table in re.findall(r"\b(?:FROM|JOIN|INTO|UPDATE|TABLE)\s+(\w+)", node.value)
        if table in homes and area(module) in AREAS and AREAS.index(area(module)) < AREAS.index(homes[table])
    ]
    assert (wrong, len(homes)) == ([], len(db.metadata.tables))


def test_a_class_name_is_used_only_once():
    classes = Counter(node.name for module in FILES for node in tree(module).body if isinstance(node, ast.ClassDef))
    assert sorted(name for name, n in classes.items() if n > 1) == []


def test_no_module_is_loaded_before_the_server_has_patched_the_standard_library():
    early = ["koyjabo", "koyjabo.server.process.parent"]
    loaded = [(module, name) for module in early for name, now in names(module) if now and name.startswith("koyjabo")]
    assert [import_ for import_ in loaded if "server.process" not in import_[1]] == []


def test_a_feature_imports_no_other_module_before_it_is_registered():
    """The command line reads what a feature says of itself, also for `serve`."""
    early = ["koyjabo.application", "koyjabo.application.features", *(f"koyjabo.{feature}" for feature in FEATURES)]
    loaded = [(module, name.partition(".")[0]) for module in early for name, now in names(module) if now]
    assert [import_ for import_ in loaded if import_[1] not in sys.stdlib_module_names] == []


def test_every_feature_registers_itself_and_is_listed_once():
    assert len(set(FEATURES)) == len(FEATURES)
    registering = {
        module.removeprefix("koyjabo.")
        for module in FILES
        if is_package(module)
        if any(isinstance(node, ast.FunctionDef) and node.name == "register" for node in tree(module).body)
    }
    assert registering == set(FEATURES)
