"""No module changes what another module made while modules load or an application is created."""

import subprocess
import sys
from pathlib import Path

import pytest

from koyjabo.application import features
from koyjabo.base.core.registry import Registry, RegistryNotFilled
from koyjabo.base.settings.catalogue import PAGE_SETTINGS

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = '''
import sys
from collections import deque
from importlib import import_module
from importlib.machinery import SourceFileLoader
from pkgutil import walk_packages
from types import ModuleType

from flask import Blueprint

MAY_CHANGE = {
    "koyjabo.base.core.own_files:_models",  # the file that this process serves
    "koyjabo.web.forms.sent_form:TEXT_FIELDS",  # forms declare their texts with `declare_texts`
}
FLAG_OF_FLASK = "_got_registered_once"  # of a blueprint
CONTAINERS = (dict, list, set, deque)
made = {}


def content(container):
    if not isinstance(container, dict):
        return list(container)
    return [
        (name, value)
        for name, value in container.items()
        if not isinstance(value, ModuleType) and name != FLAG_OF_FLASK and not str(name).startswith("__")
    ]


def parts(thing, module):
    """What a thing refers to, by name, if its content is watched."""
    if isinstance(thing, CONTAINERS):
        return [*thing.items()] if isinstance(thing, dict) else [*enumerate(thing)]
    if isinstance(thing, tuple):
        return [*enumerate(thing)]
    if isinstance(thing, type) and thing.__module__ == module:
        return [(name, value) for name, value in vars(thing).items() if not name.startswith("__")]
    is_ours = type(thing).__module__.startswith("koyjabo") or isinstance(thing, Blueprint)
    return [("__dict__", vars(thing))] if is_ours and hasattr(thing, "__dict__") else []


def remember(module):
    """Keep the content of each container of a module that no earlier module has made."""
    left = [(module + ":", vars(sys.modules[module]))]
    while left:
        name, thing = left.pop()
        if id(thing) in made or isinstance(thing, ModuleType):
            continue
        inner = parts(thing, module)
        if isinstance(thing, CONTAINERS):
            made[id(thing)] = (name, thing, content(thing))
        elif inner:
            made[id(thing)] = (name, thing, None)
        left += [(name + str(key) if name.endswith(":") else f"{name}[{key!r}]", value) for key, value in inner]


def report(phase):
    """Print what has changed, and forget it."""
    for key, (name, thing, before) in made.items():
        now = content(thing) if before is not None else None
        if before is None or name in MAY_CHANGE:
            continue
        if len(now) != len(before) or any(a is not b and a != b for a, b in zip(map(id_of, now), map(id_of, before))):
            print(phase, name, [entry for entry in now if id_of(entry) not in map(id_of, before)])
            made[key] = (name, thing, now)


def id_of(entry):
    return (str(entry[0]), id(entry[1])) if isinstance(entry, tuple) and len(entry) == 2 else id(entry)


load = SourceFileLoader.exec_module


def loaded(loader, module):
    load(loader, module)
    if module.__name__.partition(".")[0] == "koyjabo":
        remember(module.__name__)


SourceFileLoader.exec_module = loaded

import config
import koyjabo
from koyjabo.application import assembly, features

list(features.interfaces())
for module in walk_packages(koyjabo.__path__, "koyjabo."):
    if not module.name.endswith("__main__"):
        import_module(module.name)
report("import")
features.fill_registries()
features.load_tables()
made.clear()
for name in [name for name in sys.modules if name.startswith("koyjabo")]:
    remember(name)
koyjabo.make_routes(config.load({"ENVIRONMENT": "development", "DATABASE_URL": "sqlite:///x"}), {})
report("init_app")
'''
"""Prints each container that was changed after its module had been loaded."""


def test_no_module_changes_what_another_module_made():
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_row_of_a_setting_names_the_feature_that_brings_it():
    named = {(setting.feature, setting.row) for setting in PAGE_SETTINGS.values() if setting.feature}
    bring = {
        (package.__name__.removeprefix("koyjabo."), row)
        for package in features.packages()
        if (rows := getattr(package, "FILLS", {}).get("web.panel.server_page:SERVER_ROWS"))
        for row in features.named(f"{package.__name__}.{rows}")
    }
    assert named <= bring


def test_a_registry_that_has_not_been_filled_cannot_be_read(monkeypatch):
    monkeypatch.setattr(Registry, "are_filled", False)
    registry = Registry({"own": 1})
    with pytest.raises(RegistryNotFilled):
        registry.get("own")
    registry.fill({"added": 2})
    monkeypatch.setattr(Registry, "are_filled", True)
    assert dict(registry) == {"own": 1, "added": 2}
