"""Caches for what Flask, SQLAlchemy and werkzeug compile when an application is made. Compiling takes most of that
time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from re import Pattern
from types import CodeType
from typing import Any

from flask import Flask
from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule, rules

MAX_STATEMENTS = 3000


def compile_once() -> None:
    _keep_routes()
    rules._part_re = KeptMatches(rules._part_re)  # type: ignore[attr-defined]
    Flask.jinja_options = {"bytecode_cache": KeptTemplates()}


def keep_statements() -> None:
    """Compile each SQL statement once per kind of database, not once per database. This saves a third of the time
    needed to open one.

    Only for the tests' process: in a server, real threads would share a lock.
    """
    kept: LRUCache[Any, Any] = LRUCache(MAX_STATEMENTS)
    Engine._compiled_cache = property(lambda _: kept, lambda *_: None)  # type: ignore[assignment]
    DefaultDialect.__eq__ = lambda dialect, other: type(dialect) is type(other)  # type: ignore[method-assign]
    DefaultDialect.__hash__ = lambda dialect: hash(type(dialect))  # type: ignore[method-assign]


def _keep_routes() -> None:
    """Reuse URL builders for routes with the same text. werkzeug passes the route to them with each call."""
    compile_builder = Rule._compile_builder
    kept: dict[object, Callable[..., Any]] = {}

    def kept_builder(rule: Rule, append_unknown: bool = True) -> Callable[..., Any]:
        key = (rule.rule, tuple(rule._trace), repr(rule.defaults), append_unknown)
        if key not in kept:
            kept[key] = compile_builder(rule, append_unknown)
        return kept[key]

    Rule._compile_builder = kept_builder  # type: ignore[method-assign]


class KeptMatches:
    """Caches the matches of werkzeug's route expression. This saves a third of the time needed to create an
    application.
    """

    def __init__(self, pattern: Pattern[str]) -> None:
        self.match = cache(pattern.match)


class KeptTemplates(FileSystemBytecodeCache):
    """Keeps compiled templates in memory, and in files in the run's folder for its other processes."""

    def __init__(self) -> None:
        super().__init__()
        self._codes: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))
        if bucket.code is None:
            super().load_bytecode(bucket)
            self._keep(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._keep(bucket)
        super().dump_bytecode(bucket)

    def _keep(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._codes[bucket.key, bucket.checksum] = bucket.code
