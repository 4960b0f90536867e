"""Static files. Our own pages request them by a path that contains the version of all files, and that is cached for a
year. Pages on other sites use `/static/…`.

`make assets` minifies, bundles and compresses them into `static/min/`, with a manifest (tools/assets/minify.mjs).
Without a build, or if a source has changed since, the sources are sent, and browsers find their imports one by one.
"""

import hashlib
import json
import mimetypes
import os
import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from gettext import GNUTranslations
from pathlib import Path
from typing import cast

from flask import Blueprint, Flask, Response, abort, current_app, g, request, send_file

PACKAGE = Path(__file__).resolve().parents[2]
STATIC_FOLDER = PACKAGE / "static"
NEEDED_FILES = (
    "static/vendor/icons.svg",
    "static/vendor/digits-latin.woff2",
    "static/vendor/digits-bengali.woff2",
    "translations/bn/LC_MESSAGES/messages.mo",
)
"""Built files that pages cannot be shown without. Pages do without charts, maps and minified scripts."""

MINIFIED_FOLDER = "min"
TEXT_SUFFIXES = {".js", ".css", ".svg", ".json"}
PACKED_SUFFIXES = {"br": ".br", "gzip": ".gz"}
FOREVER_CACHING = "public, max-age=31536000, immutable"
SHARED_CACHING = "public, max-age=300"
"""Pages on other sites may use a cached file for 300 s."""

SCRIPT_CACHING = f"{SHARED_CACHING}, stale-while-revalidate=86400"
"""They may use a script for a day more, while the browser fetches the newer one: no later page of a day waits."""

DAY_CACHING = "public, max-age=86400"
SERVICE_WORKER = "counting/service-worker.js"
ASSETS_EXTENSION = "koyjabo.assets"
SCRIPTS_EXTENSION = "koyjabo.script_caching"

bp = Blueprint("static_files", __name__)


class UnusableAssets(Exception):
    """Pages cannot be shown. The message is a sentence for the operator."""

    def __init__(self, file: Path) -> None:
        name = file.relative_to(PACKAGE.parent)
        super().__init__(f"No page can be shown, because {name} is missing or broken. Run `make assets`.")


@dataclass(frozen=True)
class Assets:
    """The static files and their URLs: those in the manifest if assets are built, otherwise the sources."""

    version: str
    names: Collection[str]
    folder: Path  # folder with the text files
    sources: str = ""  # SHA-256 of the build's sources
    preloads: Mapping[str, list[str]] = field(default_factory=dict)  # modules that a script imports, nearest first
    bundled: Mapping[str, list[str]] = field(default_factory=dict)  # modules included in a script's file
    inline: Mapping[str, dict[str, str]] = field(default_factory=dict)  # a style's text and SHA-256 (base64)

    def address(self, name: str) -> str:
        """A file's URL. Raises LookupError if there is no such file."""
        if name not in self.names:
            raise LookupError(f"There is no file {name} in {STATIC_FOLDER}.")
        return f"/static/v-{self.version}/{name}"


def set_up(app: Flask, is_development: bool) -> None:
    """Register the files. In development, they may change between requests; in production, they are read once, at
    startup.
    """
    fixed = _present()
    app.extensions[ASSETS_EXTENSION] = _present if is_development else lambda: fixed
    app.extensions[SCRIPTS_EXTENSION] = SHARED_CACHING if is_development else SCRIPT_CACHING


def require_all() -> None:
    """Check the files that pages need. Raises UnusableAssets."""
    for name in NEEDED_FILES:
        if not _is_whole(PACKAGE / name):
            raise UnusableAssets(PACKAGE / name)
    try:
        _present()
    except (LookupError, TypeError, ValueError):
        raise UnusableAssets(STATIC_FOLDER / MINIFIED_FOLDER / "manifest.json") from None


def _is_whole(file: Path) -> bool:
    try:
        with file.open("rb") as content:
            return bool(GNUTranslations(content) if file.suffix == ".mo" else content.read(1))
    except (OSError, ValueError, struct.error):
        return False


def assets() -> Assets:
    """The static files for the current request."""
    if "assets" not in g:
        g.assets = current_app.extensions[ASSETS_EXTENSION]()
    return cast(Assets, g.assets)


