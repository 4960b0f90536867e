"""Static files. Our own pages request them under a path with a hash of their content, cached for a year.

Our pages use `/static/v-<version>/…`: modules that import each other by relative paths stay within one version.
Pages of other sites use `/static/…`. Scripts and styles are sent minified, if `make assets` has done that with the
present source; the client module and a script of `js/pages` then contain all that they import. Several style sheets are
one file: `css/tokens+site.css`.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, Flask, Response, abort, current_app, request, send_file, url_for
from werkzeug.security import safe_join

from koyjabo.web.http.module_graph import imports_of

FOLDER = Path(__file__).resolve().parents[2] / "static"
BUILT = FOLDER / "min"
BUNDLES = "js/pages/"
"""The folder of the scripts of one page that are bundled."""

CLIENT = "js/koyjabo.js"
"""Bundled as well: pages of other sites import it."""

STYLES = ("css", "vendor")
"""Folders of style sheets."""

FOREVER = "public, max-age=31536000, immutable"
FOR_OTHERS = "public, max-age=300"
"""Pages of other sites may use a cached module for 300 s."""

FOR_A_DAY = "public, max-age=86400"
TEXTS = {".js", ".css", ".svg", ".json", ".webmanifest"}
MOST_JOINED = 12
SERVICE_WORKER = "js/service-worker.js"

EXTENSION = "koyjabo.static_version"

bp = Blueprint("static_files", __name__)


def init_app(app: Flask, is_development: bool) -> None:
    """In development the version follows changes of files; in production it is fixed at the start."""
    fixed = _version(_stamps())
    app.extensions[EXTENSION] = (lambda: _version(_stamps())) if is_development else (lambda: fixed)


def current_version() -> str:
    version: Callable[[], str] = current_app.extensions[EXTENSION]
    return version()


@bp.get("/static/v-<version>/<path:name>")
def versioned(version: str, name: str) -> Response:
    """Always sends the current version; only a request for that version may be cached."""
    return _file(name, FOREVER if version == current_version() else "no-cache")


@bp.get("/static/<path:name>")
def unversioned(name: str) -> Response:
    return _file(name, FOR_OTHERS)


@bp.get('/<any("favicon.ico", "icon.svg", "apple-touch-icon.png", "manifest.webmanifest", "robots.txt"):file>')
def at_the_root(file: str) -> Response:
    """Files that browsers and crawlers look for there."""
    return _file(f"root/{file}", FOR_A_DAY)


@bp.get("/sw.js")
def service_worker() -> Response:
    """The service worker of all our pages: its address stays, and its content names the version that it belongs to."""
    source = url_for("static_files.versioned", version=current_version(), name=SERVICE_WORKER)
    response = Response(f'import "{source}";\n', mimetype="text/javascript")
    response.headers["Cache-Control"] = "no-cache"
    return response


def send(path: Path, cache_control: str) -> Response:
    """Texts packed, if the client accepts it."""
    if path.suffix not in TEXTS:
        response = send_file(path)
        response.headers["Cache-Control"] = cache_control
        return response
    modified_ns = path.stat().st_mtime_ns
    brotli = _found(path, ".br")
    if brotli and request.accept_encodings["br"] > 0:
        return _text(path, brotli.read_bytes(), cache_control, "br")
    data = _read(_found(path) or path, modified_ns)
    if request.accept_encodings["gzip"] > 0:
        return _text(path, _gzip(data), cache_control, "gzip")
    return _text(path, data, cache_control)


def _text(path: Path, data: bytes, cache_control: str, encoding: str = "") -> Response:
    """The name of an immutable file is its tag."""
    response = Response(data, mimetype=mimetypes.guess_type(path.name)[0])
    response.vary.add("Accept-Encoding")
    response.headers["Cache-Control"] = cache_control
    if encoding:
        response.headers["Content-Encoding"] = encoding
    if cache_control != FOREVER:
        response.add_etag()
        response.make_conditional(request)
    return response


def _file(name: str, cache_control: str) -> Response:
    if "+" in name:
        return _joined(Path(name), cache_control)
    path = Path(safe_join(str(FOLDER), name) or "")
    if not os.path.isfile(path):  # unlike Path's, it takes names of any length
        abort(404)
    return send(path, cache_control)


def _joined(name: Path, cache_control: str) -> Response:
    names = name.stem.split("+")
    is_repeated = len(set(names)) < len(names)
    if name.parent != Path("css") or name.suffix != ".css" or len(names) > MOST_JOINED or is_repeated:
        abort(404)
    data = joined_styles(names)
    if data is None:
        abort(404)
    if request.accept_encodings["gzip"] > 0:
        return _text(name, _packed_join(data), cache_control, "gzip")
    return _text(name, data, cache_control)


def joined_styles(names: Sequence[str]) -> bytes | None:
    """The text of these style sheets, one after the other; None if one of them does not exist."""
    found = [_style(each) for each in names]
    return None if None in found else _joined_text(tuple(path for path in found if path), current_version())


@lru_cache(maxsize=64)
def _packed_join(data: bytes) -> bytes:
    """Apart from `_gzip`, because anyone may ask for any combination."""
    return gzip.compress(data, mtime=0)


def _style(name: str) -> Path | None:
    paths = [Path(safe_join(str(FOLDER / folder), f"{name}.css") or "") for folder in STYLES]
    return next((path for path in paths if os.path.isfile(path)), None)


@lru_cache(maxsize=64)
def _joined_text(paths: tuple[Path, ...], version: str) -> bytes:
    return b"".join((_found(path) or path).read_bytes() for path in paths)


def is_bundled(name: str) -> bool:
    """Whether the script is sent with all that it imports."""
    return is_bundle(name) and _found(FOLDER / name) is not None


def is_bundle(name: str) -> bool:
    """Whether `make assets` bundles the script."""
    return name == CLIENT or name.startswith(BUNDLES)


def _found(path: Path, packing: str = "") -> Path | None:
    """What tools/assets/minify.mjs has made of the present content."""
    sources: tuple[Path, ...] = (path,)
    if path.is_relative_to(FOLDER) and is_bundle(name := path.relative_to(FOLDER).as_posix()):
        sources = tuple(FOLDER / each for each in sorted((name, *imports_of(FOLDER, name, current_version()))))
    return _built(sources, max(each.stat().st_mtime_ns for each in sources), packing)


@lru_cache(maxsize=512)
def _built(sources: tuple[Path, ...], modified_ns: int, packing: str) -> Path | None:
    digest = hashlib.sha256(b"".join(each.read_bytes() for each in sources)).hexdigest()
    built = BUILT / f"{digest[:16]}{sources[0].suffix}{packing}"
    return built if built.is_file() else None


@lru_cache(maxsize=256)
def _read(path: Path, modified_ns: int) -> bytes:
    return path.read_bytes()


@lru_cache(maxsize=256)
def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


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
