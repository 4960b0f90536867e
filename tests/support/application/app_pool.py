"""A pool of Flask applications. Creating the routes takes half the time needed to open a site, so sites with equal
settings share applications.

A site returns its application when it closes. The next site with the same settings restores it to the state after
`make_routes` and opens its own services in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from copy import copy
from typing import Any

from werkzeug.routing import Map, Rule
from werkzeug.routing.matcher import State

import config
from koyjabo import make_routes
from koyjabo.base.settings.schema import Settings
from koyjabo.web.limits import limits


class KeptApp:
    """An application, with a copy of its state after `make_routes`."""

    def __init__(self, settings: Settings, more: Mapping[str, Any]) -> None:
        self.app = make_routes(settings, more)
        self.settings = settings
        self._state = {name: copied(value) for name, value in vars(self.app).items()}
        self._routes = routes_of(self.app.url_map)

    def renew(self, more: Mapping[str, Any]) -> None:
        """Restore the state after `make_routes`."""
        for name in vars(self.app).keys() - self._state.keys():
            delattr(self.app, name)
        for name in self._state:
            self._put(name)
        put_routes(self.app.url_map, self._routes)
        limits.init_app(self.app, self.settings)  # resets the counters
        self._put("after_request_funcs")
        self.app.config["DATABASE_URL"] = more["DATABASE_URL"]

    def _put(self, name: str) -> None:
        """Fill the old dictionaries instead of replacing them: templates hold a reference to the configuration's
        dictionary.
        """
        value = copied(self._state[name])
        if isinstance(value, dict):
            there = getattr(self.app, name)
            there.clear()
            there.update(value)
        else:
            setattr(self.app, name, value)


_kept: defaultdict[str, list[KeptApp]] = defaultdict(list)


def take(settings: Mapping[str, Any]) -> KeptApp:
    """An application without services, from the pool or new. Raises config.SettingsError."""
    chosen = config.load(settings)
    kept = _kept[key_of(chosen)]
    if not kept:
        return KeptApp(chosen, settings)
    app = kept.pop()
    app.renew(settings)
    return app


def give_back(kept: KeptApp) -> None:
    _kept[key_of(kept.settings)].append(kept)


def key_of(settings: Settings) -> str:
    """All settings except the database."""
    return repr(settings.model_dump(exclude={"database_url"}))


def copied(value: Any) -> Any:
    """A copy, including nested lists, sets and dictionaries."""
    if type(value) in (list, set):
        return type(value)(map(copied, value))
    if isinstance(value, dict):
        copied_dict = copy(value)  # keeps subclasses, such as defaultdict
        copied_dict.update({key: copied(inner) for key, inner in value.items()})
        return copied_dict
    return value


def routes_of(routes: Map) -> tuple[State, dict[Any, list[Rule]]]:
    return copy_of(routes._matcher._root), copied(routes._rules_by_endpoint)


def put_routes(routes: Map, kept_routes: tuple[State, dict[Any, list[Rule]]]) -> None:
    root, by_endpoint = kept_routes
    routes._matcher._root, routes._rules_by_endpoint = copy_of(root), copied(by_endpoint)
    routes._remap = True


def copy_of(state: State) -> State:
    return State(
        [(part, copy_of(then)) for part, then in state.dynamic],
        list(state.rules),
        {part: copy_of(then) for part, then in state.static.items()},
    )
