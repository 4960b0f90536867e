"""Static files. Our own pages request them under a path with a hash of their content, cached for a year.

Our pages use `/static/v-<version>/…`: modules that import each other by relative paths stay within one version.
Pages of other sites use `/static/…`.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, Flask, Response, current_app, request, send_from_directory, url_for
from werkzeug.security import safe_join

FOLDER = Path(__file__).resolve().parents[2] / "static"
FOREVER = "public, max-age=31536000, immutable"
FOR_OTHERS = "public, max-age=300"
"""Pages of other sites may use a cached module for 300 s."""

TEXTS = {".js", ".css", ".svg"}

EXTENSION = "koyjabo.static_version"

bp = Blueprint("static_files", __name__)


def init_app(app: Flask, is_development: bool) -> None:
    """Register the template functions. In development the version follows changes of files; in production it is fixed
    at the start.
    """
    fixed = _version(_stamps())
    app.extensions[EXTENSION] = (lambda: _version(_stamps())) if is_development else (lambda: fixed)
    app.jinja_env.globals["asset"] = asset
    app.jinja_env.globals["has_asset"] = lambda name: (FOLDER / name).is_file()


def asset(name: str) -> str:
    """The URL of a file for our own pages."""
    return url_for("static_files.versioned", version=_current_version(), name=name)


@bp.get("/static/v-<version>/<path:name>")
def versioned(version: str, name: str) -> Response:
    """Always sends the current version; only a request for that version may be cached."""
    return _file(name, FOREVER if version == _current_version() else "no-cache")


@bp.get("/static/<path:name>")
def unversioned(name: str) -> Response:
    return _file(name, FOR_OTHERS)


def _current_version() -> str:
    version: Callable[[], str] = current_app.extensions[EXTENSION]
    return version()


def _file(name: str, cache_control: str) -> Response:
    path = Path(safe_join(str(FOLDER), name) or "")
    packed = path.suffix in TEXTS and path.is_file() and request.accept_encodings["gzip"] > 0
    response = _packed_file(path) if packed else send_from_directory(FOLDER, name)
    if path.suffix in TEXTS:
        response.vary.add("Accept-Encoding")
    response.headers["Cache-Control"] = cache_control
    return response


def _packed_file(path: Path) -> Response:
    data = _packed(path, path.stat().st_mtime_ns)
    response = Response(data, mimetype=mimetypes.guess_type(path.name)[0], headers={"Content-Encoding": "gzip"})
    response.add_etag()
    response.make_conditional(request)
    return response


@lru_cache(maxsize=64)
def _packed(path: Path, modified_ns: int) -> bytes:
    return gzip.compress(path.read_bytes(), mtime=0)


def _stamps() -> tuple[tuple[str, int], ...]:
    """Every file with its modification time, ns."""
    files = sorted(path for path in FOLDER.rglob("*") if path.is_file())
    return tuple((str(path), path.stat().st_mtime_ns) for path in files)


@lru_cache(maxsize=4)
def _version(stamps: tuple[tuple[str, int], ...]) -> str:
    """A hash of the contents: equal on every machine that serves the same files."""
    contents = hashlib.blake2b(digest_size=6)
    for path, _ in stamps:
        contents.update(Path(path).read_bytes())
    return contents.hexdigest()
