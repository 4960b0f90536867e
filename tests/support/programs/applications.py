"""Applications that are copied instead of created: creating the routes takes as long as the rest of a start."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket

from koyjabo import make_routes

if TYPE_CHECKING:
    from flask import Flask

    from koyjabo.base.settings.schema import Settings

SECRET, METRICS_TOKEN = "only-for-tests-" + "0" * 64, "only-prometheus-knows-this"

_apps: dict[tuple[str, ...], Flask] = {}
"""Applications without services, by the settings that their routes depend on. None is ever used itself."""


class CompiledTemplates(FileSystemBytecodeCache):
    """Compiled templates of pages, which all processes and runs share. To compile them takes most of a second."""

    def __init__(self) -> None:
        folder = Path(__file__).resolve().parents[3] / ".venv" / "templates"
        folder.mkdir(exist_ok=True)
        super().__init__(str(folder))

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        return super().get_cache_key(name)  # a copy of the project has the same templates

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):  # a test may have limited the space on the disk
            super().dump_bytecode(bucket)


def copied_routes(settings: Settings, more: Mapping[str, Any]) -> Flask:
    """Does what `make_routes` does."""
    from koyjabo.web.limits.limits import LIMITS_EXTENSION, RateLimits  # a server imports it after its patch

    if settings.bridges:  # a bridge adds its routes to the map of URLs, which the copies share
        return make_routes(settings, more)
    key = (settings.environment, settings.secret_key, settings.metrics_token)
    if key not in _apps:
        _apps[key] = make_routes(settings, {})
        _apps[key].jinja_env.bytecode_cache = CompiledTemplates()
    app = copy(_apps[key])
    vars(app).update({name: copied(value) for name, value in vars(app).items()})
    app.config.update({name: value for name, value in more.items() if name.isupper()})
    app.config.update(SECRET_KEY=settings.secret_key, METRICS_TOKEN=settings.metrics_token)
    app.extensions[LIMITS_EXTENSION] = RateLimits(settings)
    return app


def copied(value: Any) -> Any:
    """A copy, including nested lists, sets and dictionaries."""
    if type(value) in (list, set):
        return type(value)(map(copied, value))
    if isinstance(value, dict):
        copied_dict = copy(value)  # keeps subclasses, such as defaultdict
        copied_dict.update({key: copied(inner) for key, inner in value.items()})
        return copied_dict
    return value
