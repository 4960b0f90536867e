"""Files for browsers, under a path that names what they contain: kept for a year, and never out of date.

`/static/v-<version>/…` is what our own pages use: modules that import each other by relative paths stay within one
version. `/static/…` is for the pages of others.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, Flask, Response, current_app, request, send_from_directory, url_for
from werkzeug.security import safe_join

FOLDER = Path(__file__).resolve().parents[2] / "static"
FOREVER = "public, max-age=31536000, immutable"
FOR_OTHERS = "public, max-age=300"
"""How long pages of others may go on with the module they have."""

TEXTS = {".js", ".css", ".svg"}

EXTENSION = "koyjabo.static_version"

bp = Blueprint("static_files", __name__)


def init_app(app: Flask, is_development: bool) -> None:
    """Files change while somebody develops; anywhere else they are as they were at the start."""
    fixed = _version(_stamps())
    app.extensions[EXTENSION] = (lambda: _version(_stamps())) if is_development else (lambda: fixed)
    app.jinja_env.globals["asset"] = asset
    app.jinja_env.globals["has_asset"] = lambda name: (FOLDER / name).is_file()


def asset(name: str) -> str:
    """Where our own pages find a file."""
    return url_for("static_files.versioned", version=_present(), name=name)


@bp.get("/static/v-<version>/<path:name>")
def versioned(version: str, name: str) -> Response:
    """Whatever version is asked for, the present one is given; only under its own name it is kept."""
    return _file(name, FOREVER if version == _present() else "no-cache")


@bp.get("/static/<path:name>")
def unversioned(name: str) -> Response:
    return _file(name, FOR_OTHERS)


def _present() -> str:
    return current_app.extensions[EXTENSION]()


def _file(name: str, cached: str) -> Response:
    path = Path(safe_join(str(FOLDER), name) or "")
    packed = path.suffix in TEXTS and path.is_file() and request.accept_encodings["gzip"] > 0
    response = _packed_file(path) if packed else send_from_directory(FOLDER, name)
    if path.suffix in TEXTS:
        response.vary.add("Accept-Encoding")
    response.headers["Cache-Control"] = cached
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
    """Every file with the time of its last change, ns."""
    files = sorted(path for path in FOLDER.rglob("*") if path.is_file())
    return tuple((str(path), path.stat().st_mtime_ns) for path in files)


@lru_cache(maxsize=4)
def _version(stamps: tuple[tuple[str, int], ...]) -> str:
    """Of the content: the same on every machine that serves the same files."""
    contents = hashlib.blake2b(digest_size=6)
    for path, _ in stamps:
        contents.update(Path(path).read_bytes())
    return contents.hexdigest()
