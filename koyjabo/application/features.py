"""All features, in the order they are registered in, and what their packages say of themselves.

A feature is a package whose `__init__.py` has

- `register(base)`: builds its services in a worker, and connects them. Earlier features are in `base.services`.
- `INTERFACES`: modules that add blueprints (`bp`), filters or handlers (`init_app`) to every application. They are
  loaded before the server forks workers.
- `TABLES`: modules with its tables.
- `FILLS`: what it adds to registries of earlier features (see `base.core.registry`): a constant as
  `module:NAME`, by registry. The constant has the registry's type (`tests/application/test_registries.py`).
- `UPKEEP`: what it says about its rows, as `module:class` of `UpkeepRules` (see `base.database.upkeep_rules`).
- `COMMANDS`: the commands of `koyjabo`, by name, as `module:function`. They are loaded when they are called.

Such an `__init__.py` imports nothing when it is loaded, because the server has to patch the standard library first.
"""

from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

FEATURES = (
    "upkeep.stored_settings",
    "base.network",
    "base.observability",
    "base.jobs",
    "web",
    "people.audit",
    "people.mail",
    "people.accounts",
    "people.mail_server",
    "presence",
    "counting",
    "counting.evidence",
    "realtime",
    "communities",
    "integrations.trusted_tokens",
    "integrations.api_keys",
    "sockets",
    "columns",
    "reports",
    "reports.share_links",
    "reports.weekly_report",
    "reports.visits",
    "upkeep.personal_data",
    "upkeep.recounts",
    "upkeep.retention",
    "upkeep.erasure",
    "upkeep.clock",
    "upkeep.look",
    "upkeep.backups",
    "upkeep.health",
    "site.page_numbers",
    "site.receipts",
    "site.badges",
    "site.bridges",
    "site.home",
    "site.panel",
    "site.exports",
    "site.getting_started",
)
"""Stored settings are first, because all others read settings. The OpenAPI document lists calls in this order."""

SHARED_TABLES = ("koyjabo.base.database.models", "koyjabo.people.models")
"""Modules with tables that belong to no single feature."""


def packages() -> Iterator[ModuleType]:
    """The packages of all features, in order."""
    for feature in FEATURES:
        yield import_module(f"koyjabo.{feature}")


def interfaces() -> Iterator[ModuleType]:
    """The modules that add something to every application, in order."""
    for package in packages():
        for name in getattr(package, "INTERFACES", ()):
            yield import_module(f"{package.__name__}.{name}")


def fill_registries() -> None:
    """Load what the features add to registries, and add it, in the order of the features. Idempotent."""
    from koyjabo.base.core.registry import Registry

    for package in packages():
        for registry, entries in getattr(package, "FILLS", {}).items():
            named(f"koyjabo.{registry}").fill(named(f"{package.__name__}.{entries}"))
    Registry.are_filled = True


def load_tables() -> None:
    """Load the tables of all features, so that SQLAlchemy knows them, and the rules for their rows. Idempotent."""
    from koyjabo.base.database.upkeep_rules import RULES_OF_FEATURES

    for module in SHARED_TABLES:
        import_module(module)
    for package in packages():
        for name in getattr(package, "TABLES", ()):
            import_module(f"{package.__name__}.{name}")
        for name in getattr(package, "UPKEEP", ()):
            reference = f"{package.__name__}.{name}"
            RULES_OF_FEATURES.fill({reference: named(reference)()})


def commands() -> dict[str, str]:
    """The module and function of each command, by name."""
    return {
        name: f"{package.__name__}.{function}"
        for package in packages()
        for name, function in getattr(package, "COMMANDS", {}).items()
    }


def named(reference: str) -> Any:
    """What a reference such as `koyjabo.people.audit.log:ACTION_LABELS` names. Loads its module."""
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)