def _present() -> Assets:
    """The build if it matches the current sources, otherwise the sources."""
    sources = tuple(_walk())
    digest, names = _digest(sources), frozenset(name for name, _ in sources)
    manifest = STATIC_FOLDER / MINIFIED_FOLDER / "manifest.json"
    if manifest.is_file():
        built = _built(manifest, manifest.stat().st_mtime_ns)
        if built.sources == digest:
            return built
    return Assets(digest[:12], names, STATIC_FOLDER)


def _walk() -> Iterator[tuple[str, int]]:
    """Yield all sources with their modification times, ns."""
    for folder, folders, files in os.walk(STATIC_FOLDER):
        folders[:] = [folder for folder in folders if folder != MINIFIED_FOLDER]
        for path in (Path(folder, file) for file in files):
            yield path.relative_to(STATIC_FOLDER).as_posix(), path.stat().st_mtime_ns


@lru_cache(maxsize=2)
def _digest(sources: tuple[tuple[str, int], ...]) -> str:
    """The digest of the sources, as tools/assets/minify.mjs computes it."""
    digest = hashlib.sha256()
    for name, _ in sorted(sources):
        content = (STATIC_FOLDER / name).read_bytes()
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


@lru_cache(maxsize=2)
def _built(manifest: Path, modified_ns: int) -> Assets:
    """Read the manifest. Raises LookupError if one of its files is missing, so that the server does not start with a
    partial build.
    """
    values = json.loads(manifest.read_text(encoding="utf-8"))
    built = Assets(**values | {"names": frozenset(values["names"])}, folder=manifest.parent)
    missing = [
        name for name in built.names if Path(name).suffix in TEXT_SUFFIXES and not (built.folder / name).is_file()
    ]
    if missing:
        raise LookupError(f"{manifest} names {missing[0]}, which is not in the same folder. Run `make assets`.")
    return built


@bp.get("/static/v-<version>/<path:name>")
def versioned(version: str, name: str) -> Response:
    """Send the current version of a file, whichever version the URL names. Only responses to requests for the current
    version may be cached.
    """
    return _send(name, FOREVER_CACHING if version == assets().version else "no-cache")


@bp.get("/static/<path:name>")
def unversioned(name: str) -> Response:
    is_script = name.startswith("js/")
    return _send(name, current_app.extensions[SCRIPTS_EXTENSION] if is_script else SHARED_CACHING)


@bp.get("/robots.txt")
def robots() -> Response:
    return _send("root/robots.txt", DAY_CACHING)


@bp.get("/sw.js")
def service_worker() -> Response:
    """Send the service worker for all our pages. Its URL never changes; its content names the version it belongs to."""
    response = Response(f'import "{assets().address(SERVICE_WORKER)}";\n', mimetype="text/javascript")
    response.headers["Cache-Control"] = "no-cache"
    return response


def _send(name: str, cache_control: str) -> Response:
    """Send a file: text files only whole, other files also in parts. Other sites know the client module and its parts
    as `js/…`. Parts that only scripts of earlier releases import are in a folder for them (decision 131).
    """
    name = f"counting/{name[3:]}" if name.startswith("js/") else name
    if name not in assets().names:
        name = name.replace("counting/", "counting/before/", 1)
    is_text = Path(name).suffix in TEXT_SUFFIXES
    path = (assets().folder if is_text else STATIC_FOLDER) / name
    if name not in assets().names or not path.is_file():  # files may be replaced while the server runs
        abort(404)
    response = _text(path) if is_text else send_file(path)
    response.headers["Cache-Control"] = cache_control
    if is_text and cache_control != FOREVER_CACHING:  # the name of an immutable file acts as its tag
        response.add_etag()
        response.make_conditional(request)
    return response


def _text(path: Path) -> Response:
    """Send a text file, compressed if the client accepts it."""
    accepted = [encoding for encoding in PACKED_SUFFIXES if request.accept_encodings[encoding] > 0]
    encoding = next((encoding for encoding in accepted if os.path.isfile(f"{path}{PACKED_SUFFIXES[encoding]}")), "")
    data = Path(f"{path}{PACKED_SUFFIXES.get(encoding, '')}").read_bytes()
    response = Response(data, mimetype=mimetypes.guess_type(path.name)[0])
    response.vary.add("Accept-Encoding")
    if encoding:
        response.headers["Content-Encoding"] = encoding
    return response
